//! Waiting for packets or for room, on one socket or on several.

use core::borrow::BorrowMut;
use core::time::Duration;

use super::socket::Socket;
use crate::backend::{Backend, Interest, Sleep};
use crate::errno::Errno;
use crate::umem::SocketNumber;

/// The most sockets in one wait: as many as may share a UMEM.
const MOST: usize = SocketNumber::COUNT as usize;

/// Each socket of a slice that holds them, or references to them.
fn each<'a, 'u: 'a, B: Backend + 'u>(
    sockets: &'a mut [impl BorrowMut<Socket<'u, B>>],
) -> impl Iterator<Item = &'a mut Socket<'u, B>> {
    sockets.iter_mut().map(BorrowMut::borrow_mut)
}

impl<'u, B: Backend> Socket<'u, B> {
    /// Waits for packets, or for room to send, for at most `timeout`, or indefinitely without one.
    /// Returns false after the timeout, after a signal or a call of the backend's waker, and at
    /// once with a backend that never sleeps.
    ///
    /// Give a timeout in a loop: `poll(2)` does not wake up when the interface is removed, and only
    /// a wait that ends reports it. Without a timeout such a wait may last forever.
    ///
    /// Makes no system call if what `interest` names is there: packets on the RX ring, or a TX ring
    /// that is at most half full, which is what `poll(2)` calls ready (`xsk_poll`, net/xdp/xsk.c).
    /// Otherwise it publishes what was sent, and makes the kicks and wakes that are owed: by the
    /// wait itself, if that does ([`Sleep`]). With [`Sleep::Never`] it does not;
    /// [flush](Self::flush) instead.
    ///
    /// # Errors
    /// The errno of the wait, or of a kick before it. ENETDOWN if the interface is gone, once: the
    /// kernel keeps no error that was read, and later waits may only time out. Close the socket.
    pub fn wait(&mut self, interest: Interest, timeout: Option<Duration>) -> Result<bool, Errno> {
        Self::wait_any(&mut [self], interest, timeout)
    }

    /// Whether received packets are on the RX ring. Makes no system call.
    #[must_use]
    pub fn has_packets(&self) -> bool {
        !self.receiver.rx.is_empty()
    }

    /// Waits until one of up to 64 sockets of one backend is ready, as [`wait`](Self::wait) does
    /// for one. Their rings show which one. The slice holds sockets, or references to them.
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
    /// As for [`wait`](Self::wait). EINVAL without a socket, or with more than 64. EBADF for a
    /// socket of another backend, if the backend can tell.
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

    /// The call itself. Returns how many are ready.
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
        // There is no heap here. The places left over name the first socket, and are not passed on.
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

    /// Publishes what was sent, and requests what is owed, as far as the wait does not.
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
