//! `Links`: the link to each address that a connection was heard from.

use std::net::{IpAddr, SocketAddr};

/// Paths remembered at once; a client has one, or two while it moves.
const MAX_PATHS: usize = 8;

/// Links by remote address, the latest last.
#[derive(Debug)]
pub(super) struct Links<L> {
    paths: Vec<(SocketAddr, L)>,
    /// The connection's first link, for addresses that are not known.
    first: L,
}

impl<L: Copy + PartialEq> Links<L> {
    pub(super) fn new(peer: SocketAddr, link: L) -> Self {
        Self {
            paths: vec![(peer, link)],
            first: link,
        }
    }

    /// Whether this is known already: true for nearly every datagram.
    pub(super) fn knows(&self, peer: SocketAddr, link: L) -> bool {
        self.paths.contains(&(peer, link))
    }

    /// Learns the link to `peer`. Only for authentic datagrams: otherwise anyone could divert a
    /// connection's packets.
    pub(super) fn learn(&mut self, peer: SocketAddr, link: L) {
        self.paths.retain(|(known, _)| *known != peer);
        if self.paths.len() >= MAX_PATHS {
            self.paths.remove(0);
        }
        self.paths.push((peer, link));
    }

    /// The latest known link to this host, at any port.
    pub(super) fn to_host(&self, host: IpAddr) -> Option<L> {
        let mut paths = self.paths.iter().rev();
        let found = paths.find(|(known, _)| known.ip() == host);
        found.map(|(_, link)| *link)
    }

    pub(super) fn to(&self, peer: SocketAddr) -> L {
        let found = self.paths.iter().find(|(known, _)| *known == peer);
        found.map_or(self.first, |(_, link)| *link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_way_to_an_address_counts() {
        let peer = |port| SocketAddr::from(([192, 0, 2, 1], port));
        let mut links = Links::new(peer(1), 'a');
        assert!(links.knows(peer(1), 'a') && !links.knows(peer(1), 'b'));
        links.learn(peer(1), 'b');
        assert_eq!((links.to(peer(1)), links.to(peer(99))), ('b', 'a'));
        for port in 2..=9 {
            links.learn(peer(port), 'c');
        }
        assert_eq!(links.paths.len(), MAX_PATHS);
        assert_eq!((links.to(peer(9)), links.to(peer(1))), ('c', 'a'));
    }
}
