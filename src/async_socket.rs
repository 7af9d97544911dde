//! The socket on a tokio runtime.

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::time::timeout;
use xskit_core::backend::Interest;

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
pub struct AsyncSocket(AsyncFd<Registered>);

/// A socket with the descriptor that `epoll(7)` watches.
struct Registered(Socket);

impl AsyncSocket {
    /// Registers the socket with the runtime of the calling task, which needs I/O and time
    /// (`Builder::enable_all`).
    ///
    /// # Errors
    /// The error of `epoll_ctl(2)`.
    ///
    /// # Panics
    /// Outside a runtime, and on one without I/O.
    pub fn new(socket: Socket) -> io::Result<Self> {
        // SAFETY: a socket's descriptor stays open, and the same, for as long as the socket exists.
        // The socket is inside the `AsyncFd`, which deregisters it before letting go of it. Nothing
        // replaces it: only `with` lends it mutably, and what that lends cannot be exchanged (see
        // `Send for Socket`).
        #[allow(unsafe_code)]
        let registered = unsafe { AsyncFd::register(Registered(socket)) };
        Ok(Self(registered?))
    }

    /// Waits for packets. Dropping the future early loses nothing.
    ///
    /// # Errors
    /// The error of the wait: ENETDOWN if the interface is gone, reported within a second.
    ///
    /// # Panics
    /// On a runtime without time.
    pub async fn readable(&mut self) -> io::Result<()> {
        loop {
            // Events report changes, so the rings are read after the readiness was cleared: a
            // packet that comes later makes a new event. The call also makes the kicks and wakes
            // that are owed.
            let socket = &mut self.0.get_mut().0;
            if socket.wait(Interest::RECEIVE, Some(Duration::ZERO))? {
                return Ok(());
            }
            if let Ok(ready) = timeout(LOOK_EVERY, self.0.readable_mut()).await {
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
        self.0.get_mut().0.with(work)
    }

    /// The socket, for its read-only methods.
    #[must_use]
    pub fn get_ref(&self) -> &Socket {
        &self.0.get_ref().0
    }

    /// Deregisters the socket and returns it.
    #[must_use]
    pub fn into_inner(self) -> Socket {
        self.0.into_inner().0
    }
}

impl AsRawFd for Registered {
    fn as_raw_fd(&self) -> RawFd {
        self.0.poll_fd().as_raw_fd()
    }
}

impl fmt::Debug for AsyncSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get_ref().fmt(f)
    }
}
