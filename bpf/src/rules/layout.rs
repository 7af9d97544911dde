//! Rules as `xskit.bpf.c` has them: keys, masks, and the element of a port.

use std::net::IpAddr;

use crate::{Ports, Prefix};

/// `SHAPES`: of each IP version.
pub(crate) const SHAPES: usize = 16;
/// `RULES`: those with a shape, of each IP version.
pub(crate) const RULES: usize = 8192;
/// `VERSIONS`.
pub(super) const VERSIONS: usize = 2;

/// `CARRIED`: UDP, TCP, ICMP, other.
const CARRIED: u8 = 4;
const UDP: u8 = 0;
const TCP: u8 = 1;
const ICMP: u8 = 2;

/// The protocol that a rule matches, and its ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Protocol {
    Udp(Ports),
    Tcp(Ports),
    Icmp,
    Any,
}

/// A rule of one IP version, which both its prefixes have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Term {
    pub(super) protocol: Protocol,
    pub(super) to: Prefix,
    pub(super) from: Prefix,
    pub(super) vlan: Option<u16>,
}

/// What rules that share a lookup have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// A bit for each of `CARRIED` that they match.
    carried: u8,
    ports: Compared,
    to_len: u8,
    from_len: u8,
    has_vlan: bool,
}

/// How ports are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compared {
    /// In the key.
    Each,
    /// Not in the key: the shape is marked at these ports only.
    All(Ports),
    /// There are no ports.
    None,
}

impl Term {
    /// The index of its IP version: 0 for IPv4, 1 for IPv6.
    pub(super) fn version(&self) -> usize {
        self.to.address().is_ipv6().into()
    }

    pub(super) fn names_tcp(&self) -> bool {
        matches!(self.protocol, Protocol::Tcp(_) | Protocol::Any)
    }

    /// The ports whose elements mark the rule.
    pub(super) fn ports(&self) -> Option<Ports> {
        match self.protocol {
            Protocol::Udp(ports) | Protocol::Tcp(ports) => Some(ports),
            Protocol::Any => Some(Ports::ALL),
            Protocol::Icmp => None,
        }
    }

    /// The bit of `whole` and its ports, if the rule matches all of UDP or TCP to them.
    pub(super) fn whole(&self) -> Option<(u16, Ports)> {
        let (carried, ports) = match self.protocol {
            Protocol::Udp(ports) => (UDP, ports),
            Protocol::Tcp(ports) => (TCP, ports),
            Protocol::Icmp | Protocol::Any => return None,
        };
        let is_whole = self.to.len() == 0 && self.from.len() == 0 && self.vlan.is_none();
        let bit = 1 << (usize::from(carried) * VERSIONS + self.version());
        is_whole.then_some((bit, ports))
    }

    pub(super) fn shape(&self) -> Shape {
        let of = |ports: Ports| {
            ports
                .single()
                .map_or(Compared::All(ports), |_| Compared::Each)
        };
        let (carried, ports) = match self.protocol {
            Protocol::Udp(ports) => (1 << UDP, of(ports)),
            Protocol::Tcp(ports) => (1 << TCP, of(ports)),
            Protocol::Icmp => (1 << ICMP, Compared::None),
            Protocol::Any => ((1 << CARRIED) - 1, Compared::All(Ports::ALL)),
        };
        Shape {
            carried,
            ports,
            to_len: self.to.len(),
            from_len: self.from.len(),
            has_vlan: self.vlan.is_some(),
        }
    }

    /// `struct ipv4_key` or `struct ipv6_key`, for the shape of this index.
    pub(super) fn key(&self, shape: u16) -> Vec<u8> {
        let port = self.ports().and_then(Ports::single).unwrap_or(0);
        let mut key = Vec::with_capacity(40);
        key.extend(shape.to_ne_bytes());
        key.extend(self.vlan.unwrap_or(0).to_ne_bytes());
        key.extend(port.to_be_bytes());
        key.extend([0; 2]);
        for prefix in [self.to, self.from] {
            match prefix.address() {
                IpAddr::V4(address) => key.extend(address.octets()),
                IpAddr::V6(address) => key.extend(address.octets()),
            }
        }
        key
    }

    /// `struct ipv4_mask` or `struct ipv6_mask`: the same for all rules of the shape.
    pub(super) fn mask(&self) -> Vec<u8> {
        let all = |is_compared: bool| if is_compared { u16::MAX } else { 0 };
        let mut mask = Vec::with_capacity(36);
        for prefix in [self.to, self.from] {
            match prefix.address() {
                IpAddr::V4(_) => mask.extend(prefix.mask4().to_be_bytes()),
                IpAddr::V6(_) => mask.extend(prefix.mask6().to_be_bytes()),
            }
        }
        mask.extend(all(self.vlan.is_some()).to_ne_bytes());
        mask.extend(all(self.shape().ports == Compared::Each).to_ne_bytes());
        mask
    }
}

