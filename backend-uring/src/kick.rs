//! Kicks as submissions: sends and receives of no bytes.
//!
//! They are not linked. In one `io_uring_enter(2)` the kernel runs them one after the other, since
//! none may wait (MSG_DONTWAIT); a link would cancel the rest when the first says EAGAIN, which is
//! how a send says that it took its 32 packets and more are left.

use std::os::fd::AsRawFd;

use xskit_core::Errno;
use xskit_core::backend::Kick;

use crate::ring::Request;
use crate::socket::UringSocket;
use crate::tag::{Purpose, Tag};
use crate::traffic::Traffic;

impl Traffic {
    /// Puts the entries of a kick on the queue. A full queue is handed over, and filled again.
    pub(crate) fn kick(&mut self, socket: &UringSocket, kick: Kick) -> Result<(), Errno> {
        let fd = socket.as_raw_fd();
        let (request, purpose, times) = match kick {
            Kick::Transmit { times } => (Request::Send(fd), Purpose::Kick, times),
            Kick::Receive => (Request::Receive(fd), Purpose::Wake, 1),
        };
        let tag = Tag::new(socket.number, purpose);
        if self.ring.is_polled() {
            self.kick_polled(request, tag, times);
            return Ok(());
        }
        for _ in 0..times {
            match self.push_or_submit(request, tag) {
                // No memory for requests: what waits in the TX ring goes with the next kick.
                Err(Errno::EAGAIN) => {
                    self.direct
                        .count(|calls| calls.count_transient(Errno::EAGAIN));
                    return Ok(());
                }
                pushed => pushed?,
            }
        }
        Ok(())
    }

    /// Where the kernel's thread takes the entries: as many as are not on their way already, but
    /// one at least. One that was submitted before the packets were shown may have looked too early
    /// for them, and only its completion would tell.
    fn kick_polled(&mut self, request: Request, tag: Tag, times: u32) {
        self.reap();
        let Some(account) = self.accounts.get_mut(tag.socket) else {
            return;
        };
        let due = times.saturating_sub(account.outstanding).max(1);
        for done in 0..due {
            if self.push(request, tag).is_err() {
                self.owe(request, tag, done == 0);
                return;
            }
            if let Some(account) = self.accounts.get_mut(tag.socket) {
                account.outstanding += 1;
            }
        }
    }

    /// The queue is full of entries that the kernel's thread has not taken. At this load more is
    /// asked for soon; if not, the next call of any kind makes good for it.
    fn owe(&mut self, request: Request, tag: Tag, nothing_submitted: bool) {
        let debt = (request, tag);
        if nothing_submitted && !self.owed.contains(&debt) {
            self.owed.push(debt);
        }
    }

    /// Submits what had no room before, as far as there is room now.
    pub(crate) fn pay(&mut self) {
        while let Some((request, tag)) = self.owed.pop() {
            if self.push(request, tag).is_err() {
                self.owed.push((request, tag));
                return;
            }
            if let Some(account) = self.accounts.get_mut(tag.socket) {
                account.outstanding += 1;
            }
        }
    }

    /// Hands over what was asked for. Returns the error of a kick that failed.
    pub(crate) fn submit(&mut self) -> Result<(), Errno> {
        self.hand_over()?;
        self.failed.take().map_or(Ok(()), Err)
    }
}
