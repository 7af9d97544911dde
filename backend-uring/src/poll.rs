//! A poll that the kernel may have armed: its state between submission and last completion.

/// One poll of one socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Poll {
    is_armed: bool,
    /// It has reported since [`take_ready`](Self::take_ready) last asked.
    is_ready: bool,
    /// It has reported an error or a hang-up since [`take_error`](Self::take_error) last asked.
    has_error: bool,
}

/// Events that a poll reports without being asked to.
const ERRORS: i32 = (libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) as i32;

impl Poll {
    /// Whether a completion is still to come, and the kernel holds the socket for it.
    pub(crate) fn is_armed(self) -> bool {
        self.is_armed
    }

    /// It was submitted.
    pub(crate) fn arm(&mut self) {
        self.is_armed = true;
    }

    /// A completion came. Returns the errno if the poll failed and was not cancelled.
    pub(crate) fn complete(&mut self, result: i32, more: bool) -> Option<i32> {
        self.is_armed = more;
        if result >= 0 {
            self.is_ready = true;
            self.has_error |= result & ERRORS != 0;
            return None;
        }
        (result != -libc::ECANCELED).then_some(-result)
    }

    /// Whether it has reported, and clears that.
    pub(crate) fn take_ready(&mut self) -> bool {
        std::mem::take(&mut self.is_ready)
    }

    /// Whether it has reported an error, and clears that.
    pub(crate) fn take_error(&mut self) -> bool {
        std::mem::take(&mut self.has_error)
    }
}

#[cfg(test)]
mod tests {
    use super::Poll;

    #[test]
    fn one_shot_is_armed_until_it_reports() {
        let mut poll = Poll::default();
        poll.arm();
        assert!(poll.is_armed() && !poll.take_ready());
        assert_eq!(poll.complete(1, false), None);
        assert!(!poll.is_armed() && poll.take_ready() && !poll.take_ready());
    }

    #[test]
    fn an_error_among_the_events_is_told_once() {
        let mut poll = Poll::default();
        poll.complete(i32::from(libc::POLLIN), true);
        assert!(!poll.take_error());
        poll.complete(i32::from(libc::POLLIN | libc::POLLERR), true);
        poll.complete(i32::from(libc::POLLIN), true);
        assert!(poll.take_error() && !poll.take_error());
    }

    #[test]
    fn multishot_stays_armed_while_more_is_to_come() {
        let mut poll = Poll::default();
        poll.arm();
        poll.complete(1, true);
        assert!(poll.is_armed() && poll.take_ready());
        poll.complete(1, false);
        assert!(!poll.is_armed() && poll.take_ready());
    }

    #[test]
    fn a_cancelled_poll_is_no_event_and_no_error() {
        let mut poll = Poll::default();
        poll.arm();
        assert_eq!(poll.complete(-libc::ECANCELED, false), None);
        assert!(!poll.is_armed() && !poll.take_ready());
        poll.arm();
        assert_eq!(poll.complete(-libc::EINVAL, false), Some(libc::EINVAL));
        assert!(!poll.take_ready());
    }
}
