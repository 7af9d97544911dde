//! `ConnectionIdFormat`: the layout of the server's connection ids.

use std::fmt;

/// Lengths of the ids that a server can choose, in bytes. Shorter ones have too few random bits to
/// be unique; QUIC version 1 allows no longer ones.
pub(super) const LENGTHS: std::ops::RangeInclusive<usize> = 8..=quiche::MAX_CONN_ID_LEN;

/// The layout of a server's connection ids: [`RandomIds`], one that a load balancer reads
/// ([`QuicLb`](super::QuicLb), [`Katran`](super::Katran)), or one of your own. See
/// [`ServerConfig::connection_ids`](super::ServerConfig::connection_ids).
///
/// All ids have the same length. If a port has several workers, each id names one of them, and a
/// packet that arrives at another is handed over by it. At least four bytes should be random.
pub trait ConnectionIdFormat: fmt::Debug + Send + Sync {
    /// The length of each id in bytes, from 8 to 20. It must not change.
    fn len_bytes(&self) -> usize;

    /// Turns random bytes into an id. `worker` is the worker to name; `None` if there is only one.
    fn stamp(&self, id: &mut [u8], worker: Option<u8>);

    /// The worker that an id of this length names; `None` if the id can't be ours. Not called if
    /// there is only one worker. The id may be forged.
    fn worker_of(&self, id: &[u8]) -> Option<u8>;
}

/// Random ids of 8 bytes. If there are several workers, the first byte is the worker's number: 56
/// random bits are enough against collisions and guesses.
#[derive(Clone, Copy, Debug, Default)]
pub struct RandomIds;

impl ConnectionIdFormat for RandomIds {
    fn len_bytes(&self) -> usize {
        8
    }

    fn stamp(&self, id: &mut [u8], worker: Option<u8>) {
        if let (Some(worker), Some(first)) = (worker, id.first_mut()) {
            *first = worker;
        }
    }

    fn worker_of(&self, id: &[u8]) -> Option<u8> {
        id.first().copied()
    }
}

/// Settings that a connection id format can't have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionIdError {
    /// A configuration number that QUIC-LB doesn't have, or that means "no server id".
    #[error("QUIC-LB has no configuration {config}: use 0 to 6")]
    Config {
        /// The number asked for.
        config: u8,
    },
    /// An empty server id.
    #[error("a QUIC-LB server id needs at least one byte")]
    NoServerId,
    /// A nonce too short to keep ids unique.
    #[error("a QUIC-LB nonce of {bytes} bytes is too short: use at least 4")]
    ShortNonce {
        /// The length asked for.
        bytes: usize,
    },
    /// An id of a length that this server can't use.
    #[error(
        "a connection id of {bytes} bytes is not possible: use 8 to {max}; a QUIC-LB id has one byte more \
         than its server id and nonce",
        max = quiche::MAX_CONN_ID_LEN
    )]
    Length {
        /// The length that the id would have.
        bytes: usize,
    },
    /// A host number that does not fit the chosen version of Katran's ids.
    #[error("host {host} does not fit in {bits} bits: use 24 or 32 bits, or a smaller number")]
    Host {
        /// The number asked for.
        host: u32,
        /// Bits available.
        bits: u32,
    },
}
