//! `ServerConfig`: a server's settings.

use std::sync::Arc;
use std::time::Duration;

use super::cid_format::{ConnectionIdFormat, RandomIds};
use crate::diagnostics::Diagnostics;
use crate::identity::Identity;
use crate::key_use::MAX_PACKETS_SENT;
use crate::transport::TransportConfig;

/// A server's configuration. Create one with [`ServerConfig::new`], then change fields.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Certificate and key. The tokens by which a restarted server resets lost connections (RFC
    /// 9000, section 10.3) are derived from the private key: with a new private key at each start,
    /// clients wait for their idle timeout. If several servers share a private key, a connection's
    /// packets must reach no other of them (section 21.11).
    pub identity: Identity,
    /// QUIC settings. `max_streams` bounds the requests under way on a connection.
    pub transport: TransportConfig,
    /// The layout of the server's connection ids, for a load balancer in front of several servers.
    /// [`RandomIds`] by default.
    pub connection_ids: Arc<dyn ConnectionIdFormat>,
    /// Connections at once, over all workers; further ones are refused.
    pub max_connections: usize,
    /// Connections at once from one host: an IPv4 address, or an IPv6 /64.
    pub max_connections_per_host: usize,
    /// Connections at once from one network: an IPv4 /24, or an IPv6 /48.
    pub max_connections_per_network: usize,
    /// With this many handshakes under way, a new client must first prove its address by a Retry.
    /// 0: every client must.
    pub retry_above_half_open: usize,
    /// Accept early data (0-RTT, RFC 9001) of clients that come back with a ticket, if the
    /// application does ([`Application::takes_early_data`](super::Application::takes_early_data);
    /// HTTP/3 answers the safe methods). It saves a round trip. Replays by others are not acted on,
    /// unless the wall clock is set back by nearly a minute. Off by default, because a handler must
    /// allow for a repeated GET.
    pub early_data: bool,
    /// A handshake that takes longer is abandoned.
    pub handshake_timeout: Duration,
    /// Packets sent on a connection. The default, which is also the maximum, is a little less than
    /// the 2^23 that AES-GCM may protect with one key (RFC 9001, section 6.6): 11 GB in packets of
    /// 1,350 bytes. After seven eighths of them the connection is drained, so that its client opens
    /// another one.
    pub max_packets_sent: u64,
    /// A connection without a request for this long is closed.
    pub request_timeout: Duration,
    /// A connection with responses under way, of which the client takes nothing for this long, is
    /// closed. Bytes count as taken when they are acknowledged, in steps of up to 128 KiB.
    pub response_timeout: Duration,
    /// Key log and qlogs of connections.
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
