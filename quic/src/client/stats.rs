//! `ClientStats`: a client's counters.

use std::time::Duration;

/// A snapshot of a client's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientStats {
    /// UDP payloads received.
    pub datagrams_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Datagrams received that held nothing new and authentic.
    pub datagrams_ignored: u64,
    /// UDP payloads written.
    pub datagrams_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// Body bytes read by the application.
    pub body_bytes: u64,
    /// Requests sent before the handshake was done.
    pub early_requests: u64,
    /// QUIC packets sent.
    pub packets_sent: u64,
    /// QUIC packets received and authentic.
    pub packets_received: u64,
    /// QUIC packets sent and declared lost.
    pub packets_lost: u64,
    /// QUIC packets sent with retransmitted data.
    pub packets_retransmitted: u64,
    /// Smoothed round-trip time, without acknowledgement delays.
    pub rtt: Duration,
    /// The shortest round-trip time seen.
    pub min_rtt: Duration,
    /// Congestion window in bytes.
    pub congestion_window_bytes: usize,
    /// The largest UDP payload in use on the path.
    pub udp_payload_bytes: usize,
}
