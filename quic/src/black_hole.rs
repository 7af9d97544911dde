//! `BlackHole`: detects that a path no longer carries datagrams of the size in use.

use std::net::SocketAddr;

use crate::quic::QuicConnection;
use crate::transport::MIN_UDP_PAYLOAD_BYTES;

/// Losses in a row that mean a black hole (RFC 8899, section 4.3). Three may be chance, but then a
/// probe soon restores the size.
const LOSSES: u64 = 3;

/// Counts a connection's losses, and falls back to datagrams of 1,200 bytes (RFC 8899, section
/// 4.3).
///
/// quiche stops probing once it has found a path's MTU, and ignores that large packets vanish
/// later. Losses are checked when a timer fires: nothing here runs per packet.
#[derive(Debug)]
pub(crate) struct BlackHole {
    /// The peer's address on the path that is counted.
    peer: Option<SocketAddr>,
    /// Probe timeouts of the path at the last look.
    timeouts: u64,
    /// The latest consecutive ones of those during which nothing was acknowledged.
    silent_timeouts: u64,
    /// The connection's acknowledged bytes at the last look.
    acked_bytes: u64,
    /// Acknowledged and lost bytes when at least one large datagram's bytes were last acknowledged.
    since: Totals,
    /// The largest datagram to write.
    limit_bytes: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    acked_bytes: u64,
    lost_bytes: u64,
}

impl Default for BlackHole {
    fn default() -> Self {
        Self {
            peer: None,
            timeouts: 0,
            silent_timeouts: 0,
            acked_bytes: 0,
            since: Totals::default(),
            limit_bytes: usize::MAX,
        }
    }
}

impl BlackHole {
    /// The part of `out` that a datagram may fill.
    pub(crate) fn room<'a>(&self, out: &'a mut [u8]) -> &'a mut [u8] {
        let len = out.len().min(self.limit_bytes);
        out.get_mut(..len).unwrap_or_default()
    }

    /// The largest datagram in use; quiche alone would use `payload_bytes`.
    pub(crate) fn payload_bytes(&self, payload_bytes: usize) -> usize {
        payload_bytes.min(self.limit_bytes)
    }

    /// Runs quiche's timers, then checks the losses.
    pub(crate) fn on_timeout(&mut self, quic: &mut QuicConnection) {
        quic.on_timeout();
        let Some(path) = quic.path_stats().find(|path| path.active) else {
            return;
        };
        let stats = quic.stats();
        let acked_bytes = stats.acked_bytes;
        // The connection's counts: with CUBIC, quiche leaves the path's at 0.
        let now = Totals {
            acked_bytes,
            lost_bytes: stats.lost_bytes,
        };
        if self.peer.replace(path.peer_addr) != Some(path.peer_addr) {
            *self = Self {
                peer: self.peer,
                since: now,
                ..Self::default()
            };
        }
        let timeouts = path.total_pto_count as u64;
        match acked_bytes == self.acked_bytes {
            true => self.silent_timeouts += timeouts.saturating_sub(self.timeouts),
            false => self.silent_timeouts = 0,
        }
        (self.timeouts, self.acked_bytes) = (timeouts, acked_bytes);
        let in_use = self.payload_bytes(path.pmtu);
        // Fewer bytes than one large datagram: none was acknowledged.
        let none_arrived = acked_bytes - self.since.acked_bytes < in_use as u64;
        if in_use <= MIN_UDP_PAYLOAD_BYTES || !none_arrived {
            self.since = now;
            return;
        }
        let lost = now.lost_bytes.saturating_sub(self.since.lost_bytes);
        if self.silent_timeouts >= LOSSES || lost > LOSSES * MIN_UDP_PAYLOAD_BYTES as u64 {
            tracing::debug!(peer = %path.peer_addr, in_use, "large datagrams no longer arrive");
            self.silent_timeouts = 0;
            self.since = now;
            self.fall_back(quic);
        }
    }

    fn fall_back(&mut self, quic: &mut QuicConnection) {
        match quic.pmtu() {
            // Drops to 1,200 bytes at once, then probes downwards from the size that was in use.
            Some(_) => quic.revalidate_pmtu(),
            // Still searching, or a path that quiche does not probe.
            None => self.limit_bytes = MIN_UDP_PAYLOAD_BYTES,
        }
    }
}
