//! How often a loop that moves packets looks at something else: seldom, at next to no cost.

use std::time::{Duration, Instant};

/// Turns between looks at the clock while none rests.
const TURNS_PER_LOOK: u32 = 256;

/// Says when it is time to look again.
#[derive(Debug)]
pub(crate) struct Pace {
    pause: Duration,
    next: Instant,
    turns: u32,
}

impl Pace {
    /// Once in every `pause`, from now on.
    pub(crate) fn every(pause: Duration) -> Self {
        Self {
            pause,
            next: Instant::now() + pause,
            turns: 0,
        }
    }

    /// Counts a turn, which `rested` or not. True when it is time to look.
    #[inline]
    pub(crate) fn is_due(&mut self, rested: bool) -> bool {
        self.turns = self.turns.wrapping_add(1);
        if !rested && !self.turns.is_multiple_of(TURNS_PER_LOOK) {
            return false;
        }
        let now = Instant::now();
        let is_due = now >= self.next;
        if is_due {
            self.next = now + self.pause;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Pace, TURNS_PER_LOOK};

    #[test]
    fn is_due_at_a_rest_or_after_many_turns_and_then_not_at_once() {
        let due = || Pace {
            pause: Duration::from_secs(1),
            next: Instant::now(),
            turns: 0,
        };
        let mut pace = due();
        assert!(pace.is_due(true));
        assert!(!pace.is_due(true));
        let mut pace = due();
        let looks = (0..TURNS_PER_LOOK).filter(|_| pace.is_due(false));
        assert_eq!(looks.count(), 1);
    }
}
