//! `KeyUse`: how many packets a connection's keys have protected, and how many they may (RFC 9001,
//! section 6.6).
//!
//! quiche follows a peer's key update, but never starts one and doesn't count packets. AES-GCM may
//! protect 2^23 packets with one key, which is 11 GB in packets of 1,350 bytes. So a connection
//! that nears the limit is drained, and closed before it reaches the limit. A key update by the
//! peer doesn't extend it, because quiche doesn't report one. Nor does it report the cipher, so the
//! limit also holds for ChaCha20-Poly1305, which would allow more.
//!
//! Of forged packets, ChaCha20-Poly1305 tolerates the fewest: 2^36. Every datagram without a new
//! authentic packet counts as one.

/// Packets that AES-GCM may protect with one key.
const MOST_SENT: u64 = 1 << 23;

/// Kept back for CONNECTION_CLOSE and for packets that are not counted.
const MARGIN: u64 = 1 << 12;

/// Packets that may fail to authenticate.
const MOST_FORGED: u64 = 1 << 36;

/// The last part of the packets, an eighth, is for draining the connection.
const DRAIN_PART: u64 = 8;

/// Packets that a connection may send.
pub(crate) const MAX_PACKETS_SENT: u64 = MOST_SENT - MARGIN;

/// Counts packets under a connection's keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyUse {
    max_sent: u64,
    sent: u64,
    forged: u64,
    was_drained: bool,
    was_spent: bool,
}

impl KeyUse {
    /// For at most `max_sent` packets.
    pub(crate) fn new(max_sent: u64) -> Self {
        Self {
            max_sent: max_sent.min(MAX_PACKETS_SENT),
            sent: 0,
            forged: 0,
            was_drained: false,
            was_spent: false,
        }
    }

    /// Counts a sent datagram: at most one packet in it is under these keys.
    pub(crate) fn add_sent(&mut self) {
        self.sent += 1;
    }

    /// Counts a received datagram with no new authentic packet in it.
    pub(crate) fn add_forged(&mut self) {
        self.forged += 1;
    }

    /// Whether draining should begin; true once.
    pub(crate) fn take_drain_due(&mut self) -> bool {
        let is_due = self.sent >= self.max_sent - self.max_sent / DRAIN_PART;
        is_due && !std::mem::replace(&mut self.was_drained, true)
    }

    /// Whether only CONNECTION_CLOSE may still be sent; true once.
    pub(crate) fn take_spent(&mut self) -> bool {
        let is_due = self.sent >= self.max_sent || self.forged >= MOST_FORGED;
        is_due && !std::mem::replace(&mut self.was_spent, true)
    }

    /// Whether [`take_spent`](Self::take_spent) has returned true.
    pub(crate) fn was_spent(&self) -> bool {
        self.was_spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_drained_and_then_ended() {
        let mut keys = KeyUse::new(u64::MAX);
        keys.sent = MAX_PACKETS_SENT - MAX_PACKETS_SENT / 8 - 1;
        assert!(!keys.take_drain_due());
        keys.add_sent();
        assert!(keys.take_drain_due() && !keys.take_drain_due() && !keys.take_spent());
        keys.sent = MAX_PACKETS_SENT - 1;
        assert!(!keys.take_spent());
        keys.add_sent();
        assert!(keys.take_spent() && !keys.take_spent());
    }

    #[test]
    fn forged_packets_end_it_too() {
        let mut keys = KeyUse::new(10);
        keys.forged = MOST_FORGED - 1;
        assert!(!keys.take_spent());
        keys.add_forged();
        assert!(keys.take_spent());
    }
}
