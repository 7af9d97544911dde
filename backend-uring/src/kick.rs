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

/// How many kicks more than the work needs a polled ring may have on their way for a socket.
const SPARE: u32 = 2;

impl Traffic {
    /// Puts the entries of a kick on the queue. A full queue is handed over, and filled again.
    pub(crate) fn kick(&mut self, socket: &UringSocket, kick: Kick) -> Result<(), Errno> {
        let fd = self.accounts.own(socket)?.as_raw_fd();
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

    /// Where the kernel's thread takes the entries: what the work needs, less what is on its way
    /// already. One that was submitted before the packets were shown may have looked too early for
    /// them, and only its completion tells that; so there are a few more than needed, and beyond
    /// them the kick is owed.
    fn kick_polled(&mut self, request: Request, tag: Tag, times: u32) {
        self.reap();
        let Some(account) = self.accounts.get_mut(tag.socket) else {
            return;
        };
        let wanted = times.saturating_add(SPARE);
        if account.outstanding >= wanted {
            self.owe(request, tag, true);
            return;
        }
        let due = times.saturating_sub(account.outstanding).max(1);
        self.owed.retain(|owed| *owed != (request, tag));
        for done in 0..due {
            if !self.push_polled(request, tag) {
                self.owe(request, tag, done == 0);
                return;
            }
        }
    }

    /// The kernel's thread is behind. At this load more is asked for soon; if not, the next call of
    /// any kind makes good for it.
    fn owe(&mut self, request: Request, tag: Tag, nothing_submitted: bool) {
        let debt = (request, tag);
        if nothing_submitted && !self.owed.contains(&debt) {
            self.owed.push(debt);
        }
    }

    /// Submits what is owed, as far as there is room now: for sockets that have little under way,
    /// or, before a sleep, for all.
    pub(crate) fn pay(&mut self, before_sleep: bool) {
        if self.owed.is_empty() {
            return;
        }
        for (request, tag) in std::mem::take(&mut self.owed) {
            let account = self.accounts.get_mut(tag.socket);
            let is_late = account.is_some_and(|account| account.outstanding > SPARE);
            if (is_late && !before_sleep) || !self.push_polled(request, tag) {
                self.owed.push((request, tag));
            }
        }
    }

    /// Says whether there was room.
    fn push_polled(&mut self, request: Request, tag: Tag) -> bool {
        let has_room = self.push(request, tag).is_ok();
        if has_room && let Some(account) = self.accounts.get_mut(tag.socket) {
            account.outstanding += 1;
        }
        has_room
    }

    /// Hands over what was asked for. Returns the error of a kick that failed.
    pub(crate) fn submit(&mut self) -> Result<(), Errno> {
        self.hand_over()?;
        self.failed.take().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use xskit_core::Errno;
    use xskit_core::backend::{Interest, Kick};

    use crate::wire::{pair, wire};

    const EBADF: Errno = Errno(libc::EBADF);
    const ONCE: Kick = Kick::Transmit { times: 1 };

    #[test]
    fn a_kick_on_the_queue_never_finds_another_file() {
        let Some((mut traffic, socket, peer)) = wire() else {
            return;
        };
        {
            let dropped = socket;
            traffic.kick(&dropped, ONCE).expect("room");
        }
        let (_next, peer_of_next) = pair(&mut traffic);
        traffic.submit().expect("submitted");
        assert_eq!(peer.recv(&mut [0; 8]).expect("an empty datagram"), 0);
        assert!(peer_of_next.recv(&mut [0; 8]).is_err(), "not its own");
    }

    #[test]
    fn another_backends_socket_is_refused() {
        let (Some((mut traffic, ..)), Some((_other, socket, peer))) = (wire(), wire()) else {
            return;
        };
        assert_eq!(traffic.kick(&socket, ONCE), Err(EBADF));
        let interests = [(&socket, Interest::RECEIVE)];
        assert_eq!(traffic.wait(&interests, None, false), Err(EBADF));
        traffic.submit().expect("nothing to do");
        assert!(peer.recv(&mut [0; 8]).is_err(), "nothing was sent");
    }
}
