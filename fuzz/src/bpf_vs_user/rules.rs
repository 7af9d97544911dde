//! Rules, evaluated in user space.

use std::net::{IpAddr, SocketAddr};

use xskit_bpf::Rule as Said;
use xskit_wire::Datagram;

/// A rule of the program.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// The arguments of `XdpProgram::take`.
    Short { port: u16, address: Option<IpAddr> },
    /// A rule of `XdpProgram::add_rules`, with its meaning written a second time.
    Long {
        rule: Said,
        names: fn(&Datagram) -> bool,
    },
}

impl Rule {
    /// Whether the rule takes the datagram.
    pub(super) fn names(&self, datagram: &Datagram) -> bool {
        match *self {
            Self::Short { port, address } => is_for(port, address, datagram.destination),
            Self::Long { names, .. } => names(datagram),
        }
    }
}

/// By the documentation of `take`: no address means any, the unspecified one any of its version,
/// and a mapped one the IPv4 address that it wraps. On the wire, a mapped address is an IPv6
/// address like others.
fn is_for(port: u16, address: Option<IpAddr>, destination: SocketAddr) -> bool {
    if port != destination.port() {
        return false;
    }
    let to = destination.ip();
    match address.map(|address| address.to_canonical()) {
        None => true,
        Some(own) if own.is_unspecified() => own.is_ipv4() == to.is_ipv4(),
        Some(own) => own == to,
    }
}

/// The first 16 bits of an address of each version.
fn begins(address: IpAddr, ipv4: [u8; 2], ipv6: [u8; 2]) -> bool {
    match address {
        IpAddr::V4(address) => address.octets().starts_with(&ipv4),
        IpAddr::V6(address) => address.octets().starts_with(&ipv6),
    }
}

/// The identifier of the only tag, or 0 without one.
fn is_of_vlan(datagram: &Datagram, id: u16) -> bool {
    let tags: Vec<_> = datagram.link.tags.iter().map(|tag| tag.vid()).collect();
    match tags[..] {
        [] => id == 0,
        [tag] => id == tag,
        _ => false,
    }
}

/// The sets of rules that an input can select.
pub(super) fn sets() -> Vec<Vec<Rule>> {
    let any = |port| Rule::Short {
        port,
        address: None,
    };
    let at = |port, address: &str| Rule::Short {
        port,
        address: Some(address.parse().expect("an address")),
    };
    let prefix = |text: &str| text.parse().expect("a prefix");
    let long = |rule, names| Rule::Long { rule, names };
    vec![
        vec![],
        vec![any(443)],
        vec![at(443, "0.0.0.0")],
        vec![at(443, "::")],
        vec![at(443, "192.0.2.2"), at(443, "2001:db8::2")],
        vec![
            at(443, "::ffff:192.0.2.2"),
            any(444),
            at(0xbb01, "192.0.2.2"),
        ],
        vec![
            at(443, "255.255.255.255"),
            at(444, "192.0.2.2"),
            at(443, "ff02::1"),
        ],
        vec![
            long(Said::udp(256..=511).to(prefix("192.0.0.0/16")), |it| {
                it.destination.is_ipv4()
                    && (256..=511).contains(&it.destination.port())
                    && begins(it.destination.ip(), [192, 0], [0; 2])
            }),
            long(Said::udp(443).from(prefix("2001::/16")), |it| {
                it.source.is_ipv6()
                    && it.destination.port() == 443
                    && begins(it.source.ip(), [0; 2], [0x20, 1])
            }),
            any(444),
        ],
        vec![
            long(Said::udp(443).vlan(0), |it| {
                it.destination.port() == 443 && is_of_vlan(it, 0)
            }),
            long(Said::udp(..).vlan(100), |it| is_of_vlan(it, 100)),
        ],
    ]
}
