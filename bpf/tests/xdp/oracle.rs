//! The tables at the top of `xskit.bpf.c`, written again in another language and style: what the
//! program must read in a frame, and whether a rule matches it.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use xskit_bpf::{Prefix, Rule};

/// An IP packet as rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    pub(crate) carries: Carries,
    to: Vec<u8>,
    from: Vec<u8>,
    /// 0 is none; a frame with two tags has no VLAN that a rule could have.
    vlan: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carries {
    Udp(u16),
    Tcp(u16),
    Icmp,
    Other,
}

/// `None` is a malformed frame, `Some(None)` one without an IP packet.
pub(crate) fn read(frame: &[u8]) -> Option<Option<Packet>> {
    let (_, mut rest) = frame.split_at_checked(12)?;
    let mut ethertype = u16_at(rest, 0)?;
    let mut tags = Vec::new();
    rest = &rest[2..];
    for _ in 0..2 {
        if ethertype == 0x8100 || ethertype == 0x88a8 {
            ethertype = u16_at(rest, 2)?;
            tags.push(u16_at(rest, 0)? % 4096);
            rest = &rest[4..];
        }
    }
    let vlan = match tags[..] {
        [] => Some(0),
        [vlan] => Some(vlan),
        _ => None,
    };
    let (carries, to, from) = match ethertype {
        0x0800 => read_ipv4(rest)?,
        0x86dd => read_ipv6(rest)?,
        _ => return Some(None),
    };
    let (to, from) = (to.to_vec(), from.to_vec());
    Some(Some(Packet {
        carries,
        to,
        from,
        vlan,
    }))
}

/// The protocol, the destination and the source.
type Ip<'a> = (Carries, &'a [u8], &'a [u8]);

fn read_ipv4(packet: &[u8]) -> Option<Ip<'_>> {
    let fixed = packet.get(..20)?;
    let header_len = usize::from(fixed[0] % 16) * 4;
    let total_len = usize::from(u16_at(fixed, 2)?);
    if fixed[0] / 16 != 4 || header_len < 20 {
        return None;
    }
    let payload = packet.get(..total_len)?.get(header_len..)?;
    let fragment = u16_at(fixed, 6)?;
    let unfragmented = fragment & 0x1fff == 0 && fragment & 0x2000 == 0;
    let carries = match fixed[9] {
        _ if !unfragmented => Carries::Other,
        1 => Carries::Icmp,
        protocol => read_ports(protocol, payload)?,
    };
    Some((carries, &fixed[16..20], &fixed[12..16]))
}

fn read_ipv6(packet: &[u8]) -> Option<Ip<'_>> {
    let (fixed, rest) = packet.split_at_checked(40)?;
    if fixed[0] / 16 != 6 {
        return None;
    }
    let payload = rest.get(..usize::from(u16_at(fixed, 4)?))?;
    let carries = match fixed[6] {
        58 => Carries::Icmp,
        protocol => read_ports(protocol, payload)?,
    };
    Some((carries, &fixed[24..40], &fixed[8..24]))
}

fn read_ports(protocol: u8, payload: &[u8]) -> Option<Carries> {
    match protocol {
        17 => {
            let header = payload.get(..8)?;
            let len = usize::from(u16_at(header, 4)?);
            let _data = payload.get(8..len)?;
            Some(Carries::Udp(u16_at(header, 2)?))
        }
        6 if payload.len() >= 20 => Some(Carries::Tcp(u16_at(payload, 2)?)),
        _ => Some(Carries::Other),
    }
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    let field = bytes.get(offset..)?.first_chunk()?;
    Some(u16::from_be_bytes(*field))
}

/// A rule whose parts can be looked at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) protocol: Protocol,
    pub(crate) to: Option<(IpAddr, u8)>,
    pub(crate) from: Option<(IpAddr, u8)>,
    pub(crate) vlan: Option<u16>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Protocol {
    Udp(RangeInclusive<u16>),
    Tcp(RangeInclusive<u16>),
    Icmp,
    Any,
}

impl Wanted {
    /// UDP to a port at any address.
    pub(crate) fn port(port: u16) -> Self {
        Self {
            protocol: Protocol::Udp(port..=port),
            to: None,
            from: None,
            vlan: None,
        }
    }

    pub(crate) fn rule(&self) -> Rule {
        let prefix = |(address, len)| Prefix::new(address, len).unwrap();
        let mut rule = match &self.protocol {
            Protocol::Udp(ports) => Rule::udp(ports.clone()),
            Protocol::Tcp(ports) => Rule::tcp(ports.clone()),
            Protocol::Icmp => Rule::icmp(),
            Protocol::Any => Rule::any(),
        };
        if let Some(to) = self.to {
            rule = rule.to(prefix(to));
        }
        if let Some(from) = self.from {
            rule = rule.from(prefix(from));
        }
        self.vlan.map_or(rule, |vlan| rule.vlan(vlan))
    }

    pub(crate) fn names(&self, packet: &Packet) -> bool {
        let of_protocol = match (&self.protocol, packet.carries) {
            (Protocol::Udp(ports), Carries::Udp(port))
            | (Protocol::Tcp(ports), Carries::Tcp(port)) => ports.contains(&port),
            (Protocol::Icmp, Carries::Icmp) | (Protocol::Any, _) => true,
            _ => false,
        };
        let of_vlan = self.vlan.is_none_or(|vlan| packet.vlan == Some(vlan));
        of_protocol
            && of_vlan
            && self.to.is_none_or(|to| begins(&packet.to, to))
            && self.from.is_none_or(|from| begins(&packet.from, from))
    }
}

/// Whether a packet's address begins with the same bits, bit by bit.
fn begins(address: &[u8], (prefix, len): (IpAddr, u8)) -> bool {
    let prefix = match prefix {
        IpAddr::V4(prefix) => prefix.octets().to_vec(),
        IpAddr::V6(prefix) => prefix.octets().to_vec(),
    };
    let bit = |bytes: &[u8], at: usize| bytes[at / 8] >> (7 - at % 8) & 1;
    address.len() == prefix.len()
        && (0..usize::from(len)).all(|at| bit(address, at) == bit(&prefix, at))
}
