//! Rules, as user space understands them.

use std::net::{IpAddr, SocketAddr};

/// The arguments of `XdpProgram::take`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) port: u16,
    pub(super) address: Option<IpAddr>,
}

impl Rule {
    const fn new(port: u16, address: Option<IpAddr>) -> Self {
        Self { port, address }
    }

    /// Whether a datagram to this destination is to be taken. Written after the documentation of `take`: no address is any
    /// at all, the unspecified one is any of its version, and a mapped one is the IPv4 address that it wraps. On the wire,
    /// a mapped address is an IPv6 address like others.
    pub(super) fn names(&self, destination: SocketAddr) -> bool {
        if self.port != destination.port() {
            return false;
        }
        let to = destination.ip();
        match self.address.map(|address| address.to_canonical()) {
            None => true,
            Some(own) if own.is_unspecified() => own.is_ipv4() == to.is_ipv4(),
            Some(own) => own == to,
        }
    }
}

/// The sets to choose from.
pub(super) fn sets() -> Vec<Vec<Rule>> {
    let at = |port, address: &str| Rule::new(port, Some(address.parse().expect("an address")));
    let any = |port| Rule::new(port, None);
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
    ]
}

#[cfg(test)]
mod tests {
    use super::{Rule, sets};

    #[test]
    fn addresses_are_any_of_their_version_or_themselves() {
        let rule = |address: Option<&str>| Rule {
            port: 443,
            address: address.map(|text| text.parse().unwrap()),
        };
        let names = |rule: Rule, to: &str| rule.names(to.parse().unwrap());
        for (address, four, six, mapped) in [
            (None, true, true, true),
            (Some("0.0.0.0"), true, false, false),
            (Some("::"), false, true, true),
            (Some("192.0.2.2"), true, false, false),
            (Some("2001:db8::2"), false, true, false),
            (Some("::ffff:192.0.2.2"), true, false, false),
            (Some("192.0.2.3"), false, false, false),
        ] {
            let rule = rule(address);
            assert_eq!(names(rule, "192.0.2.2:443"), four, "{address:?}");
            assert_eq!(names(rule, "[2001:db8::2]:443"), six, "{address:?}");
            assert_eq!(names(rule, "[::ffff:192.0.2.2]:443"), mapped, "{address:?}");
            assert!(!names(rule, "192.0.2.2:444"));
        }
        assert!(sets().len() > 1);
    }
}
