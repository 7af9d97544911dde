//! `Sources`: connections by host and network, so that none of them takes all places.
//!
//! Two prefixes of an address are counted. A *host* is what one customer has: an IPv4 address, or
//! an IPv6 /64, in which one device may take any address (RFC 4862, RFC 6177). A *network* is what
//! one party can get at little cost: an IPv4 /24, or an IPv6 /48, which is the most that a site is
//! assigned. Each is the smallest prefix that is routed on the Internet. The default bounds on both
//! are far above what the users behind one shared address need.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The first bits of an address, and how many; an IPv4 address is its IPv6-mapped one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Prefix(u128, u32);

impl Prefix {
    fn new(bits: u128, len: u32) -> Self {
        let mask = u128::MAX.checked_shl(128 - len).unwrap_or(0);
        Self(bits & mask, len)
    }

    /// The host and the network of an address.
    fn of(address: IpAddr) -> (Self, Self) {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let bits = v4.to_ipv6_mapped().to_bits();
                (Self::new(bits, 128), Self::new(bits, 96 + 24))
            }
            IpAddr::V6(v6) => (Self::new(v6.to_bits(), 64), Self::new(v6.to_bits(), 48)),
        }
    }
}

/// Why there is no room for another connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The server's bound is reached.
    Server,
    /// The bound per host is reached.
    Host,
    /// The bound per network is reached.
    Network,
    /// The server is draining.
    Leaving,
}

impl Full {
    /// The reason in CONNECTION_CLOSE.
    pub(super) fn reason(self) -> &'static [u8] {
        match self {
            Self::Server => b"the server has no room for another connection",
            Self::Host => b"too many connections from this address",
            Self::Network => b"too many connections from this network",
            Self::Leaving => b"the server is shutting down",
        }
    }
}

/// A shared counter. It orders no other memory, so relaxed operations are enough.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

impl Count {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The counters that a client shares with others of its host and of its network.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) host: Count,
    pub(crate) network: Count,
}

/// A connection's place among those of its host and its network.
#[derive(Debug)]
pub(super) struct Seat {
    host: Prefix,
    network: Prefix,
    pub(super) account: Account,
}

#[derive(Debug, Default)]
struct Source {
    connections: usize,
    count: Count,
}

/// Connections whose address is proven, by host and by network. Others don't count: forged
/// addresses could use up the places of someone else.
#[derive(Debug)]
pub(super) struct Sources {
    per_host: usize,
    per_network: usize,
    known: HashMap<Prefix, Source>,
}

impl Sources {
    pub(super) fn new(per_host: usize, per_network: usize) -> Self {
        Self {
            per_host,
            per_network,
            known: HashMap::new(),
        }
    }

    /// Why there is no place for another connection from this address; `None` if there is one.
    pub(super) fn full(&self, address: IpAddr) -> Option<Full> {
        let (host, network) = Prefix::of(address);
        let count = |prefix| self.known.get(&prefix).map_or(0, |it| it.connections);
        if count(host) >= self.per_host {
            Some(Full::Host)
        } else if count(network) >= self.per_network {
            Some(Full::Network)
        } else {
            None
        }
    }

    pub(super) fn enter(&mut self, address: IpAddr) -> Result<Seat, Full> {
        if let Some(full) = self.full(address) {
            return Err(full);
        }
        let (host, network) = Prefix::of(address);
        let mut count = |prefix| {
            let source = self.known.entry(prefix).or_default();
            source.connections += 1;
            source.count.clone()
        };
        let account = Account {
            host: count(host),
            network: count(network),
        };
        Ok(Seat {
            host,
            network,
            account,
        })
    }

    pub(super) fn leave(&mut self, seat: &Seat) {
        for prefix in [seat.host, seat.network] {
            if let Entry::Occupied(mut source) = self.known.entry(prefix) {
                source.get_mut().connections -= 1;
                if source.get().connections == 0 {
                    source.remove();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn prefixes_are_those_of_one_customer_and_of_a_site() {
        for (a, b, same) in [
            ("192.0.2.1", "192.0.2.1", (true, true)),
            ("192.0.2.1", "::ffff:192.0.2.1", (true, true)),
            ("192.0.2.1", "192.0.2.2", (false, true)),
            ("192.0.2.1", "192.0.3.1", (false, false)),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", (true, true)),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", (false, true)),
            ("2001:db8:1:2::1", "2001:db8:2:2::1", (false, false)),
        ] {
            let (a, b) = (Prefix::of(ip(a)), Prefix::of(ip(b)));
            assert_eq!((a.0 == b.0, a.1 == b.1), same, "{a:x?} {b:x?}");
        }
    }

    #[test]
    fn who_leaves_makes_room_and_nothing_is_kept_of_it() {
        let mut sources = Sources::new(2, 3);
        let first = sources.enter(ip("192.0.2.1")).unwrap();
        let second = sources.enter(ip("192.0.2.1")).unwrap();
        assert_eq!(sources.full(ip("192.0.2.1")), Some(Full::Host));
        let third = sources.enter(ip("192.0.2.2")).unwrap();
        assert_eq!(sources.enter(ip("192.0.2.3")).unwrap_err(), Full::Network);
        assert_eq!(sources.full(ip("192.0.3.1")), None);
        sources.leave(&first);
        assert_eq!(sources.full(ip("192.0.2.1")), None);
        sources.leave(&second);
        sources.leave(&third);
        assert!(sources.known.is_empty());
    }
}
