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
    /// Serve names that begin with a dot, too, and not only those below `/.well-known`.
    pub dotfiles: bool,
    /// Certificate and key. From the private key the tokens follow by which a server that was restarted
    /// resets the connections that it has lost (RFC 9000, section 10.3): with another private key at each
    /// start its clients wait for their idle timeout. Whoever runs several servers with one private key
    /// must see to it that a connection's packets reach no other of them (section 21.11).
    pub identity: Identity,
    /// QUIC settings. `max_streams` bounds the requests under way on a connection.
    pub transport: TransportConfig,
    /// Connections at once; further ones are refused.
    pub max_connections: usize,
    /// Of these, from one host: an IPv4 address, or an IPv6 /64.
    pub max_connections_per_host: usize,
    /// Of these, from one network: an IPv4 /24, or an IPv6 /48.
    pub max_connections_per_network: usize,
    /// With this many handshakes under way, a new client must first prove its address by a
    /// Retry. 0 asks it of all.
    pub retry_above_half_open: usize,
    /// A handshake that takes longer is given up.
    pub handshake_timeout: Duration,
    /// A connection on which nothing is asked for this long is closed.
    pub request_timeout: Duration,
    /// A connection with responses under way of which the client takes nothing for this long is
    /// closed. What is sent counts as taken when it is acknowledged, in steps of up to 128 KiB.
    pub response_timeout: Duration,
    /// Files open at once, one for each response under way. One host may have a quarter of those
    /// that are left, one network half of them; beyond, requests are answered with 503. It should
    /// be less than RLIMIT_NOFILE by what else the process has open, and a few.
    pub max_open_files: usize,
    /// File bytes that one connection may hold in memory, in steps of up to 128 KiB: those
    /// read, and not yet acknowledged. It bounds the connection's rate to this much a round
    /// trip. Never less than 32 KiB for each of `transport.max_streams`.
    pub max_body_bytes_held: usize,
    /// File bytes that all connections together may hold in memory, and 128 KiB more. Half of it
    /// is there for whoever asks: a connection may hold an eighth of what is free of it, so that
    /// there is always some left for the next one. The other half is divided among
    /// `max_connections`, and each of them may always use its part: so those who don't read can
    /// slow others down, but not stop them. What is over it waits in the file. Never less than
    /// 64 KiB for each of `max_connections`.
    pub max_total_body_bytes_held: usize,
    /// Requests that a client may give up in a row, by resetting or stopping their streams. Each
    /// response that it takes to the end, and each 10 ms, allows for one more. Beyond,
    /// the connection is closed with H3_EXCESSIVE_LOAD.
    pub max_requests_given_up: u32,
}

impl ServerConfig {
    /// Defaults for serving `root` with this certificate.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, identity: Identity) -> Self {
        Self {
            root: root.into(),
            dotfiles: false,
            identity,
            transport: TransportConfig::sender(),
            max_connections: 4096,
            max_connections_per_host: 256,
            max_connections_per_network: 1024,
            retry_above_half_open: 256,
            handshake_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
            response_timeout: Duration::from_secs(120),
            max_open_files: 512,
            max_body_bytes_held: 4 << 20,
            max_total_body_bytes_held: 256 << 20,
            max_requests_given_up: 1000,
        }
    }
}
