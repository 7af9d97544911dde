//! `AckClock`: when to acknowledge received datagrams.
//!
//! quiche writes an acknowledgement into the next packet that it is asked for, so the client holds
//! one back by not asking. Fewer acknowledgements are fewer datagrams for the client to send and
//! for the server to read.

use std::time::{Duration, Instant};

/// How many datagrams one acknowledgement may cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckPolicy {
    /// The most datagrams per acknowledgement. The number begins at 2 and grows to this by one per
    /// 16 datagrams received, because at first the server needs frequent acknowledgements to find
    /// its sending rate. 1 acknowledges each datagram, unless the driver delivers several at once.
    pub every_datagrams: u32,
    /// The longest that an acknowledgement is held back.
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

/// The allowance grows by one per this many datagrams.
const RAMP_DATAGRAMS: u64 = 16;

/// Counts the datagrams received since the last acknowledgement.
#[derive(Debug)]
pub(super) struct AckClock {
    policy: AckPolicy,
    received: u64,
    waiting: u32,
    /// When the first of the waiting datagrams came.
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

    /// Makes the next poll send at once.
    pub(super) fn urge(&mut self) {
        self.urgent = true;
    }

    /// Everything was sent.
    pub(super) fn flushed(&mut self) {
        self.waiting = 0;
        self.since = None;
        self.urgent = false;
    }

    /// Whether to ask quiche for packets. Also true if nothing waits: one call then finds out that
    /// there is nothing.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        let ramp = 2 + self.received / RAMP_DATAGRAMS;
        let enough = ramp.min(u64::from(self.policy.every_datagrams));
        self.urgent
            || u64::from(self.waiting) >= enough
            || self.deadline().is_none_or(|deadline| deadline <= now)
    }

    /// When the acknowledgement must be sent.
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
