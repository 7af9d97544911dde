//! `ServerConfig`: what a server needs to know.

use std::sync::Arc;
use std::time::Duration;

use super::cid_format::{ConnectionIdFormat, RandomIds};
use crate::diagnostics::Diagnostics;
use crate::identity::Identity;
use crate::key_use::MAX_PACKETS_SENT;
use crate::transport::TransportConfig;

/// A server's configuration. Make one with [`ServerConfig::new`], then change what differs.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Certificate and key. From the private key the tokens follow by which a server that was restarted
    /// resets the connections that it has lost (RFC 9000, section 10.3): with another private key at each
    /// start its clients wait for their idle timeout. Whoever runs several servers with one private key
    /// must see to it that a connection's packets reach no other of them (section 21.11).
    pub identity: Identity,
    /// QUIC settings. `max_streams` bounds the requests under way on a connection.
    pub transport: TransportConfig,
    /// What is in the connection ids that the server chooses: for a load balancer in front of several
    /// servers. [`RandomIds`] by default.
    pub connection_ids: Arc<dyn ConnectionIdFormat>,
    /// Connections at once; further ones are refused.
    pub max_connections: usize,
    /// Of these, from one host: an IPv4 address, or an IPv6 /64.
    pub max_connections_per_host: usize,
    /// Of these, from one network: an IPv4 /24, or an IPv6 /48.
    pub max_connections_per_network: usize,
    /// With this many handshakes under way, a new client must first prove its address by a
    /// Retry. 0 asks it of all.
    pub retry_above_half_open: usize,
    /// Take early data (0-RTT, RFC 9001) of clients that come back with a ticket, if the application does
    /// ([`Application::takes_early_data`](super::Application::takes_early_data); HTTP/3 answers the safe
    /// methods). It is sent without a round trip before it. Copies of it that others send are not
    /// acted on, as long as the wall clock is not set back by a minute. Off by default: a handler must
    /// know that GET may be done twice.
    pub early_data: bool,
    /// A handshake that takes longer is given up.
    pub handshake_timeout: Duration,
    /// Packets that are sent on a connection, 2^23 less a few by default and at most: as many as AES-GCM may
    /// protect with one key (RFC 9001, section 6.6), 11 GB in packets of 1,350 bytes. When seven eighths
    /// were sent the connection is drained, so that its client takes another one.
    pub max_packets_sent: u64,
    /// A connection on which nothing is asked for this long is closed.
    pub request_timeout: Duration,
    /// A connection with responses under way of which the client takes nothing for this long is
    /// closed. What is sent counts as taken when it is acknowledged, in steps of up to 128 KiB.
    pub response_timeout: Duration,
    /// What is written of connections for diagnosis.
    pub diagnostics: Diagnostics,
}

impl ServerConfig {
    /// Defaults with this certificate.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            transport: TransportConfig::sender(),
            connection_ids: Arc::new(RandomIds),
            max_connections: 4096,
            max_connections_per_host: 256,
            max_connections_per_network: 1024,
            retry_above_half_open: 256,
            early_data: false,
            handshake_timeout: Duration::from_secs(10),
            max_packets_sent: MAX_PACKETS_SENT,
            request_timeout: Duration::from_secs(60),
            response_timeout: Duration::from_secs(120),
            diagnostics: Diagnostics::default(),
        }
    }
}