/// The element of a port: `struct port`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) whole: u16,
    pub(super) shapes: [u16; VERSIONS],
}

impl Port {
    pub(super) fn to_bytes(self) -> [u8; 8] {
        let [ipv4, ipv6] = self.shapes;
        let mut bytes = [0; 8];
        let fields = [self.whole, ipv4, ipv6].map(u16::to_ne_bytes);
        for (byte, field) in bytes.iter_mut().zip(fields.as_flattened()) {
            *byte = *field;
        }
        bytes
    }
}

/// A shape and its mask.
pub(super) type Masked = (Shape, Vec<u8>);

/// The shapes of each IP version: `struct shapes`.
pub(super) fn shapes_to_bytes(
    shapes: &[[Option<Masked>; SHAPES]; VERSIONS],
    has_tcp: [bool; VERSIONS],
) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(788);
    for of_version in shapes {
        for carried in 0..CARRIED {
            let names = |shape: &Option<Masked>| {
                let shape = shape.as_ref();
                shape.is_some_and(|(shape, _)| shape.carried & (1 << carried) != 0)
            };
            let bits = of_version.iter().enumerate();
            let bits = bits.filter(|(_, shape)| names(shape));
            let bits: u16 = bits.map(|(index, _)| 1 << index).sum();
            bytes.extend(bits.to_ne_bytes());
        }
    }
    for has_tcp in has_tcp {
        bytes.extend(u16::from(has_tcp).to_ne_bytes());
    }
    for (of_version, len) in shapes.iter().zip([12, 36]) {
        for shape in of_version {
            match shape {
                Some((_, mask)) => bytes.extend(mask),
                None => bytes.extend(std::iter::repeat_n(0, len)),
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Prefix, Rule};

    fn term(rule: Rule) -> Term {
        rule.versions().next().unwrap()
    }

    fn prefix(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn keys_and_masks_lie_as_the_c_structs() {
        let ipv4 = term(Rule::udp(0x01bb).to(prefix("192.0.2.0/23")).vlan(0x0102));
        let [a, b] = 0x0102u16.to_ne_bytes();
        let [c, d] = 3u16.to_ne_bytes();
        let key = [c, d, a, b, 1, 0xbb, 0, 0, 192, 0, 2, 0, 0, 0, 0, 0];
        assert_eq!(ipv4.key(3), key);
        let mask = [255, 255, 254, 0, 0, 0, 0, 0, 255, 255, 255, 255];
        assert_eq!(ipv4.mask(), mask);
        let ipv6 = term(Rule::tcp(..).from(prefix("2001:db8::/33")));
        let mut key = [0; 40];
        key[..2].copy_from_slice(&[c, d]);
        key[24..28].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
        assert_eq!(ipv6.key(3), key);
        let mut mask = [0; 36];
        mask[16..21].copy_from_slice(&[255, 255, 255, 255, 128]);
        assert_eq!(ipv6.mask(), mask);
    }

    #[test]
    fn whole_are_rules_for_nothing_but_ports() {
        for (rule, bits) in [
            (Rule::udp(..), &[Some(1), Some(2)][..]),
            (Rule::tcp(9..=99), &[Some(4), Some(8)]),
            (Rule::udp(9).to(prefix("0.0.0.0/0")), &[Some(1)]),
            (Rule::udp(9).vlan(0), &[None, None]),
            (Rule::any(), &[None, None]),
            (Rule::udp(9).to(prefix("::/1")), &[None]),
        ] {
            let wholes = rule.versions().map(|term| term.whole());
            let wholes: Vec<_> = wholes.map(|whole| whole.map(|(bit, _)| bit)).collect();
            assert_eq!(wholes, bits, "{rule:?}");
        }
    }

    #[test]
    fn shapes_differ_by_what_is_compared_and_by_ranges() {
        let shape = |rule| term(rule).shape();
        let at = |text| Rule::udp(9).to(prefix(text));
        let alike = Rule::udp(7).to(prefix("9.9.9.9"));
        assert_eq!(shape(at("192.0.2.1")), shape(alike));
        let others = [
            at("192.0.2.0/24"),
            Rule::udp(9).from(prefix("192.0.2.1")),
            at("192.0.2.1").vlan(1),
            Rule::tcp(9).to(prefix("192.0.2.1")),
            Rule::udp(8..=9).to(prefix("192.0.2.1")),
            Rule::udp(7..=9).to(prefix("192.0.2.1")),
            Rule::icmp().to(prefix("192.0.2.1")),
            Rule::any().to(prefix("192.0.2.1")),
        ];
        for rule in others {
            assert_ne!(shape(rule), shape(at("192.0.2.1")), "{rule:?}");
        }
    }
}
