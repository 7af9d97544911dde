//! A rule: which packets the program takes.

use std::net::IpAddr;

use super::layout::{Protocol, Term};
use crate::{Error, Ports, Prefix};

/// Packets to take: those of a protocol, and of the ports, addresses and VLAN that it names.
///
/// ```
/// # fn main() -> Result<(), xskit_bpf::InvalidPrefix> {
/// use xskit_bpf::Rule;
///
/// let dns = Rule::udp(53).to("192.0.2.0/24".parse()?);
/// let calls = Rule::udp(16384..=32767).vlan(7);
/// let ssh_from_within = Rule::tcp(22).from("2001:db8::/32".parse()?);
/// let all_of_a_host = Rule::any().to("192.0.2.7".parse()?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rule {
    protocol: Protocol,
    to: Option<Prefix>,
    from: Option<Prefix>,
    vlan: Option<u16>,
}

impl Rule {
    /// Unfragmented UDP datagrams to a port, a range of ports (`8000..=8999`), or all ports (`..`).
    #[must_use]
    pub fn udp(ports: impl Into<Ports>) -> Self {
        Self::of(Protocol::Udp(ports.into()))
    }

    /// TCP segments to a port, a range of ports, or all ports.
    ///
    /// The program only checks that their header is there.
    #[must_use]
    pub fn tcp(ports: impl Into<Ports>) -> Self {
        Self::of(Protocol::Tcp(ports.into()))
    }

    /// ICMP in IPv4 packets, ICMPv6 in IPv6 packets. Neighbour discovery is ICMPv6, too.
    #[must_use]
    pub fn icmp() -> Self {
        Self::of(Protocol::Icmp)
    }

    /// All IPv4 and IPv6 packets, fragments and those with IPv6 extension headers included, but not
    /// malformed ones.
    #[must_use]
    pub fn any() -> Self {
        Self::of(Protocol::Any)
    }

    /// A UDP port at `address`, or at any address.
    pub(crate) fn udp_at(port: u16, address: Option<IpAddr>) -> Self {
        let rule = Self::udp(port);
        address.map_or(rule, |address| rule.to(address.into()))
    }

    fn of(protocol: Protocol) -> Self {
        Self {
            protocol,
            to: None,
            from: None,
            vlan: None,
        }
    }

    /// Only packets to these addresses. Without it, any address includes broadcast and multicast,
    /// and other hosts' if this host forwards packets or the interface is promiscuous.
    #[must_use]
    pub fn to(self, addresses: Prefix) -> Self {
        let to = Some(addresses);
        Self { to, ..self }
    }

    /// Only packets from these addresses.
    #[must_use]
    pub fn from(self, addresses: Prefix) -> Self {
        let from = Some(addresses);
        Self { from, ..self }
    }

    /// Only packets in frames with one tag, of this VLAN; or, with 0, in frames without a tag.
    ///
    /// A tag that the NIC has stripped can't be seen: `ethtool -K IF rxvlan off` keeps it.
    #[must_use]
    pub fn vlan(self, id: u16) -> Self {
        let vlan = Some(id);
        Self { vlan, ..self }
    }

    /// Checks that it can match something.
    pub(super) fn check(&self) -> Result<(), Error> {
        if let Protocol::Udp(ports) | Protocol::Tcp(ports) = self.protocol {
            match (ports.first, ports.last) {
                (0, 0) => return Err(Error::PortZero),
                (first, last) if first > last => return Err(Error::NoPorts { first, last }),
                _ => {}
            }
        }
        if let Some(vlan) = self.vlan.filter(|vlan| *vlan > MAX_VLAN) {
            return Err(Error::NoSuchVlan { vlan });
        }
        match self.versions().next() {
            Some(_) => Ok(()),
            None => Err(Error::MixedVersions),
        }
    }

    /// The rule for each IP version that it applies to.
    pub(super) fn versions(&self) -> impl Iterator<Item = Term> + use<> {
        let rule = *self;
        let versions = [Prefix::ANY_IPV4, Prefix::ANY_IPV6].into_iter();
        versions.filter_map(move |any| rule.term(any))
    }

    /// The rule for the version of `any`, if it applies to that.
    fn term(self, any: Prefix) -> Option<Term> {
        let of_version = |prefix: Option<Prefix>| {
            let prefix = prefix.unwrap_or(any);
            (prefix.address().is_ipv4() == any.address().is_ipv4()).then_some(prefix)
        };
        Some(Term {
            protocol: self.protocol,
            to: of_version(self.to)?,
            from: of_version(self.from)?,
            vlan: self.vlan,
        })
    }
}

/// The highest VLAN identifier.
const MAX_VLAN: u16 = 4095;

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(rule: Rule) -> String {
        rule.check().expect("it names something");
        rule.versions()
            .map(|term| format!("{}<{} ", term.to, term.from))
            .collect()
    }

    #[test]
    fn a_rule_is_of_the_versions_of_its_addresses() {
        let prefix = |text: &str| text.parse::<Prefix>().unwrap();
        let to = |text| Rule::icmp().to(prefix(text));
        assert_eq!(versions(Rule::any()), "0.0.0.0/0<0.0.0.0/0 ::/0<::/0 ");
        assert_eq!(versions(to("192.0.2.0/24")), "192.0.2.0/24<0.0.0.0/0 ");
        assert_eq!(versions(to("::")), "::/0<::/0 ");
        let both = to("::").from(prefix("2001:db8::/32"));
        assert_eq!(versions(both), "::/0<2001:db8::/32 ");
        let mixed = to("192.0.2.1").from(prefix("::"));
        assert!(matches!(mixed.check(), Err(Error::MixedVersions)));
    }

    #[test]
    fn what_names_nothing_is_refused() {
        let [first, last] = [9, 8];
        assert!(matches!(Rule::udp(0).check(), Err(Error::PortZero)));
        let none = Rule::tcp(first..=last).check();
        assert!(matches!(none, Err(Error::NoPorts { first: 9, last: 8 })));
        let no_vlan = Rule::any().vlan(4096).check();
        assert!(matches!(no_vlan, Err(Error::NoSuchVlan { vlan: 4096 })));
        assert!(Rule::udp(..).vlan(4095).check().is_ok());
        assert!(Rule::udp(0..=1).vlan(0).check().is_ok());
    }
}
