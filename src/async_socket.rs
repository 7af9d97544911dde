//! The socket on tokio's runtimes.

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::time::timeout;
use xskit_core::backend::Interest;

use crate::{AnyBackend, Socket};

/// How often a waiting task looks whether the interface is still there: no event reports that it is gone.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A [`Socket`] that a task waits for, on a runtime of one thread or of several (feature `tokio`).
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

/// A socket with its descriptor as `epoll(7)` knows it.
struct Registered(Socket);

impl AsyncSocket {
    /// Registers the socket with the runtime of the calling task, which needs I/O and time
    /// (`Builder::enable_all`).
    ///
    /// # Errors
    /// What `epoll_ctl(2)` returned.
    ///
    /// # Panics
    /// Outside a runtime, and on one without I/O.
    pub fn new(socket: Socket) -> io::Result<Self> {
        // SAFETY: a socket's descriptor is open and the same for as long as the socket is there. It is inside
        // the `AsyncFd`, which deregisters it before it lets go of it. Nothing puts another in its place: no
        // method lends it mutably but `with`, whose borrow can't be exchanged (see `Send for Socket`).
        #[allow(unsafe_code)]
        let registered = unsafe { AsyncFd::register(Registered(socket)) };
        Ok(Self(registered?))
    }

    /// Waits until packets are there. Nothing is lost where this is dropped before it ends.
    ///
    /// # Errors
    /// What `poll(2)` returned; ENETDOWN when the interface is gone, within a second.
    ///
    /// # Panics
    /// On a runtime without time.
    pub async fn readable(&mut self) -> io::Result<()> {
        loop {
            // Events tell of changes, so the rings are looked at after what was told is forgotten: a packet that
            // comes later makes an event. The call also has the kernel look at what it is owed.
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

    /// The socket, to ask it something.
    #[must_use]
    pub fn get_ref(&self) -> &Socket {
        &self.0.get_ref().0
    }

    /// The socket again, deregistered.
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
