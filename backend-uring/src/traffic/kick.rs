//! Kicks as submissions: sends and receives of no bytes.
//!
//! They are not linked. In one `io_uring_enter(2)` the kernel runs them one after the other, since
//! none may wait (MSG_DONTWAIT). A link would cancel the rest after EAGAIN, by which a send reports
//! that it took its 32 packets and more are left.

use std::os::fd::AsRawFd;

use xskit_core::Errno;
use xskit_core::backend::Kick;

use super::{Debt, SPARE, Traffic};
use crate::ring::Request;
use crate::socket::UringSocket;
use crate::tag::{Purpose, Tag};

impl Traffic {
    /// Puts the entries of a kick on the queue. A full queue is handed over, and filled again.
    /// Returns the error of a kick of this socket that failed before.
    pub(crate) fn kick(&mut self, socket: &UringSocket, kick: Kick) -> Result<(), Errno> {
        let fd = self.accounts.own(socket)?.as_raw_fd();
        self.take_failure_of(socket)?;
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
                // The kernel has no memory for requests: what is on the TX ring goes with the next
                // kick.
                Err(Errno::EAGAIN) => return Ok(()),
                pushed => pushed?,
            }
        }
        Ok(())
    }

    /// For a kernel thread that takes the entries: submits as many kicks as the work needs, less
    /// those under way. One that was submitted before the packets were published may have run too
    /// early for them, which only its completion shows. So there are a few more than needed, and
    /// those left out are owed. The work is all that is on the TX ring, so it includes what was
    /// owed before.
    fn kick_polled(&mut self, request: Request, tag: Tag, times: u32) {
        self.reap();
        let Some(account) = self.accounts.get_mut(tag.socket) else {
            return;
        };
        let outstanding = account.outstanding;
        let due = if outstanding >= times.saturating_add(SPARE) {
            0
        } else {
            times.saturating_sub(outstanding).max(1)
        };
        self.owed.retain(|debt| debt.tag != tag);
        let mut remaining = times;
        for _ in 0..due {
            if !self.push_polled(request, tag) {
                break;
            }
            remaining = remaining.saturating_sub(1);
        }
        self.owe(Debt {
            request,
            tag,
            remaining,
        });
    }

    /// Submits all that is owed, and waits for room if there is none: before a sleep, during which
    /// no later call would.
    ///
    /// # Errors
    /// The errno of the wait for room.
    pub(super) fn pay_all(&mut self) -> Result<(), Errno> {
        while let Some(mut debt) = self.owed.pop() {
            while debt.remaining > 0 {
                if let Err(error) = self.push_or_submit(debt.request, debt.tag) {
                    self.owe(debt);
                    return Err(error);
                }
                self.count_outstanding(debt.tag);
                debt.remaining -= 1;
            }
        }
        Ok(())
    }

    /// Hands over what was asked for. Returns the error of a failed kick of any socket.
    pub(crate) fn submit(&mut self) -> Result<(), Errno> {
        self.hand_over()?;
        self.take_failure()
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    use xskit_core::Errno;
    use xskit_core::backend::{Backend, Interest, Kick};

    use super::super::{Traffic, fixture};
    use crate::config::{SqPoll, UringConfig, Wait};
    use crate::ring::Request;
    use crate::tag::{Purpose, Tag};

    const ONCE: Kick = Kick::Transmit { times: 1 };

    #[test]
    fn a_kick_on_the_queue_never_finds_another_file() {
        let Some((mut traffic, socket, peer)) = fixture::open() else {
            return;
        };
        {
            let dropped = socket;
            traffic.kick(&dropped, ONCE).expect("room");
        }
        let (_next, peer_of_next) = fixture::pair(&mut traffic);
        traffic.submit().expect("submitted");
        assert_eq!(peer.recv(&mut [0; 8]).expect("an empty datagram"), 0);
        assert!(peer_of_next.recv(&mut [0; 8]).is_err(), "not its own");
    }

    #[test]
    fn another_backends_socket_is_refused() {
        let (Some((mut traffic, ..)), Some((_other, socket, peer))) =
            (fixture::open(), fixture::open())
        else {
            return;
        };
        assert_eq!(traffic.kick(&socket, ONCE), Err(Errno::EBADF));
        let interests = [(&socket, Interest::RECEIVE)];
        assert_eq!(traffic.wait(&interests, None, false), Err(Errno::EBADF));
        traffic.submit().expect("nothing to do");
        assert!(peer.recv(&mut [0; 8]).is_err(), "nothing was sent");
    }

    #[test]
    fn a_failure_is_told_to_its_own_socket() {
        let Some((mut traffic, failing, peer)) = fixture::open() else {
            return;
        };
        let (sound, _peer) = fixture::pair(&mut traffic);
        // The first kick is refused; from then on the socket is not connected.
        drop(peer);
        let unconnected = Errno(libc::ENOTCONN);
        let fail = |traffic: &mut Traffic| {
            traffic.kick(&failing, ONCE).expect("room");
            traffic.hand_over().expect("handed over");
        };
        fail(&mut traffic);
        let at_once = Some(Duration::ZERO);
        let waited = traffic.wait(&[(&sound, Interest::RECEIVE)], at_once, false);
        assert_eq!(waited, Ok(0));
        assert_eq!(traffic.kick(&sound, ONCE), Ok(()));
        assert_eq!(traffic.kick(&failing, ONCE), Err(Errno(libc::ECONNREFUSED)));
        fail(&mut traffic);
        let waited = traffic.wait(&[(&failing, Interest::RECEIVE)], None, false);
        assert_eq!(waited, Err(unconnected));
        fail(&mut traffic);
        assert_eq!(traffic.submit(), Err(unconnected));
        assert_eq!(traffic.submit(), Ok(()), "told once");
        // The failure of a socket that is gone is dropped.
        fail(&mut traffic);
        assert!(traffic.retire(failing.number));
        assert_eq!(traffic.submit(), Ok(()));
    }

    #[test]
    fn a_flush_is_one_call_whatever_it_sets_off() {
        let Some((mut traffic, socket, peer)) = fixture::open() else {
            return;
        };
        let peer = traffic.accounts.adopt(peer.into());
        let interests = [(&peer, Interest::RECEIVE)];
        let waited = traffic.wait(&interests, Some(Duration::ZERO), false);
        assert_eq!(waited, Ok(0));
        // The datagram makes the peer's poll report, which is deferred to the next wait.
        traffic.kick(&socket, ONCE).expect("room");
        traffic.submit().expect("submitted");
        traffic.submit().expect("nothing to do");
        assert_eq!(traffic.direct.calls().enters, 1);
        assert_eq!(traffic.wait(&interests, None, false), Ok(1));
    }

    /// A queue that is full at once, and a kernel's thread that takes it.
    const NARROW: UringConfig = UringConfig {
        entries: 1,
        sqpoll: Some(SqPoll { idle_ms: 10 }),
        wait: Wait::Poll,
        napi_us: 0,
        any_thread: false,
    };

    #[test]
    fn what_a_full_polled_queue_had_no_room_for_is_owed_until_a_wait() {
        let Some((mut traffic, socket, _peer)) = fixture::open_by(&NARROW) else {
            return;
        };
        traffic
            .kick(&socket, Kick::Transmit { times: 1000 })
            .expect("room or not");
        let submitted = traffic.direct.calls().submissions.kicks;
        let owed: u64 = traffic.owed.iter().map(|debt| debt.remaining as u64).sum();
        assert_eq!(submitted + owed, 1000);
        let interests = [(&socket, Interest::RECEIVE)];
        assert_eq!(traffic.wait(&interests, Some(Duration::ZERO), false), Ok(0));
        assert_eq!(traffic.direct.calls().submissions.kicks, 1000);
        assert_eq!(traffic.owed, []);
    }

    #[test]
    fn kicks_that_may_have_looked_too_early_are_owed() {
        let Some((mut traffic, socket, _peer)) = fixture::open_by(&NARROW) else {
            return;
        };
        let account = traffic.accounts.get_mut(socket.number).expect("open");
        account.outstanding = 7;
        traffic
            .kick(&socket, Kick::Transmit { times: 8 })
            .expect("room");
        assert_eq!(traffic.owed.len(), 1);
        assert_eq!(traffic.owed[0].remaining, 7);
        // A later kick asks for all of it.
        traffic
            .kick(&socket, Kick::Transmit { times: 3 })
            .expect("room");
        assert_eq!(traffic.owed.len(), 1);
        assert_eq!(traffic.owed[0].remaining, 3);
    }

    #[test]
    fn a_full_polled_queue_is_waited_for() {
        let Some((mut traffic, socket, _peer)) = fixture::open_by(&NARROW) else {
            return;
        };
        let tag = Tag::new(socket.number, Purpose::Wake);
        let nothing = Request::Receive(socket.as_raw_fd());
        for _ in 0..1000 {
            assert_eq!(traffic.push_or_submit(nothing, tag), Ok(()));
        }
    }
}
