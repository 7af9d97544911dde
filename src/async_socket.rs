//! The socket on a tokio runtime.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::io::Interest as Readiness;
use tokio::io::unix::AsyncFd;
use tokio::time::timeout;
use xskit_core::backend::{Backend, Interest, Sleep};

use crate::{AnyBackend, Socket};

/// How often a waiting task checks that the interface is still there: no event reports its removal.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A [`Socket`] that a task waits for, on a runtime of one or several threads (feature `tokio`).
///
/// ```no_run
/// use xskit::{AsyncSocket, Socket};
///
/// async fn count(socket: Socket) -> std::io::Result<()> {
///     let mut socket = AsyncSocket::new(socket)?;
///     loop {
///         socket.readable().await?;
///         let packets = socket.with(|socket| {
///             let packets = socket.receive(64).count();
///             socket.recycle();
///             socket.flush().map(|()| packets)
///         })?;
///         println!("{packets} packets");
///     }
/// }
/// ```
pub struct AsyncSocket {
    /// A duplicate of the socket's descriptor, which `epoll(7)` watches. It is closed first, so
    /// that closing the socket releases its queue.
    watched: AsyncFd<OwnedFd>,
    socket: Socket,
}

impl AsyncSocket {
    /// Registers the socket with the runtime of the calling task, which needs I/O and time
    /// (`Builder::enable_all`).
    ///
    /// # Errors
    /// The error of `epoll_ctl(2)`, or of duplicating the descriptor. `InvalidInput` if the
    /// socket's waits never sleep (`RustixWait::Busy`, uring's `Wait::Busy`): a task that awaits
    /// such a socket would not kick the kernel.
    ///
    /// # Panics
    /// Outside a runtime, and on one without I/O.
    pub fn new(mut socket: Socket) -> io::Result<Self> {
        if socket.with(|socket| socket.backend().sleep() == Sleep::Never) {
            let problem = "the socket is driven by busy waits, which never sleep: open it with a \
                           Driving that waits, or poll it on a thread of its own";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        let duplicate = socket.poll_fd().try_clone_to_owned()?;
        // SAFETY: the duplicate is this `AsyncFd`'s own, and nothing lends it mutably: it stays
        // open, and the same, until it is deregistered.
        #[allow(unsafe_code)]
        let watched = unsafe { AsyncFd::register_with_interest(duplicate, Readiness::READABLE) };
        let watched = watched?;
        Ok(Self { watched, socket })
    }

    /// Waits for packets. Dropping the future early loses nothing.
    ///
    /// # Errors
    /// The error of the wait: ENETDOWN if the interface is gone, reported within a second, and
    /// once.
    ///
    /// # Panics
    /// On a runtime without time.
    pub async fn readable(&mut self) -> io::Result<()> {
        loop {
            // Events report changes, so the rings are read after the readiness was cleared: a
            // packet that comes later makes a new event. The call also makes the kicks and wakes
            // that are owed.
            let socket = &mut self.socket;
            if socket.wait(Interest::RECEIVE, Some(Duration::ZERO))? {
                return Ok(());
            }
            if let Ok(ready) = timeout(LOOK_EVERY, self.watched.readable_mut()).await {
                ready?.clear_ready();
            }
        }
    }

    /// Works with packets and frames, as [`Socket::with`] does.
    #[inline]
    pub fn with<R>(
        &mut self,
        work: impl for<'u> FnOnce(&mut xskit_core::Socket<'u, AnyBackend>) -> R,
    ) -> R {
        self.socket.with(work)
    }

    /// The socket, for its read-only methods.
    #[must_use]
    pub fn get_ref(&self) -> &Socket {
        &self.socket
    }

    /// Deregisters the socket and returns it.
    #[must_use]
    pub fn into_inner(self) -> Socket {
        self.socket
    }
}

impl fmt::Debug for AsyncSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get_ref().fmt(f)
    }
}
