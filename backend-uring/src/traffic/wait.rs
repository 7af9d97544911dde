//! Waits, through the ring or beside it.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use xskit_core::Errno;
use xskit_core::backend::{Backend, Interest};

use super::Traffic;
use crate::ring::{ETIME, Request};
use crate::socket::UringSocket;
use crate::tag::{Purpose, Tag};

/// The events of polls. The kernel adds error and hang-up by itself.
const RECEIVE: u32 = libc::POLLIN as u32;
const TRANSMIT: u32 = libc::POLLOUT as u32;

type Interests<'a> = [(&'a UringSocket, Interest)];

impl Traffic {
    /// Arms the polls that are not armed, submits them with everything else that is pending, and
    /// waits: one `io_uring_enter(2)`, or none if a multishot poll has reported already.
    pub(crate) fn wait(
        &mut self,
        interests: &Interests<'_>,
        timeout: Option<Duration>,
        multishot: bool,
    ) -> Result<usize, Errno> {
        for (socket, _) in interests {
            self.accounts.own(socket)?;
        }
        self.reap();
        self.take_failure_of_any(interests)?;
        let before = self.take_ready(interests)?;
        // A multishot poll does not report that again. A one-shot poll is armed again, and looks
        // whether something is still there.
        if multishot && before > 0 {
            self.hand_over()?;
            return Ok(before);
        }
        if self.take_wake() || !self.prepare_to_sleep()? {
            return Ok(0);
        }
        let ready = self.sleep(interests, timeout, multishot)?;
        if ready == 0 {
            // A poll that is armed afterwards doesn't report that an interface was removed;
            // SO_ERROR does (ENETDOWN).
            for (socket, _) in interests {
                self.direct.socket_error(socket)?;
            }
        }
        Ok(ready)
    }

    /// The wait of `RustixBackend`, by `ppoll(2)`, or none. `sleeps`: whether it may sleep.
    pub(crate) fn wait_directly(
        &mut self,
        interests: &Interests<'_>,
        timeout: Option<Duration>,
        sleeps: bool,
    ) -> Result<usize, Errno> {
        if sleeps && !self.prepare_to_sleep()? {
            return Ok(0);
        }
        self.hand_over()?;
        self.take_failure_of_any(interests)?;
        match interests {
            [(socket, interest)] => {
                let fd = self.accounts.own(socket)?;
                self.direct.wait(&[(fd, *interest)], timeout)
            }
            several => {
                let several: Vec<(&OwnedFd, Interest)> = several
                    .iter()
                    .map(|(socket, interest)| Ok((self.accounts.own(socket)?, *interest)))
                    .collect::<Result<_, Errno>>()?;
                self.direct.wait(&several, timeout)
            }
        }
    }

