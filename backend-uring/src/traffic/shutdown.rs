//! The end of a socket: an armed poll holds it, and so its queue, even after `close(2)`.

use std::time::{Duration, Instant};

use super::Traffic;
use crate::ring::{ETIME, Request};
use crate::socket::Account;
use crate::tag::{Purpose, Tag};

/// How long a socket may take to come to rest. It does so at once; the limit only prevents a hang.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long without a completion until the cancels are retried.
const RETRY: Duration = Duration::from_millis(100);

impl Traffic {
    /// Cancels what is armed for a socket, and reaps until none of it is left, so that closing the
    /// descriptor closes the socket. Returns whether it got there: if not, entries may still name
    /// the descriptor, which must stay open.
    pub(crate) fn retire(&mut self, number: u32) -> bool {
        self.owed.retain(|debt| debt.tag.socket != number);
        let deadline = Instant::now() + PATIENCE;
        let mut is_to_cancel = true;
        // Entries name the descriptor by number: none may be left, as it would find another file.
        loop {
            if is_to_cancel {
                self.cancel_polls(number);
            }
            let Some(wanted) = self.left(number) else {
                self.accounts.close(number);
                return true;
            };
            if Instant::now() > deadline {
                return false;
            }
            let entered = self.enter(wanted, Some(RETRY), |calls| calls.setup += 1);
            is_to_cancel = entered.is_err();
            if entered.is_err_and(|error| error != ETIME && !error.is_transient()) {
                return false;
            }
        }
    }

    /// The same for every socket that is still there.
    pub(crate) fn retire_all(&mut self) {
        let numbers: Vec<u32> = self.accounts.iter_mut().map(|(number, _)| number).collect();
        for number in numbers {
            self.retire(number);
        }
    }

    /// Cancels the polls that are armed, unless earlier cancels are still under way.
    fn cancel_polls(&mut self, number: u32) {
        let Some(account) = self.accounts.get_mut(number) else {
            return;
        };
        let Account {
            receive,
            transmit,
            cancels,
            ..
        } = *account;
        if cancels > 0 {
            return;
        }
        for (poll, purpose) in [
            (receive, Purpose::PollReceive),
            (transmit, Purpose::PollTransmit),
        ] {
            let cancel = Request::Cancel(Tag::new(number, purpose));
            if poll.is_armed()
                && self
                    .push_or_submit(cancel, Tag::new(number, Purpose::Cancel))
                    .is_ok()
                && let Some(account) = self.accounts.get_mut(number)
            {
                account.cancels += 1;
            }
        }
    }

    /// How many completions to wait for: one if the socket's are still to come, zero while the
    /// queue holds entries, `None` when it is at rest.
    fn left(&mut self, number: u32) -> Option<u32> {
        self.reap();
        let account = self.accounts.get_mut(number);
        if account.is_some_and(|account| account.is_busy()) {
            return Some(1);
        }
        // What is on a polled ring's queue belongs to other sockets: an entry of ours makes the
        // account busy.
        (!self.ring.is_polled() && self.ring.pending() > 0).then_some(0)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use xskit_core::backend::{Backend, Interest};

    use super::super::fixture;
    use crate::ring::Request;
    use crate::tag::{Purpose, Tag};

    #[test]
    fn a_cancel_that_found_nothing_is_tried_again() {
        let Some((mut traffic, socket, _peer)) = fixture::open() else {
            return;
        };
        let interests = [(&socket, Interest::RECEIVE)];
        let waited = traffic.wait(&interests, Some(Duration::ZERO), false);
        assert_eq!(waited, Ok(0));
        // As if a cancel were under way already; it is of another poll.
        let other = Tag::new(socket.number, Purpose::PollTransmit);
        let cancel = Tag::new(socket.number, Purpose::Cancel);
        traffic.push(Request::Cancel(other), cancel).expect("room");
        let account = traffic.accounts.get_mut(socket.number).expect("open");
        account.cancels += 1;
        assert!(traffic.retire(socket.number));
        assert_eq!(traffic.direct.calls().submissions.cancels, 2);
    }

    #[test]
    fn a_socket_that_does_not_come_to_rest_is_not_to_be_closed() {
        let Some((mut traffic, socket, _peer)) = fixture::open() else {
            return;
        };
        // A poll that the kernel knows nothing of, and will never complete.
        let account = traffic.accounts.get_mut(socket.number).expect("open");
        account.receive.arm();
        assert!(!traffic.retire(socket.number));
        let cancels = traffic.direct.calls().submissions.cancels;
        assert!((2..100).contains(&cancels), "{cancels}");
        assert!(traffic.accounts.get_mut(socket.number).is_some(), "kept");
    }
}
