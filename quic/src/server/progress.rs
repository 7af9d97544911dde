//! `Progress`: whether a client still uses its connection.

use std::time::{Duration, Instant};

use super::application::{Activity, WaitsFor};

/// How long a connection may go without progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// With nothing under way: until the peer asks for something.
    pub(super) request: Duration,
    /// With something under way: until the peer takes or sends more of it.
    pub(super) response: Duration,
}

/// What a client failed to do in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lapse {
    /// It asked for nothing.
    NoRequest,
    /// It took nothing of the responses.
    Unread,
}

impl Lapse {
    /// The reason in CONNECTION_CLOSE.
    pub(super) fn reason(self) -> &'static [u8] {
        match self {
            Self::NoRequest => b"no request for too long",
            Self::Unread => b"the responses were not read for too long",
        }
    }
}

/// When a connection last made progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    limits: Limits,
    since: Instant,
    /// Bytes that wait for the client's acknowledgements, or for room to be sent.
    held_bytes: usize,
    waits_for: WaitsFor,
}

impl Progress {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            since: now,
            held_bytes: 0,
            waits_for: WaitsFor::Request,
        }
    }

    /// Records the present activity.
    pub(super) fn note(&mut self, now: Instant, activity: Activity) {
        let Activity {
            advanced,
            held_bytes,
            waits_for,
        } = activity;
        if advanced || held_bytes != self.held_bytes || waits_for != self.waits_for {
            self.since = now;
        }
        self.held_bytes = held_bytes;
        self.waits_for = waits_for;
    }

    /// By when something must happen; `None` if there is no limit.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due()
            .and_then(|(limit, _)| self.since.checked_add(limit))
    }

    pub(super) fn lapse(&self, now: Instant) -> Option<Lapse> {
        let (_, lapse) = self.due()?;
        let is_over = self.deadline().is_some_and(|deadline| deadline <= now);
        is_over.then_some(lapse)
    }

    /// What the client owes, and how long it has for it.
    fn due(&self) -> Option<(Duration, Lapse)> {
        match self.waits_for {
            WaitsFor::Request => Some((self.limits.request, Lapse::NoRequest)),
            WaitsFor::Peer => Some((self.limits.response, Lapse::Unread)),
            WaitsFor::Application => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_counts_from_the_last_step() {
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        let limits = Limits {
            request: Duration::from_secs(60),
            response: Duration::from_secs(100),
        };
        let mut progress = Progress::new(limits, begin);
        let activity = |advanced, held_bytes, waits_for| Activity {
            advanced,
            held_bytes,
            waits_for,
        };
        assert_eq!(progress.lapse(at(59)), None);
        assert_eq!(progress.lapse(at(60)), Some(Lapse::NoRequest));
        progress.note(at(50), activity(true, 10, WaitsFor::Peer));
        progress.note(at(70), activity(false, 10, WaitsFor::Peer));
        assert_eq!(progress.deadline(), Some(at(150)));
        assert_eq!(progress.lapse(at(150)), Some(Lapse::Unread));
        // Acknowledged, and then done.
        progress.note(at(80), activity(false, 5, WaitsFor::Peer));
        assert_eq!(progress.deadline(), Some(at(180)));
        progress.note(at(90), activity(false, 0, WaitsFor::Request));
        assert_eq!(progress.deadline(), Some(at(150)));
        // An application may think for as long as it likes.
        progress.note(at(95), activity(false, 0, WaitsFor::Application));
        assert_eq!(
            (progress.deadline(), progress.lapse(at(9999))),
            (None, None)
        );
    }
}
