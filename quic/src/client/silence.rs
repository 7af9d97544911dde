//! `Silence`: when a client that waits for a response should send something.
//!
//! If a NAT has dropped its binding, the server's packets are lost, and a client that only receives
//! sends nothing from which the server could learn the new address. So it sends a packet.

use std::time::{Duration, Instant};

/// The silence of a server after which the client sends a packet.
const PATIENCE: Duration = Duration::from_millis(250);

/// When the server was last heard. One packet per silence is enough: quiche repeats what isn't
/// answered.
#[derive(Debug, Default)]
pub(super) struct Silence {
    since: Option<Instant>,
}

impl Silence {
    pub(super) fn heard(&mut self, now: Instant) {
        self.since = Some(now);
    }

    /// When to send, if a response is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.since.map(|since| since + PATIENCE)
    }

    /// Whether the deadline is reached; true once per silence.
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
