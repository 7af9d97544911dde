//! `ServerStats`: a server's counters, in which every datagram is accounted for.

use super::sources::Full;

/// A snapshot of a server's counters.
///
/// Every datagram given to the server, by the network or another worker, is in exactly one of
/// `delivered`, `answered`, `dropped` and `handed_over`: `datagrams_in + taken_over == delivered +
/// answered.total() + dropped.total() + handed_over`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerStats {
    /// UDP payloads received.
    pub datagrams_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// UDP payloads written.
    pub datagrams_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// Datagrams handed to the worker that has their connection.
    pub handed_over: u64,
    /// Datagrams taken over from other workers.
    pub taken_over: u64,
    /// Datagrams that held something new for a connection.
    pub delivered: u64,
    /// Datagrams of no connection that got an answer.
    pub answered: Answered,
    /// Datagrams dropped, by cause.
    pub dropped: Dropped,
    /// Connections refused, by cause.
    pub refused: Refused,
    /// Connections, by state and outcome.
    pub connections: ConnectionCounters,
    /// QUIC packets of all connections, ended ones included.
    pub packets: PacketCounters,
}

impl ServerStats {
    /// Adds another worker's counters.
    pub fn add(&mut self, other: &Self) {
        self.datagrams_in += other.datagrams_in;
        self.bytes_in += other.bytes_in;
        self.datagrams_out += other.datagrams_out;
        self.bytes_out += other.bytes_out;
        self.handed_over += other.handed_over;
        self.taken_over += other.taken_over;
        self.delivered += other.delivered;
        self.answered.add(&other.answered);
        self.dropped.add(&other.dropped);
        self.refused.add(&other.refused);
        self.connections.add(&other.connections);
        self.packets.add_all(&other.packets);
    }
}

/// Adds structs field by field.
macro_rules! sums {
    ($name:ident, $method:ident: $($field:ident),+) => {
        impl $name {
            fn $method(&mut self, other: &Self) {
                $(self.$field += other.$field;)+
            }
        }
    };
}

sums!(Answered, add: version_negotiation, retry, refused, reset);
sums!(Dropped, add: malformed, unknown_connection, reset_overflow, short_initial, rejected_initial,
    unauthentic, violation, closing, answer_overflow, handover_overflow, internal);
sums!(Refused, add: server_full, host_full, network_full, leaving);
sums!(ConnectionCounters, add: active, half_open, ids, accepted, established, early,
    early_held, handshake_timeouts,
    idle_timeouts, request_timeouts, response_timeouts, key_limits, migrations);
sums!(PacketCounters, add_all: sent, received, lost, retransmitted);

/// Answers that need no connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answered {
    /// Version Negotiation, to a version other than 1.
    pub version_negotiation: u64,
    /// Retry, to have a client prove its address while many handshakes are under way.
    pub retry: u64,
    /// Refusals, because a bound on connections is reached; [`Refused`] has the causes.
    pub refused: u64,
    /// Stateless resets, to packets of unknown connections.
    pub reset: u64,
}

impl Answered {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.version_negotiation + self.retry + self.refused + self.reset
    }
}

/// Connections refused to clients whose address was proven, by the bound reached. A connection is
/// counted once per datagram of its first flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// `max_connections`.
    pub server_full: u64,
    /// `max_connections_per_host`.
    pub host_full: u64,
    /// `max_connections_per_network`.
    pub network_full: u64,
    /// No bound: the server is draining ([`Server::drain`](super::Server::drain)).
    pub leaving: u64,
}

impl Refused {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.server_full + self.host_full + self.network_full + self.leaving
    }

    pub(super) fn count(&mut self, full: Full) {
        *match full {
            Full::Server => &mut self.server_full,
            Full::Host => &mut self.host_full,
            Full::Network => &mut self.network_full,
            Full::Leaving => &mut self.leaving,
        } += 1;
    }
}

/// Datagrams dropped, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// Not QUIC, or cut off.
    pub malformed: u64,
    /// For an unknown connection, and not answered by a reset: a handshake packet, too small, or
    /// with an id that its client has retired.
    pub unknown_connection: u64,
    /// With an Initial packet, but shorter than the 1200 bytes that RFC 9000 requires.
    pub short_initial: u64,
    /// A first packet that did not decrypt.
    pub rejected_initial: u64,
    /// For a connection, but nothing in it decrypted, it held nothing new, or the connection was
    /// ending.
    pub unauthentic: u64,
    /// Ended its connection: the peer violated the protocol.
    pub violation: u64,
    /// A new connection while the server is closing.
    pub closing: u64,
    /// Not answered, because too many answers are waiting to be sent.
    pub answer_overflow: u64,
    /// Not answered by a stateless reset, because the quota was spent: 100 at once, and then one
    /// per 10 ms.
    pub reset_overflow: u64,
    /// For a connection of another worker, which had too many packets waiting.
    pub handover_overflow: u64,
    /// The cryptographic library failed (no random numbers, or out of memory).
    pub internal: u64,
}

impl Dropped {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.malformed
            + self.unknown_connection
            + self.short_initial
            + self.rejected_initial
            + self.unauthentic
            + self.violation
            + self.closing
            + self.answer_overflow
            + self.reset_overflow
            + self.handover_overflow
            + self.internal
    }
}

/// Connections, by state and outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionCounters {
    /// Existing now, half-open and closing ones included.
    pub active: usize,
    /// Existing now, with the handshake unfinished.
    pub half_open: usize,
    /// Connection ids in the table now.
    pub ids: usize,
    /// Handshakes begun.
    pub accepted: u64,
    /// Handshakes finished.
    pub established: u64,
    /// Connections on which early data (0-RTT) was acted on before the handshake was finished.
    pub early: u64,
    /// Connections on which early data had to wait, because it may be a replay.
    pub early_held: u64,
    /// Handshakes not finished in time.
    pub handshake_timeouts: u64,
    /// Ended by the idle timeout.
    pub idle_timeouts: u64,
    /// Closed because no request came for too long, [`WaitsFor::Request`](super::WaitsFor).
    pub request_timeouts: u64,
    /// Closed because the client took or sent nothing of what was under way,
    /// [`WaitsFor::Peer`](super::WaitsFor).
    pub response_timeouts: u64,
    /// Closed because their keys had protected as many packets as they may
    /// ([`ServerConfig::max_packets_sent`](super::ServerConfig)).
    pub key_limits: u64,
    /// Times that a client moved to another address.
    pub migrations: u64,
}

/// QUIC packets; a datagram may hold several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PacketCounters {
    /// Sent.
    pub sent: u64,
    /// Received and authentic.
    pub received: u64,
    /// Declared lost.
    pub lost: u64,
    /// Sent with retransmitted data.
    pub retransmitted: u64,
}

impl PacketCounters {
    /// Adds a connection's counts.
    pub(crate) fn add(&mut self, stats: &quiche::Stats) {
        self.sent += stats.sent as u64;
        self.received += stats.recv as u64;
        self.lost += stats.lost as u64;
        self.retransmitted += stats.retrans as u64;
    }
}
