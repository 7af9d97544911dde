//! `Credit`: how many requests a client may still cancel.

use std::time::{Duration, Instant};

/// Time gives one back this often; the load of cancelled requests at this rate is negligible.
const EARNED_EVERY: Duration = Duration::from_millis(10);

/// A connection's allowance of cancelled requests.
///
/// A cancelled request costs the server nearly as much as an answered one, and the client nothing,
/// not even flow control, because its stream is free again at once. So each takes one away, and
/// each complete response gives one back, up to the initial credit.
#[derive(Debug)]
pub(super) struct Credit {
    left: u32,
    most: u32,
    /// Credit earned by time is accounted for up to here.
    since: Instant,
}

impl Credit {
    pub(super) fn new(most: u32, now: Instant) -> Self {
        Self {
            left: most,
            most,
            since: now,
        }
    }

    /// A response was complete.
    pub(super) fn earn(&mut self) {
        self.left = self.left.saturating_add(1).min(self.most);
    }

    /// A request was cancelled. False if there was no credit for it.
    #[must_use]
    pub(super) fn spend(&mut self, now: Instant) -> bool {
        self.earn_by_time(now);
        let left = self.left.checked_sub(1);
        self.left = left.unwrap_or(0);
        left.is_some()
    }

    fn earn_by_time(&mut self, now: Instant) {
        let waited = now.saturating_duration_since(self.since);
        let earned = waited.as_nanos() / EARNED_EVERY.as_nanos();
        let Some(earned) = u32::try_from(earned).ok().filter(|earned| *earned > 0) else {
            return;
        };
        self.since += EARNED_EVERY * earned;
        self.left = self.left.saturating_add(earned).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_what_is_taken_to_the_end_pays_for_more() {
        let now = Instant::now();
        let mut credit = Credit::new(3, now);
        credit.earn();
        assert!((0..3).all(|_| credit.spend(now)));
        assert!(!credit.spend(now));
        credit.earn();
        assert!(credit.spend(now) && !credit.spend(now));
    }

    #[test]
    fn time_pays_too_but_no_more_than_the_burst() {
        let begin = Instant::now();
        let mut credit = Credit::new(3, begin);
        assert!((0..3).all(|_| credit.spend(begin)));
        let mut now = begin + EARNED_EVERY * 3 / 2;
        assert!(credit.spend(now) && !credit.spend(now));
        now += EARNED_EVERY / 2;
        assert!(credit.spend(now), "half a stretch is not lost");
        now += EARNED_EVERY * 1000;
        assert!((0..3).all(|_| credit.spend(now)));
        assert!(!credit.spend(now));
    }
}
