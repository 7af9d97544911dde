//! `Notices`: a bound on the log lines that peers cause.

use std::time::{Duration, Instant};

/// Lines in a burst.
const BURST: u32 = 10;
/// After a burst, one more line per this time.
const EARNED_EVERY: Duration = Duration::from_secs(1);

/// An allowance of log lines for what strangers do: sending packets must not be a way to fill a
/// disk. It allows 10 lines at once and then one per second, and counts what is left out for the
/// next line.
#[derive(Debug, Default)]
pub struct Notices {
    written: u32,
    /// Lines earned by time are accounted for up to here.
    since: Option<Instant>,
    left_out: u64,
}

impl Notices {
    /// `None` if no line may be written now; otherwise how many were left out since the last one.
    pub fn admit(&mut self, now: Instant) -> Option<u64> {
        let since = *self.since.get_or_insert(now);
        let waited = now.saturating_duration_since(since);
        let earned = u32::try_from(waited.as_secs() / EARNED_EVERY.as_secs()).unwrap_or(u32::MAX);
        if earned > 0 {
            self.since = Some(now);
            self.written = self.written.saturating_sub(earned);
        }
        if self.written >= BURST {
            self.left_out += 1;
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_a_second_and_none_goes_uncounted() {
        let begin = Instant::now();
        let mut notices = Notices::default();
        assert!((0..BURST).all(|_| notices.admit(begin) == Some(0)));
        for ms in 1..1000 {
            assert_eq!(notices.admit(begin + Duration::from_millis(ms)), None);
        }
        let later = begin + EARNED_EVERY;
        assert_eq!(notices.admit(later), Some(999));
        assert_eq!(notices.admit(later), None);
        let much_later = later + 1000 * EARNED_EVERY;
        let lines = (0..100).filter_map(|_| notices.admit(much_later));
        assert_eq!(lines.collect::<Vec<_>>().len(), BURST as usize);
    }
}
