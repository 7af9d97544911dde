//! `TransportConfig`: the QUIC settings that client and server share.

use std::time::Duration;

use crate::error::SetupError;

/// The smallest datagram a QUIC path must carry (RFC 9000, section 14).
pub const MIN_UDP_PAYLOAD_BYTES: usize = 1200;

/// The largest datagram this crate sends: the largest that the two-byte length field of a long
/// header can express (RFC 9000, sections 16 and 17.2).
pub const MAX_UDP_PAYLOAD_BYTES: usize = 16_383;

/// The largest UDP payload that fits an IP packet of `mtu_bytes` without fragmentation, clamped to
/// QUIC's range.
///
/// `mtu_bytes` is the interface's MTU (the IP packet, without the Ethernet header).
/// An MTU below 1228 (IPv4) or 1248 (IPv6) can't carry QUIC; the result is then 1200.
#[must_use]
pub fn udp_payload_for_mtu(mtu_bytes: usize, ipv6: bool) -> usize {
    let headers = if ipv6 { 40 + 8 } else { 20 + 8 };
    mtu_bytes
        .saturating_sub(headers)
        .clamp(MIN_UDP_PAYLOAD_BYTES, MAX_UDP_PAYLOAD_BYTES)
}

/// The congestion control algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Congestion {
    /// CUBIC (RFC 9438), with HyStart++ (RFC 9406) to leave slow start before loss.
    #[default]
    Cubic,
    /// BBRv2: models bandwidth and round-trip time, and reacts to loss less than CUBIC.
    Bbr2,
}

/// QUIC transport settings.
///
/// The defaults are those of [`TransportConfig::sender`] or [`TransportConfig::receiver`]: a sender
/// grants small receive windows, because peers send it little; a receiver grants large ones, which
/// fill a path of high bandwidth and delay.
#[derive(Clone, Debug)]
pub struct TransportConfig {
    /// Largest UDP payload sent, and the largest that the peer is allowed to send, in bytes.
    /// See [`udp_payload_for_mtu`].
    pub max_udp_payload_bytes: usize,
    /// Probe for a path MTU up to `max_udp_payload_bytes`, starting at 1200 (the default).
    /// Otherwise the path is assumed to carry `max_udp_payload_bytes`. Either way datagrams shrink
    /// to 1200 bytes when larger ones no longer arrive.
    pub discover_path_mtu: bool,
    /// A connection ends when nothing arrives for this long.
    pub idle_timeout: Duration,
    /// Bytes the peer may have outstanding on the whole connection at first.
    pub connection_window_bytes: u64,
    /// Bytes the peer may have outstanding on one stream at first.
    pub stream_window_bytes: u64,
    /// What the connection's window may grow to.
    pub max_connection_window_bytes: u64,
    /// What a stream's window may grow to.
    pub max_stream_window_bytes: u64,
    /// Streams that the peer may have open at once, in each direction. A server of HTTP/3 may have
    /// no bidirectional ones, whatever this is (RFC 9114, section 6.1).
    pub max_streams: u64,
    /// Unreliable datagrams (RFC 9221) that may be queued in each direction; 0 disables them.
    pub datagrams_queued: usize,
    /// Congestion control.
    pub congestion: Congestion,
    /// Congestion window at the start, in packets.
    pub initial_window_packets: usize,
    /// Round-trip time assumed until one is measured. The first retransmission of a handshake
    /// follows after three times this.
    pub initial_rtt: Duration,
    /// The longest that this endpoint holds back an acknowledgement; it is announced to the peer.
    pub max_ack_delay: Duration,
}

impl TransportConfig {
    /// Defaults for an endpoint that mostly sends: the server.
    #[must_use]
    pub fn sender() -> Self {
        Self {
            max_udp_payload_bytes: 1350,
            discover_path_mtu: true,
            idle_timeout: Duration::from_secs(30),
            connection_window_bytes: 256 << 10,
            stream_window_bytes: 64 << 10,
            max_connection_window_bytes: 256 << 10,
            max_stream_window_bytes: 64 << 10,
            max_streams: 100,
            datagrams_queued: 0,
            congestion: Congestion::Cubic,
            initial_window_packets: 32,
            initial_rtt: Duration::from_millis(100),
            max_ack_delay: Duration::from_millis(25),
        }
    }

