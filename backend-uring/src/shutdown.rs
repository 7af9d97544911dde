//! The end of a socket: an armed poll keeps it, and with it its queue, however often it is closed.

use std::time::{Duration, Instant};

use crate::ring::Request;
use crate::socket::Account;
use crate::tag::{Purpose, Tag};
use crate::traffic::Traffic;

/// How long the kernel has to answer a cancel, which it does at once; only so as not to hang.
const PATIENCE: Duration = Duration::from_secs(2);

impl Traffic {
    /// Cancels what is armed for a socket, and takes in completions until none of it is left, so
    /// that closing the descriptor closes the socket.
    pub(crate) fn retire(&mut self, number: u32) {
        self.owed.retain(|(_, tag)| tag.socket != number);
        self.cancel_polls(number);
        let deadline = Instant::now() + PATIENCE;
        // Entries name the descriptor by number: none may be left that would find another file.
        while let Some(wanted) = self.left(number)
            && Instant::now() < deadline
        {
            let entered = self.enter(wanted, Some(PATIENCE), |calls| calls.setup += 1);
            if entered.is_err_and(|error| !error.is_transient()) {
                break;
            }
        }
        self.accounts.close(number);
    }

    /// The same for every socket that is still there.
    pub(crate) fn retire_all(&mut self) {
        let numbers: Vec<u32> = self.accounts.iter_mut().map(|(number, _)| number).collect();
        for number in numbers {
            self.retire(number);
        }
    }

    fn cancel_polls(&mut self, number: u32) {
        let Some(account) = self.accounts.get_mut(number) else {
            return;
        };
        let Account {
            receive, transmit, ..
        } = *account;
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

    /// How many completions to wait for, while some of the socket are to come; zero while entries
    /// that complete at once lie on the queue.
    fn left(&mut self, number: u32) -> Option<u32> {
        self.reap();
        let account = self.accounts.get_mut(number);
        if account.is_some_and(|account| account.is_busy()) {
            return Some(1);
        }
        // What lies on the queue of a polled ring is of other sockets: ours would complete.
        (!self.ring.is_polled() && self.ring.pending() > 0).then_some(0)
    }
}
