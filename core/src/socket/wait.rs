//! Waiting for packets or for room, on one socket or on several.

use core::borrow::BorrowMut;
use core::time::Duration;

use super::socket::Socket;
use crate::backend::{Backend, Interest, Sleep};
use crate::errno::Errno;
use crate::umem::SocketNumber;

/// How many sockets one wait is for at most: as many as may share a UMEM.
const MOST: usize = SocketNumber::COUNT as usize;

/// Each socket of a slice that holds them, or references to them.
fn each<'a, 'u: 'a, B: Backend + 'u>(
    sockets: &'a mut [impl BorrowMut<Socket<'u, B>>],
) -> impl Iterator<Item = &'a mut Socket<'u, B>> {
    sockets.iter_mut().map(BorrowMut::borrow_mut)
}

impl<'u, B: Backend> Socket<'u, B> {
    /// Waits until packets are there, or room to send, for at most `timeout` (for ever without
    /// one). False after the timeout, or when a signal came.
    ///
    /// A loop gives a timeout: `poll(2)` doesn't wake up when the interface is removed, and only a wait
    /// that ends reports it. A wait without one may then last for ever.
    ///
    /// Makes no system call when the RX ring has packets, or the TX ring is at most half full:
    /// what `poll(2)` would call ready (`xsk_poll`, net/xdp/xsk.c). Otherwise it publishes what was
    /// sent, and has the kernel look at what it is owed: by the wait itself, where that does
    /// ([`Sleep`]).
    ///
    /// # Errors
    /// What the call returned; ENETDOWN when the interface is gone.
    pub fn wait(&mut self, interest: Interest, timeout: Option<Duration>) -> Result<bool, Errno> {
        Self::wait_any(&mut [self], interest, timeout)
    }

    /// Whether received packets are there, by a look at the RX ring: no system call.
    #[must_use]
    pub fn has_packets(&self) -> bool {
        !self.receiver.rx.is_empty()
    }

    /// Waits until one of up to 64 sockets of one backend is ready, as [`wait`](Self::wait) does for
    /// one. Which one it was, their rings say. They come as a slice of sockets, or of references.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use xskit_core::{Backend, Errno, Socket, backend::Interest};
    /// # fn forward<'u, B: Backend>(mut left: Socket<'u, B>, mut right: Socket<'u, B>) -> Result<(), Errno> {
    /// let timeout = Some(Duration::from_millis(100));
    /// Socket::wait_any(&mut [&mut left, &mut right], Interest::RECEIVE, timeout)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// What the call returned; ENETDOWN when an interface is gone; EINVAL for no socket, or for more
    /// than 64; EBADF for a socket of another backend, where the backend can tell.
    pub fn wait_any(
        sockets: &mut [impl BorrowMut<Self>],
        interest: Interest,
        timeout: Option<Duration>,
    ) -> Result<bool, Errno> {
        let backend = match sockets.first() {
            Some(first) if sockets.len() <= MOST => first.borrow().handle.backend(),
            _ => return Err(Errno::EINVAL),
        };
        if each(sockets).any(|socket| socket.is_ready(interest)) {
            return Ok(true);
        }
        let sleep = backend.sleep();
        for socket in each(sockets) {
            socket.before_sleep(sleep)?;
        }
        let ready = Self::sleep(backend, sockets, interest, timeout)?;
        if ready == 0 && sleep != Sleep::Never {
            for socket in each(sockets) {
                socket.kicks.time_passed();
                socket.wakes.time_passed();
            }
        }
        Ok(ready > 0)
    }

    /// The call: how many are ready.
    fn sleep(
        backend: &B,
        sockets: &[impl BorrowMut<Self>],
        interest: Interest,
        timeout: Option<Duration>,
    ) -> Result<usize, Errno> {
        let handles = || sockets.iter().map(|socket| socket.borrow().handle.socket());
        let Some(first) = handles().next() else {
            return Ok(0);
        };
        if sockets.len() == 1 {
            return backend.wait(&[(first, interest)], timeout);
        }
        // There is no heap here. The places that are left over name the first, and are not shown.
        let mut interests = [(first, interest); MOST];
        for (place, socket) in interests.iter_mut().zip(handles()) {
            place.0 = socket;
        }
        backend.wait(
            interests.get(..sockets.len()).unwrap_or(&interests),
            timeout,
        )
    }

    /// Whether there is no need to wait.
    fn is_ready(&self, interest: Interest) -> bool {
        interest.receive && self.has_packets() || interest.transmit && self.transmitter.is_ready()
    }

    /// Publishes what was sent, and asks for what is owed, as far as the wait does not.
    fn before_sleep(&mut self, sleep: Sleep) -> Result<(), Errno> {
        match sleep {
            Sleep::Never => {}
            Sleep::Kicks => {
                let waiting = self.transmitter.publish();
                self.kicks.told_by_wait(self.transmitter.backlog(waiting));
                self.wakes.told_by_wait(self.receiver.ever_lent());
            }
            Sleep::Silent => {
                self.kicks.before_sleep();
                self.wakes.time_passed();
                self.request()?;
            }
        }
        Ok(())
    }
}
