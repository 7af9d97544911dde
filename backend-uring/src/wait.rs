//! Waiting through the ring.

use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use xskit_core::Errno;
use xskit_core::backend::Interest;

use crate::ring::Request;
use crate::socket::UringSocket;
use crate::tag::{Purpose, Tag};
use crate::traffic::Traffic;

/// What polls are for. The kernel adds error and hang-up by itself.
const RECEIVE: u32 = libc::POLLIN as u32;
const TRANSMIT: u32 = libc::POLLOUT as u32;

type Interests<'a> = [(&'a UringSocket, Interest)];

impl Traffic {
    /// Arms what is not armed, submits it with everything else that is pending, and waits: one
    /// `io_uring_enter(2)`. Without anything to submit it is a wait only; and where a multishot poll
    /// has reported already, it is nothing at all.
    pub(crate) fn wait(
        &mut self,
        interests: &Interests<'_>,
        timeout: Option<Duration>,
        multishot: bool,
    ) -> Result<usize, Errno> {
        self.reap();
        self.pay();
        let before = self.take_ready(interests);
        // A multishot poll will not say that again. One that reports once is armed anew, and looks
        // whether there still is something.
        if multishot && before > 0 {
            self.submit()?;
            return Ok(before);
        }
        self.arm(interests, multishot)?;
        let ready = self.sleep(interests, timeout)?;
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if ready == 0 {
            // A poll doesn't say that an interface was removed; the socket's error does (ENETDOWN).
            for (socket, _) in interests {
                self.direct.socket_error(socket)?;
            }
        }
        Ok(ready)
    }

    /// Submits a poll for each interest that has none. Room is polled for once at a time: what is
    /// wanted is that there is some, not that some came.
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
    /// that completes meanwhile is no reason to get up.
    fn sleep(
        &mut self,
        interests: &Interests<'_>,
        timeout: Option<Duration>,
    ) -> Result<usize, Errno> {
        let start = Instant::now();
        let mut left = timeout;
        loop {
            let completed = match self.enter(1, left, |calls| calls.waits += 1) {
                Ok(completed) => completed,
                Err(ETIME | Errno::EINTR) => 0,
                // Completions had no room, or the kernel no memory: what there is was taken in.
                Err(Errno::EAGAIN | Errno::EBUSY) => 1,
                Err(error) => return Err(error),
            };
            let ready = self.take_ready(interests);
            if ready > 0 || completed == 0 || self.failed.is_some() {
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

    /// How many of the sockets had a poll report since the last time.
    fn take_ready(&mut self, interests: &Interests<'_>) -> usize {
        let mut ready = 0;
        for (socket, interest) in interests {
            let Some(account) = self.accounts.get_mut(socket.number) else {
                continue;
            };
            let receive = interest.receive && account.receive.take_ready();
            let transmit = interest.transmit && account.transmit.take_ready();
            ready += usize::from(receive || transmit);
        }
        ready
    }
}

/// The time is over, as `io_uring_enter(2)` says it.
const ETIME: Errno = Errno(libc::ETIME);
