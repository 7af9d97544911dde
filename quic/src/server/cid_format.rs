//! `ConnectionIdFormat`: what is in the connection ids that the server chooses.

use std::fmt;

/// Lengths of the ids that a server can choose, in bytes. Shorter ones leave too little to chance for
/// ids that no one else has; longer ones are not of QUIC version 1.
pub(super) const LENGTHS: std::ops::RangeInclusive<usize> = 8..=quiche::MAX_CONN_ID_LEN;

/// How a server's connection ids look: [`RandomIds`], one that a load balancer reads
/// ([`QuicLb`](super::QuicLb), [`Katran`](super::Katran)), or one of your own. See
/// [`ServerConfig::connection_ids`](super::ServerConfig::connection_ids).
///
/// Every id has the same length, and where a port has several workers, every id names one of them: a
/// packet that arrives at another is handed over by it. At least four bytes should be left to chance.
pub trait ConnectionIdFormat: fmt::Debug + Send + Sync {
    /// The length of each id in bytes, from 8 to 20; always the same.
    fn len_bytes(&self) -> usize;

    /// Makes an id of random bytes. `worker` is whom the packets are for; `None` if there is only one.
    fn stamp(&self, id: &mut [u8], worker: Option<u8>);

    /// Which worker an id of this length names, if it can be one of ours. Not asked where there is only
    /// one. Anyone may have made the id up.
    fn worker_of(&self, id: &[u8]) -> Option<u8>;
}

/// Random ids of 8 bytes, of which the first is the worker's number where there are several: 56 bits make
/// both a collision and a good guess hopeless.
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

/// Settings of a format that contradict it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionIdError {
    /// A configuration's number that QUIC-LB has not, or that means "no server id".
    #[error("QUIC-LB has no configuration {config}: 0 to 6 are possible")]
    Config {
        /// The number asked for.
        config: u8,
    },
    /// A server id of no length.
    #[error("a QUIC-LB server id has at least one byte")]
    NoServerId,
    /// A nonce that is too short to make ids differ.
    #[error("a QUIC-LB nonce of {bytes} bytes is too short: it has at least 4")]
    ShortNonce {
        /// The length asked for.
        bytes: usize,
    },
    /// An id of a length that this server can't use.
    #[error(
        "a connection id of {bytes} bytes is not possible: 8 to {max}; a QUIC-LB one has a byte more than \
         its server id and nonce",
        max = quiche::MAX_CONN_ID_LEN
    )]
    Length {
        /// The length that it would have.
        bytes: usize,
    },
    /// A host's number that the version of Katran's ids has no room for.
    #[error("host {host} does not fit in {bits} bits: use more, 24 or 32, or a smaller number")]
    Host {
        /// The number asked for.
        host: u32,
        /// Bits for it.
        bits: u32,
    },
}
