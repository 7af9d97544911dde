//! `Sources`: which datagrams are answered. XDP takes packets before the kernel has dropped those
//! with a forged source address.

use std::fmt;
use std::net::IpAddr;

use xskit_wire::{Datagram, MacAddr};

/// Verdicts that are remembered.
const REMEMBERED: usize = 256;

/// Whether the kernel would accept a datagram from the first address to the second.
pub type ReversePathCheck = Box<dyn FnMut(IpAddr, IpAddr) -> bool>;

/// Why a datagram must not be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unanswerable {
    /// To or from a multicast or broadcast address (IP or MAC) or an unspecified IP address, or
    /// from port 0.
    Group,
    /// From an address that no packet on a wire may have, such as loopback.
    Martian,
    /// From an address of this host.
    OwnSource,
    /// From MAC address 00:00:00:00:00:00, or from its own destination MAC address.
    Mac,
    /// From an address that this host would reach by another interface (`rp_filter`).
    ReversePath,
}

/// The checks on source addresses.
#[derive(Default)]
pub(super) struct Sources {
    own: Vec<IpAddr>,
    check: Option<ReversePathCheck>,
    /// The latest verdicts of `check`, indexed by a hash of the source.
    verdicts: Vec<Option<(IpAddr, IpAddr, bool)>>,
}

impl Sources {
    pub(super) fn set(&mut self, own: Vec<IpAddr>, check: Option<ReversePathCheck>) {
        self.own = own;
        self.verdicts = vec![None; if check.is_some() { REMEMBERED } else { 0 }];
        self.check = check;
    }

    /// Why the datagram must not be answered, if so.
    pub(super) fn unanswerable(&mut self, packet: &Datagram) -> Option<Unanswerable> {
        let (source, destination) = (packet.source.ip(), packet.destination.ip());
        let link = packet.link;
        let is_answerable = is_host(source)
            && is_host(destination)
            && packet.source.port() != 0
            && !link.destination.is_group()
            && !link.source.is_group();
        if !is_answerable {
            Some(Unanswerable::Group)
        } else if link.source == MacAddr::new([0; 6]) || link.source == link.destination {
            Some(Unanswerable::Mac)
        } else if is_martian(source) {
            Some(Unanswerable::Martian)
        } else if self.own.contains(&source) || source == destination {
            Some(Unanswerable::OwnSource)
        } else if !self.check_way_back(source, destination) {
            Some(Unanswerable::ReversePath)
        } else {
            None
        }
    }

    fn check_way_back(&mut self, source: IpAddr, destination: IpAddr) -> bool {
        let Some(check) = &mut self.check else {
            return true;
        };
        let place = self.verdicts.get_mut(place(source) % REMEMBERED);
        match place {
            Some(Some((from, to, verdict))) if (*from, *to) == (source, destination) => *verdict,
            place => {
                let verdict = check(source, destination);
                if let Some(place) = place {
                    *place = Some((source, destination, verdict));
                }
                verdict
            }
        }
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sources")
            .field("own", &self.own)
            .field("is_checked", &self.check.is_some())
            .finish_non_exhaustive()
    }
}

/// Whether it can be the address of a single host.
pub(super) fn is_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => !(ip.is_multicast() || ip.is_broadcast() || ip.is_unspecified()),
        IpAddr::V6(ip) => !(ip.is_multicast() || ip.is_unspecified()),
    }
}

/// Sources that Linux accepts from no wire (`ip_route_input_slow`, `ip6_rcv_core`).
fn is_martian(source: IpAddr) -> bool {
    match source {
        IpAddr::V4(ip) => ip.is_loopback() || ip.octets()[0] == 0,
        IpAddr::V6(ip) => ip.is_loopback() || ip.to_ipv4_mapped().is_some(),
    }
}

/// The hash of a source, which selects the place of its verdict.
fn place(source: IpAddr) -> usize {
    let fold = |octets: &[u8]| {
        octets.iter().fold(0usize, |hash, octet| {
            hash.wrapping_mul(31).wrapping_add(usize::from(*octet))
        })
    };
    match source {
        IpAddr::V4(ip) => fold(&ip.octets()),
        IpAddr::V6(ip) => fold(&ip.octets()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_is_asked_for_once_a_source_until_something_changes() {
        let asked = std::rc::Rc::new(std::cell::Cell::new(0));
        let check = || -> ReversePathCheck {
            let asked = asked.clone();
            Box::new(move |source, _| {
                asked.set(asked.get() + 1);
                source == IpAddr::from([192, 0, 2, 1])
            })
        };
        let mut sources = Sources::default();
        let own = IpAddr::from([192, 0, 2, 9]);
        let has_way = |sources: &mut Sources, last| {
            sources.check_way_back(IpAddr::from([192, 0, 2, last]), own)
        };
        assert!(has_way(&mut sources, 2));
        for _ in 0..2 {
            sources.set(vec![own], Some(check()));
            for _ in 0..100 {
                assert!(has_way(&mut sources, 1) && !has_way(&mut sources, 2));
            }
        }
        assert_eq!(asked.get(), 4);
    }
}