    /// Pays what is owed. Returns false if the kernel has no memory for all of it: a sleep might
    /// then never end.
    fn prepare_to_sleep(&mut self) -> Result<bool, Errno> {
        match self.pay_all() {
            Ok(()) => Ok(true),
            Err(Errno::EAGAIN) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Submits a poll for each interest that has none. The poll for room is always one-shot: it has
    /// to report that there is room, not that some came.
    fn arm(&mut self, interests: &Interests<'_>, multishot: bool) -> Result<(), Errno> {
        for (socket, interest) in interests {
            let Some(account) = self.accounts.get_mut(socket.number) else {
                continue;
            };
            let receive = interest.receive && !account.receive.is_armed();
            let transmit = interest.transmit && !account.transmit.is_armed();
            if receive {
                self.arm_one(socket, Purpose::PollReceive, RECEIVE, multishot)?;
            }
            if transmit {
                self.arm_one(socket, Purpose::PollTransmit, TRANSMIT, false)?;
            }
        }
        Ok(())
    }

    /// The same for the waker, if there is one.
    fn arm_waker(&mut self) -> Result<(), Errno> {
        let fd = self.direct.waker_fd().map(|fd| fd.as_raw_fd());
        let Some(fd) = fd.filter(|_| !self.waker.is_armed()) else {
            return Ok(());
        };
        let request = Request::Poll {
            fd,
            events: RECEIVE,
            multi: false,
        };
        self.push_or_submit(request, Tag::WAKER)?;
        self.waker.arm();
        Ok(())
    }

    /// Whether the waker was called: its poll has reported, and no earlier wait took the call.
    fn take_wake(&mut self) -> bool {
        self.waker.take_ready() && self.direct.take_wake()
    }

    fn arm_one(
        &mut self,
        socket: &UringSocket,
        purpose: Purpose,
        events: u32,
        multi: bool,
    ) -> Result<(), Errno> {
        let fd = socket.as_raw_fd();
        let request = Request::Poll { fd, events, multi };
        self.push_or_submit(request, Tag::new(socket.number, purpose))?;
        if let Some(account) = self.accounts.get_mut(socket.number) {
            match purpose {
                Purpose::PollTransmit => account.transmit.arm(),
                _ => account.receive.arm(),
            }
        }
        Ok(())
    }

    /// Sleeps until a poll of the interests reports, a signal comes, or the time is over. A kick
    /// that completes meanwhile does not end the sleep.
    ///
    /// Nor does a poll that the kernel cancels. It does so to one whose thread has ended, instead
    /// of reporting what came (`io_should_terminate_tw`, io_uring/io_uring.h).
    fn sleep(
        &mut self,
        interests: &Interests<'_>,
        timeout: Option<Duration>,
        multishot: bool,
    ) -> Result<usize, Errno> {
        // A timeout too long for the kernel is none.
        let timeout = timeout.filter(|timeout| timeout.as_secs() <= u32::MAX.into());
        let start = Instant::now();
        let mut left = timeout;
        loop {
            match self
                .arm(interests, multishot)
                .and_then(|()| self.arm_waker())
            {
                // The kernel has no memory for requests: a poll that is not armed would not end
                // the sleep.
                Err(Errno::EAGAIN) => return Ok(0),
                armed => armed?,
            }
            self.take_failure_of_any(interests)?;
            let completed = match self.enter(1, left, |calls| calls.waits += 1) {
                Ok(completed) => completed,
                Err(ETIME | Errno::EINTR) => 0,
                // Completions had no room, or the kernel no memory: `enter` has reaped what there
                // is.
                Err(Errno::EAGAIN | Errno::EBUSY) => 1,
                Err(error) => return Err(error),
            };
            self.take_failure_of_any(interests)?;
            let ready = self.take_ready(interests)?;
            if ready > 0 || completed == 0 || self.take_wake() {
                return Ok(ready);
            }
            if let Some(timeout) = timeout {
                let Some(rest) = timeout.checked_sub(start.elapsed()) else {
                    return Ok(0);
                };
                left = Some(rest);
            }
        }
    }

    /// Returns a failure of one of these sockets that was not returned yet.
    fn take_failure_of_any(&mut self, interests: &Interests<'_>) -> Result<(), Errno> {
        for (socket, _) in interests {
            self.take_failure_of(socket)?;
        }
        Ok(())
    }

    /// How many of the sockets' polls have reported since the last time. If one reported an error,
    /// as when the interface is removed, SO_ERROR says which.
    fn take_ready(&mut self, interests: &Interests<'_>) -> Result<usize, Errno> {
        let mut ready = 0;
        for (socket, interest) in interests {
            let Some(account) = self.accounts.get_mut(socket.number) else {
                continue;
            };
            let receive = interest.receive && account.receive.take_ready();
            let transmit = interest.transmit && account.transmit.take_ready();
            ready += usize::from(receive || transmit);
            if account.receive.take_error() | account.transmit.take_error() {
                self.direct.socket_error(socket)?;
            }
        }
        Ok(ready)
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::thread;
    use std::time::Duration;

    use xskit_core::backend::{Backend, Interest};

    use super::super::{Debt, Traffic, fixture};
    use crate::config::UringConfig;
    use crate::ring::Request;
    use crate::tag::{Purpose, Tag};

    const AT_ONCE: Option<Duration> = Some(Duration::ZERO);
    const FOR_LONG: Option<Duration> = Some(Duration::from_secs(10));

    fn polls(traffic: &Traffic) -> u64 {
        traffic.direct.calls().submissions.polls
    }

    #[test]
    fn one_shot_reports_what_is_there_each_time() {
        let Some((mut traffic, socket, peer)) = fixture::open() else {
            return;
        };
        let interests = [(&socket, Interest::RECEIVE)];
        assert_eq!(traffic.wait(&interests, AT_ONCE, false), Ok(0));
        assert_eq!(traffic.wait(&interests, AT_ONCE, false), Ok(0));
        assert_eq!(polls(&traffic), 1, "armed still");
        peer.send(&[1]).expect("sent");
        for _ in 0..3 {
            assert_eq!(traffic.wait(&interests, FOR_LONG, false), Ok(1));
        }
        assert_eq!(polls(&traffic), 3);
    }

    #[test]
    fn multishot_reports_what_comes_and_not_what_is_there() {
        let Some((mut traffic, socket, peer)) = fixture::open() else {
            return;
        };
        let interests = [(&socket, Interest::RECEIVE)];
        for _ in 0..3 {
            peer.send(&[1]).expect("sent");
            assert_eq!(traffic.wait(&interests, FOR_LONG, true), Ok(1));
            assert_eq!(traffic.wait(&interests, AT_ONCE, true), Ok(0));
        }
        assert_eq!(polls(&traffic), 1);
    }

    #[test]
    fn a_multishot_poll_that_ended_is_armed_again() {
        let Some((mut traffic, socket, peer)) = fixture::open() else {
            return;
        };
        let interests = [(&socket, Interest::RECEIVE)];
        assert_eq!(traffic.wait(&interests, AT_ONCE, true), Ok(0));
        let poll = Tag::new(socket.number, Purpose::PollReceive);
        let cancel = Tag::new(socket.number, Purpose::Cancel);
        traffic.push(Request::Cancel(poll), cancel).expect("room");
        assert_eq!(traffic.wait(&interests, AT_ONCE, true), Ok(0));
        peer.send(&[1]).expect("sent");
        assert_eq!(traffic.wait(&interests, FOR_LONG, true), Ok(1));
        assert_eq!(polls(&traffic), 2);
    }

    #[test]
    fn a_poll_of_a_thread_that_has_ended_is_armed_again() {
        let config = UringConfig {
            any_thread: true,
            ..UringConfig::default()
        };
        for multishot in [false, true] {
            let Some((mut traffic, socket, peer)) = fixture::open_by(&config) else {
                return;
            };
            let first = thread::spawn(move || {
                let interests = [(&socket, Interest::RECEIVE)];
                assert_eq!(traffic.wait(&interests, AT_ONCE, multishot), Ok(0));
                (traffic, socket)
            });
            let (mut traffic, socket) = first.join().expect("no panic");
            let interests = [(&socket, Interest::RECEIVE)];
            thread::scope(|scope| {
                scope.spawn(|| {
                    // The wait should sleep by then; if it does not, it passes without a question.
                    thread::sleep(Duration::from_millis(50));
                    peer.send(&[1]).expect("sent");
                });
                assert_eq!(traffic.wait(&interests, FOR_LONG, multishot), Ok(1));
            });
        }
    }

    #[test]
    fn a_time_too_far_off_is_for_ever() {
        let Some((mut traffic, socket, peer)) = fixture::open() else {
            return;
        };
        peer.send(&[1]).expect("sent");
        let interests = [(&socket, Interest::RECEIVE)];
        let waited = traffic.wait(&interests, Some(Duration::MAX), false);
        assert_eq!(waited, Ok(1));
    }

    #[test]
    fn room_is_reported_each_time_there_is_some() {
        let Some((mut traffic, socket, _peer)) = fixture::open() else {
            return;
        };
        let room = Interest {
            receive: false,
            transmit: true,
        };
        for _ in 0..3 {
            assert_eq!(traffic.wait(&[(&socket, room)], FOR_LONG, true), Ok(1));
        }
        assert_eq!(polls(&traffic), 3);
    }

    #[test]
    fn a_kick_that_completes_wakes_nobody() {
        let Some((mut traffic, socket, _peer)) = fixture::open() else {
            return;
        };
        let tag = Tag::new(socket.number, Purpose::Wake);
        // Nothing to receive: EAGAIN, which is counted, and the wait goes on to its end.
        let nothing = Request::Receive(socket.as_raw_fd());
        traffic.push(nothing, tag).expect("room");
        let interests = [(&socket, Interest::RECEIVE)];
        let for_a_moment = Some(Duration::from_millis(5));
        assert_eq!(traffic.wait(&interests, for_a_moment, false), Ok(0));
        let calls = traffic.direct.calls();
        // The wait, the wait for the rest of the time, and the look at the socket's error.
        assert_eq!(
            (calls.again, calls.waits, calls.enters),
            (1, 3, 0),
            "{calls:?}"
        );
    }

    #[test]
    fn what_is_owed_is_submitted_with_the_next_call() {
        let Some((mut traffic, socket, peer)) = fixture::open() else {
            return;
        };
        let send = Request::Send(socket.as_raw_fd());
        let tag = Tag::new(socket.number, Purpose::Kick);
        traffic.owed.push(Debt {
            request: send,
            tag,
            remaining: 1,
        });
        traffic.submit().expect("submitted");
        assert!(traffic.owed.is_empty());
        assert_eq!(peer.recv(&mut [0; 8]).expect("an empty datagram"), 0);
        assert_eq!(traffic.direct.calls().submissions.kicks, 1);
    }
}
