//! `Resets`: which connection a stateless reset is for.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;

use crate::quic::QuicConnection;

/// No packet is shorter, so neither is a stateless reset (RFC 9000, section 10.3).
const MIN_RESET_BYTES: usize = 21;

/// The token by which a server may reset a connection, and the server's address.
pub(super) fn reset_token(quic: &QuicConnection) -> Option<(u128, SocketAddr)> {
    let token = quic.peer_transport_params()?.stateless_reset_token?;
    let path = quic.path_stats().find(|path| path.active)?;
    Some((token, path.peer_addr))
}

/// Connections by the token at the end of a stateless reset (RFC 9000, section 10.3.1).
///
/// A reset has a random id, so it is recognised by its last bytes and its source address. They are
/// looked up by their hash under a secret key: that is one lookup per unknown datagram, however
/// many connections there are, and its time reveals nothing about the tokens. quiche then compares
/// the token itself.
#[derive(Debug, Default)]
pub(super) struct Resets {
    key: RandomState,
    slots: HashMap<u64, usize>,
}

impl Resets {
    /// Adds a connection and returns the key to remove it by. If a server gives two connections the
    /// same token, it resets the later one.
    pub(super) fn insert(&mut self, token: u128, peer: SocketAddr, slot: usize) -> u64 {
        let hash = self.key.hash_one((token, peer));
        self.slots.insert(hash, slot);
        hash
    }

    pub(super) fn remove(&mut self, hash: u64, slot: usize) {
        if self.slots.get(&hash) == Some(&slot) {
            self.slots.remove(&hash);
        }
    }

    pub(super) fn get(&self, datagram: &[u8], from: SocketAddr) -> Option<usize> {
        let token = datagram.last_chunk().copied().map(u128::from_be_bytes);
        let token = token.filter(|_| datagram.len() >= MIN_RESET_BYTES)?;
        let hash = self.key.hash_one((token, from));
        self.slots.get(&hash).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_is_known_by_its_end_and_where_it_is_from() {
        let peer = |port| SocketAddr::from(([192, 0, 2, 1], port));
        let reset = |token: u128, len: usize| {
            let mut datagram = vec![0x5a; len];
            datagram.extend(token.to_be_bytes());
            datagram
        };
        let mut resets = Resets::default();
        let hash = resets.insert(7, peer(1), 3);
        assert_eq!(resets.get(&reset(7, 5), peer(1)), Some(3));
        assert_eq!(resets.get(&reset(7, 5), peer(2)), None, "from elsewhere");
        assert_eq!(resets.get(&reset(8, 5), peer(1)), None, "another token");
        assert_eq!(resets.get(&reset(7, 4), peer(1)), None, "too short");
        for len in 0..21 {
            assert_eq!(resets.get(&reset(7, 5)[..len], peer(1)), None);
        }
        // The same token again, by a server that should know better.
        assert_eq!(resets.insert(7, peer(1), 4), hash);
        resets.remove(hash, 3);
        assert_eq!(resets.get(&reset(7, 5), peer(1)), Some(4));
        resets.remove(hash, 4);
        assert_eq!(resets.get(&reset(7, 5), peer(1)), None);
    }
}
