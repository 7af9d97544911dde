//! `Silence`: when a client that waits for a response should speak.
//!
//! Behind a NAT whose binding is gone the server's packets are lost, and a client that only receives
//! has nothing to say from which the server could learn the new address. So it says something.

use std::time::{Duration, Instant};

/// The silence of a server after which its client speaks.
const PATIENCE: Duration = Duration::from_millis(250);

/// Time since the server was heard. One silence is broken once: quiche repeats what isn't answered.
#[derive(Debug, Default)]
pub(super) struct Silence {
    since: Option<Instant>,
}

impl Silence {
    pub(super) fn heard(&mut self, now: Instant) {
        self.since = Some(now);
    }

    /// When to speak, if a response is waited for.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.since.map(|since| since + PATIENCE)
    }

    /// True once the deadline is reached.
    pub(super) fn take_due(&mut self, now: Instant) -> bool {
        let is_over = self.deadline().is_some_and(|deadline| deadline <= now);
        if is_over {
            self.since = None;
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_is_broken_once() {
        let start = Instant::now();
        let mut silence = Silence::default();
        assert!(!silence.take_due(start + PATIENCE));
        silence.heard(start);
        assert!(!silence.take_due(start));
        assert!(silence.take_due(start + PATIENCE) && !silence.take_due(start + 2 * PATIENCE));
        silence.heard(start + PATIENCE);
        assert_eq!(silence.deadline(), Some(start + 2 * PATIENCE));
    }
}
