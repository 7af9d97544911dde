//! `Links`: the way back to each address a connection was heard from.

use std::net::{IpAddr, SocketAddr};

/// Paths remembered at once; a client has one, or two for a moment while it moves.
const MAX_PATHS: usize = 8;

/// Link-layer return paths by remote address, the one learnt last at the end.
#[derive(Debug)]
pub(super) struct Links<L> {
    paths: Vec<(SocketAddr, L)>,
    /// Where the connection began; the answer when nothing better is known.
    first: L,
}

impl<L: Copy + PartialEq> Links<L> {
    pub(super) fn new(peer: SocketAddr, link: L) -> Self {
        Self {
            paths: vec![(peer, link)],
            first: link,
        }
    }

    /// Whether that is what is known already: true for nearly every datagram.
    pub(super) fn knows(&self, peer: SocketAddr, link: L) -> bool {
        self.paths.contains(&(peer, link))
    }

    /// Learns the way to `peer`. Only for datagrams that proved authentic: otherwise anybody
    /// could turn a connection's packets elsewhere.
    pub(super) fn learn(&mut self, peer: SocketAddr, link: L) {
        self.paths.retain(|(known, _)| *known != peer);
        if self.paths.len() >= MAX_PATHS {
            self.paths.remove(0);
        }
        self.paths.push((peer, link));
    }

    /// The way to this host, at whatever port, that is known already.
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