    /// Defaults for an endpoint that mostly receives: the client.
    #[must_use]
    pub fn receiver() -> Self {
        Self {
            connection_window_bytes: 24 << 20,
            stream_window_bytes: 16 << 20,
            max_connection_window_bytes: 48 << 20,
            max_stream_window_bytes: 32 << 20,
            ..Self::sender()
        }
    }

    /// Writes the settings into a quiche configuration whose TLS context is already set.
    pub(crate) fn apply(&self, config: &mut quiche::Config) -> Result<(), SetupError> {
        let payload = self.max_udp_payload_bytes;
        if !(MIN_UDP_PAYLOAD_BYTES..=MAX_UDP_PAYLOAD_BYTES).contains(&payload) {
            return Err(SetupError::UdpPayload { bytes: payload });
        }
        config.set_max_send_udp_payload_size(payload);
        config.set_max_recv_udp_payload_size(payload);
        config.discover_pmtu(self.discover_path_mtu);
        config.set_max_idle_timeout(millis(self.idle_timeout));
        config.set_initial_max_data(self.connection_window_bytes);
        config.set_initial_max_stream_data_bidi_local(self.stream_window_bytes);
        config.set_initial_max_stream_data_bidi_remote(self.stream_window_bytes);
        config.set_initial_max_stream_data_uni(self.stream_window_bytes.min(64 << 10));
        config.set_max_connection_window(self.max_connection_window_bytes);
        config.set_max_stream_window(self.max_stream_window_bytes);
        config.set_initial_max_streams_bidi(self.max_streams);
        config.set_initial_max_streams_uni(self.max_streams.min(16));
        config.set_max_ack_delay(millis(self.max_ack_delay).max(1));
        config.set_initial_rtt(self.initial_rtt);
        config.set_initial_congestion_window_packets(self.initial_window_packets.max(2));
        config.set_cc_algorithm(match self.congestion {
            Congestion::Cubic => quiche::CongestionControlAlgorithm::CUBIC,
            Congestion::Bbr2 => quiche::CongestionControlAlgorithm::Bbr2Gcongestion,
        });
        config.enable_hystart(true);
        let datagrams = self.datagrams_queued;
        config.enable_dgram(datagrams > 0, datagrams, datagrams);
        // It would pace by send times of packets already sealed; both sides use `Pacer`.
        config.enable_pacing(false);
        config.set_active_connection_id_limit(ACTIVE_CONNECTION_IDS);
        Ok(())
    }
}

/// Connection ids that each side issues to the other: the one in use and spare ones, so that a
/// client that changes networks has a fresh one. It also limits quiche's paths of a connection, of
/// which a server needs two (`server/whereabouts.rs`).
const ACTIVE_CONNECTION_IDS: u64 = 8;

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_follows_the_mtu_within_quics_bounds() {
        assert_eq!(udp_payload_for_mtu(1500, false), 1472);
        assert_eq!(udp_payload_for_mtu(1500, true), 1452);
        assert_eq!(udp_payload_for_mtu(576, false), 1200);
        assert_eq!(udp_payload_for_mtu(65_535, true), 16_383);
    }

    #[test]
    fn a_payload_no_quic_path_allows_is_refused() {
        for bytes in [0, 1199, 16_384] {
            let mut config = quiche::Config::new(quiche::PROTOCOL_VERSION).unwrap();
            let transport = TransportConfig {
                max_udp_payload_bytes: bytes,
                ..TransportConfig::sender()
            };
            let error = transport.apply(&mut config).unwrap_err();
            assert!(error.to_string().contains(&bytes.to_string()), "{error}");
        }
    }
}
