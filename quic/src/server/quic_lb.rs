//! `QuicLb`: unencrypted connection ids of draft-ietf-quic-load-balancers (QUIC-LB), as AWS's
//! Network Load Balancer reads them.
//!
//! ```text
//! 0    3          8
//! +----+----------+-------------------+---------------------------+
//! | CR | length-1 | server id (1..)   | nonce (4..)               |
//! +----+----------+-------------------+---------------------------+
//!                                     ^ the worker, masked
//! ```
//!
//! The nonce must not reveal that two ids belong to one connection (section "Server Actions"). A
//! worker's plain number would, so it is masked by a keyed hash of the rest of the nonce, as
//! "Server Process Demultiplexing" suggests. The key lives as long as the process, as the workers
//! do.

use std::hash::{BuildHasher, RandomState};

use super::cid_format::{ConnectionIdError, ConnectionIdFormat, LENGTHS};

/// The configuration that means "this id names no server".
const UNROUTABLE: u8 = 0b111;
const CONFIG_SHIFT: u32 = 5;
const MIN_NONCE_BYTES: usize = 4;

/// Unencrypted ids of draft-ietf-quic-load-balancers, in which a load balancer reads the server's
/// id. The first byte also encodes the length.
///
/// An observer can read the server's id as well, and learns a little about which ids belong
/// together.
#[derive(Clone, Debug)]
pub struct QuicLb {
    first: u8,
    server_id: Vec<u8>,
    len_bytes: usize,
    mask: RandomState,
}

impl QuicLb {
    /// `config` is the configuration rotation codepoint, from 0 to 6. All servers of one
    /// configuration have the same `nonce_bytes`, at least 4, and different `server_id`s of the
    /// same length.
    ///
    /// # Errors
    ///
    /// - [`ConnectionIdError::Config`] if `config` is above 6.
    /// - [`ConnectionIdError::NoServerId`] if `server_id` is empty.
    /// - [`ConnectionIdError::ShortNonce`] if `nonce_bytes` is below 4.
    /// - [`ConnectionIdError::Length`] if the whole id would not have 8 to 20 bytes.
    pub fn new(
        config: u8,
        server_id: &[u8],
        nonce_bytes: usize,
    ) -> Result<Self, ConnectionIdError> {
        if config >= UNROUTABLE {
            return Err(ConnectionIdError::Config { config });
        }
        if server_id.is_empty() {
            return Err(ConnectionIdError::NoServerId);
        }
        if nonce_bytes < MIN_NONCE_BYTES {
            return Err(ConnectionIdError::ShortNonce { bytes: nonce_bytes });
        }
        let rest = server_id.len().saturating_add(nonce_bytes);
        let bytes = rest.saturating_add(1);
        match u8::try_from(rest) {
            Ok(rest) if LENGTHS.contains(&bytes) => Ok(Self::of(config, rest, server_id)),
            _ => Err(ConnectionIdError::Length { bytes }),
        }
    }

    /// The format of AWS's Network Load Balancer: a target's QUIC server ID has 8 bytes, and the
    /// whole id 16.
    #[must_use]
    pub fn aws(server_id: [u8; 8]) -> Self {
        Self::of(0, 15, &server_id)
    }

    /// `rest` is the length without the first byte.
    fn of(config: u8, rest: u8, server_id: &[u8]) -> Self {
        Self {
            first: config << CONFIG_SHIFT | rest,
            server_id: server_id.to_vec(),
            len_bytes: 1 + usize::from(rest),
            mask: RandomState::new(),
        }
    }

    /// The mask of the worker's number; `rest` is the nonce without the worker's byte.
    fn mask(&self, rest: &[u8]) -> u8 {
        let [mask, ..] = self.mask.hash_one(rest).to_le_bytes();
        mask
    }
}

impl ConnectionIdFormat for QuicLb {
    fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    fn stamp(&self, id: &mut [u8], worker: Option<u8>) {
        let Some((first, rest)) = id.split_first_mut() else {
            return;
        };
        *first = self.first;
        let Some((server_id, nonce)) = rest.split_at_mut_checked(self.server_id.len()) else {
            return;
        };
        server_id.copy_from_slice(&self.server_id);
        if let (Some(worker), Some((hidden, rest))) = (worker, nonce.split_first_mut()) {
            *hidden = worker ^ self.mask(rest);
        }
    }

    fn worker_of(&self, id: &[u8]) -> Option<u8> {
        let (first, rest) = id.split_first()?;
        let nonce = rest.strip_prefix(self.server_id.as_slice())?;
        let (hidden, rest) = nonce.split_first()?;
        (*first == self.first).then(|| hidden ^ self.mask(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The draft's test vectors, section "Unencrypted CIDs". The second one's nonce lacks a digit
    /// there.
    #[test]
    fn ids_are_those_of_the_draft() {
        let first = QuicLb::new(0, &[0xc4, 0x60, 0x5e], 4).unwrap();
        let mut id = [0, 0, 0, 0, 0x45, 0x04, 0xcc, 0x4f];
        first.stamp(&mut id, None);
        assert_eq!(id, [0x07, 0xc4, 0x60, 0x5e, 0x45, 0x04, 0xcc, 0x4f]);

        let second = QuicLb::new(1, &[0x35, 0x0d, 0x28, 0xb4, 0x20], 5).unwrap();
        let mut id = [0xff; 11];
        second.stamp(&mut id, None);
        let (known, nonce) = id.split_at(6);
        assert_eq!(known, [0x2a, 0x35, 0x0d, 0x28, 0xb4, 0x20]);
        assert_eq!(nonce, [0xff; 5]);
    }

    #[test]
    fn aws_reads_eight_bytes_behind_the_first() {
        let format = QuicLb::aws([1, 2, 3, 4, 5, 6, 7, 8]);
        let mut id = [0xee; 16];
        assert_eq!(format.len_bytes(), id.len());
        format.stamp(&mut id, Some(3));
        assert_eq!(id[..9], [15, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(id[10..], [0xee; 6]);
    }

    #[test]
    fn a_worker_is_found_and_not_seen() {
        let format = QuicLb::aws([7; 8]);
        let mut seen = std::collections::HashSet::new();
        for other in 0..64 {
            for worker in [0, 1, 255] {
                let mut id = [other; 16];
                format.stamp(&mut id, Some(worker));
                assert_eq!(format.worker_of(&id), Some(worker));
                if worker == 1 {
                    seen.insert(id[9]);
                }
            }
        }
        assert!(seen.len() > 16, "{seen:?}");
        // Another server's, and another configuration's.
        let mut id = [0; 16];
        format.stamp(&mut id, Some(1));
        id[3] ^= 1;
        assert_eq!(format.worker_of(&id), None);
        format.stamp(&mut id, Some(1));
        id[0] ^= 0x20;
        assert_eq!(format.worker_of(&id), None);
    }

    #[test]
    fn what_the_draft_can_not_have_is_refused() {
        use ConnectionIdError as E;
        let error = |config, server: &[u8], nonce| QuicLb::new(config, server, nonce).unwrap_err();
        assert_eq!(error(7, &[1], 8), E::Config { config: 7 });
        assert_eq!(error(0, &[], 8), E::NoServerId);
        assert_eq!(error(0, &[1; 8], 3), E::ShortNonce { bytes: 3 });
        assert_eq!(error(0, &[1; 8], 12), E::Length { bytes: 21 });
        assert_eq!(error(0, &[1], 4), E::Length { bytes: 6 });
        assert_eq!(error(0, &[1], usize::MAX), E::Length { bytes: usize::MAX });
    }
}
