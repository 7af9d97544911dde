//! `AckClock`: when received datagrams have earned an answer.
//!
//! quiche writes an acknowledgement into the next packet that it is asked for. So not asking
//! is what holds one back: this decides when the client asks. Fewer acknowledgements are
//! fewer datagrams to send for the client and to read for the server.

use std::time::{Duration, Instant};

/// How many datagrams one acknowledgement may stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckPolicy {
    /// At most so many. Fewer at the beginning, when the server needs each answer to find
    /// out how fast it may go: 2, and one more for every 16 datagrams received.
    /// 1 answers every datagram that the driver delivers by itself.
    pub every_datagrams: u32,
    /// None waits longer than this.
    pub delay: Duration,
}

impl Default for AckPolicy {
    fn default() -> Self {
        Self {
            every_datagrams: 32,
            delay: Duration::from_millis(2),
        }
    }
}

/// Datagrams per step by which the allowance grows.
const RAMP_DATAGRAMS: u64 = 16;

/// Counts what has come in since the last answer.
#[derive(Debug)]
pub(super) struct AckClock {
    policy: AckPolicy,
    received: u64,
    waiting: u32,
    /// When the first of those waiting came in.
    since: Option<Instant>,
    /// Something other than an acknowledgement is to be sent.
    urgent: bool,
}

impl AckClock {
    pub(super) fn new(policy: AckPolicy) -> Self {
        Self {
            policy,
            received: 0,
            waiting: 0,
            since: None,
            urgent: true,
        }
    }

    pub(super) fn received(&mut self, now: Instant) {
        self.received += 1;
        self.waiting = self.waiting.saturating_add(1);
        self.since.get_or_insert(now);
    }

    /// Something must go out at once.
    pub(super) fn urge(&mut self) {
        self.urgent = true;
    }

    /// Everything there was to say has been said.
    pub(super) fn flushed(&mut self) {
        self.waiting = 0;
        self.since = None;
        self.urgent = false;
    }

    /// Whether to ask quiche for packets. True when nothing waits: then it costs one call to
    /// learn that there is nothing.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let ramp = 2 + self.received / RAMP_DATAGRAMS;
        let enough = ramp.min(u64::from(self.policy.every_datagrams));
        self.urgent
            || u64::from(self.waiting) >= enough
            || self.deadline().is_none_or(|deadline| deadline <= now)
    }

    /// When what waits has waited long enough.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.since.map(|since| since + self.policy.delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_grow_rarer_up_to_the_policy_and_are_never_late() {
        let now = Instant::now();
        let policy = AckPolicy {
            every_datagrams: 8,
            delay: Duration::from_millis(2),
        };
        let mut clock = AckClock::new(policy);
        let mut answered_after = Vec::new();
        for _ in 0..40 {
            clock.flushed();
            let mut count = 0;
            loop {
                clock.received(now);
                count += 1;
                if clock.is_due(now) {
                    break;
                }
            }
            answered_after.push(count);
        }
        assert_eq!(answered_after[0], 2);
        assert!(answered_after.is_sorted());
        assert_eq!(*answered_after.last().unwrap(), 8);

        clock.flushed();
        clock.received(now);
        assert!(!clock.is_due(now));
        assert_eq!(clock.deadline(), Some(now + policy.delay));
        assert!(clock.is_due(now + policy.delay));
        clock.urge();
        assert!(clock.is_due(now));
    }
}
