//! `ServerConfig`: what a server needs to know.

use std::path::PathBuf;
use std::time::Duration;

use crate::identity::Identity;
use crate::transport::TransportConfig;

/// A server's configuration. Make one with [`ServerConfig::new`], then change what differs.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Directory whose files are served.
    pub root: PathBuf,
    /// Certificate and key.
    pub identity: Identity,
    /// QUIC settings. `max_streams` bounds the requests under way on a connection.
    pub transport: TransportConfig,
    /// Connections at once; further ones are refused.
    pub max_connections: usize,
    /// With this many handshakes under way, a new client must first prove its address by a
    /// Retry. 0 asks it of all.
    pub retry_above_half_open: usize,
    /// A handshake that takes longer is given up.
    pub handshake_timeout: Duration,
    /// File bytes that one connection may hold in memory, in steps of up to 128 KiB: those
    /// read, and not yet acknowledged. It bounds the connection's rate to this much a round
    /// trip. Never less than 32 KiB for each of `transport.max_streams`.
    pub max_body_bytes_held: usize,
}

impl ServerConfig {
    /// Defaults for serving `root` with this certificate.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, identity: Identity) -> Self {
        Self {
            root: root.into(),
            identity,
            transport: TransportConfig::sender(),
            max_connections: 4096,
            retry_above_half_open: 256,
            handshake_timeout: Duration::from_secs(10),
            max_body_bytes_held: 4 << 20,
        }
    }
}
