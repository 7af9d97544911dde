//! `Progress`: whether a client still makes use of its connection.

use std::time::{Duration, Instant};

/// How long a connection may go without progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// With no response under way: until the next request.
    pub(super) request: Duration,
    /// With responses under way: until the client takes more of one.
    pub(super) response: Duration,
}

/// What a client didn't do in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lapse {
    /// It asked for nothing.
    NoRequest,
    /// It took nothing of what it had asked for.
    Unread,
}

impl Lapse {
    /// What it is told.
    pub(super) fn reason(self) -> &'static [u8] {
        match self {
            Self::NoRequest => b"no request for too long",
            Self::Unread => b"the responses were not read for too long",
        }
    }
}

/// When a connection last got on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    limits: Limits,
    since: Instant,
    /// Bytes of files that wait for the client's acknowledgements, or for room to be sent.
    held_bytes: usize,
    is_answering: bool,
}

impl Progress {
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            since: now,
            held_bytes: 0,
            is_answering: false,
        }
    }

    /// Takes note of how things are. `advanced`: a request came, or part of a response went out.
    pub(super) fn note(
        &mut self,
        now: Instant,
        advanced: bool,
        held_bytes: usize,
        is_answering: bool,
    ) {
        if advanced || held_bytes != self.held_bytes || is_answering != self.is_answering {
            self.since = now;
        }
        self.held_bytes = held_bytes;
        self.is_answering = is_answering;
    }

    /// Until when something must happen; `None` for a time without end.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.since.checked_add(match self.is_answering {
            true => self.limits.response,
            false => self.limits.request,
        })
    }

    pub(super) fn lapse(&self, now: Instant) -> Option<Lapse> {
        let is_over = self.deadline().is_some_and(|deadline| deadline <= now);
        is_over.then_some(match self.is_answering {
            true => Lapse::Unread,
            false => Lapse::NoRequest,
        })
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
        assert_eq!(progress.lapse(at(59)), None);
        assert_eq!(progress.lapse(at(60)), Some(Lapse::NoRequest));
        progress.note(at(50), true, 10, true);
        progress.note(at(70), false, 10, true);
        assert_eq!(progress.deadline(), Some(at(150)));
        assert_eq!(progress.lapse(at(150)), Some(Lapse::Unread));
        // Acknowledged, and then done.
        progress.note(at(80), false, 5, true);
        assert_eq!(progress.deadline(), Some(at(180)));
        progress.note(at(90), false, 0, false);
        assert_eq!(progress.deadline(), Some(at(150)));
    }
}
