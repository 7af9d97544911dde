//! `KeyUse`: how much a connection's keys have protected, and how much they may (RFC 9001, section 6.6).
//!
//! quiche follows a client that takes new keys, and never takes new ones itself, nor does it count. What
//! AES-GCM may protect with one key is 2^23 packets, which is 11 GB in packets of 1,350 bytes. So a
//! connection that nears that is drained, and ended before it. A client that takes new keys gets no
//! further: whether it did can't be seen from outside of quiche. Neither can the cipher, so
//! ChaCha20-Poly1305, which may do more, is not let do it.
//!
//! Of forged packets, ChaCha20-Poly1305 bears the least: 2^36. Every datagram that brings nothing counts
//! as one.

/// Packets that AES-GCM may protect with one key.
const MOST_SENT: u64 = 1 << 23;

/// What is left for a goodbye, and for whatever else is not counted.
const MARGIN: u64 = 1 << 12;

/// Packets whose forgery may fail.
const MOST_FORGED: u64 = 1 << 36;

/// What is left to draining a connection: an eighth.
const DRAIN_PART: u64 = 8;

/// As many as a connection may send.
pub(crate) const MAX_PACKETS_SENT: u64 = MOST_SENT - MARGIN;

/// Packets under a connection's keys.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyUse {
    max_sent: u64,
    sent: u64,
    forged: u64,
    was_drained: bool,
    was_spent: bool,
}

impl KeyUse {
    /// For no more than `max_sent`.
    pub(crate) fn new(max_sent: u64) -> Self {
        Self {
            max_sent: max_sent.min(MAX_PACKETS_SENT),
            sent: 0,
            forged: 0,
            was_drained: false,
            was_spent: false,
        }
    }

    /// A datagram was sent: no more than one packet in it is under these keys.
    pub(crate) fn add_sent(&mut self) {
        self.sent += 1;
    }

    /// A datagram came with nothing authentic in it.
    pub(crate) fn add_forged(&mut self) {
        self.forged += 1;
    }

    /// Whether it is time to finish what is under way; true once.
    pub(crate) fn take_drain_due(&mut self) -> bool {
        let is_due = self.sent >= self.max_sent - self.max_sent / DRAIN_PART;
        is_due && !std::mem::replace(&mut self.was_drained, true)
    }

    /// Whether nothing more may be sent but a goodbye; true once.
    pub(crate) fn take_spent(&mut self) -> bool {
        let is_due = self.sent >= self.max_sent || self.forged >= MOST_FORGED;
        is_due && !std::mem::replace(&mut self.was_spent, true)
    }

    /// Whether that has been so.
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
