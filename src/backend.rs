//! One type for the compiled-in backends, one of which is chosen at run time.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::time::Duration;

use xskit_core::Errno;
use xskit_core::abi::{MmapOffsets, Options, SockaddrXdp, Statistics};
use xskit_core::backend::{Backend, Calls, Interest, Kick, RingKind, SetOption, Sleep};

#[cfg(feature = "backend-rustix")]
use xskit_rustix::RustixBackend;
#[cfg(feature = "backend-uring")]
use xskit_uring::{UringBackend, UringConfig, UringSocket};

use crate::error::OpenError;
use crate::memory::{DescriptorError, Waker};

/// Which backend drives a socket, and how it waits.
///
/// ```no_run
/// # #[cfg(feature = "backend-rustix")] {
/// use xskit::{Driving, Socket, backend_rustix};
///
/// let driving = Driving::Rustix(backend_rustix::RustixWait::Busy); // a wait never sleeps
/// let socket = Socket::builder("eth1").driving(driving).open()?;
/// # let _ = socket;
/// # }
/// # Ok::<(), xskit::OpenError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Driving {
    /// Direct system calls.
    #[cfg(feature = "backend-rustix")]
    Rustix(xskit_rustix::RustixWait),
    /// Submissions to an io_uring. The builder decides which threads may use it, not
    /// [`UringConfig::any_thread`].
    #[cfg(feature = "backend-uring")]
    Uring(UringConfig),
}

impl Default for Driving {
    /// Direct system calls, if they are compiled in, and waits by `ppoll(2)`.
    fn default() -> Self {
        #[cfg(feature = "backend-rustix")]
        return Self::Rustix(xskit_rustix::RustixWait::default());
        #[cfg(not(feature = "backend-rustix"))]
        Self::Uring(UringConfig::default())
    }
}

/// The backend of a [`Socket`](crate::Socket): one of those that are compiled in.
///
/// It belongs to one [`Socket`](crate::Socket), or to one [`Sockets`](crate::Sockets), and moves
/// from thread to thread with it.
///
/// Functions that take the core's socket, which [`Socket::with`](crate::Socket::with) lends, name
/// this type:
///
/// ```
/// use xskit::{AnyBackend, Socket, af_xdp};
///
/// fn drop_all(socket: &mut af_xdp::Socket<'_, AnyBackend>) -> usize {
///     let packets = socket.receive(u32::MAX).count();
///     socket.recycle();
///     packets
/// }
///
/// fn turn(socket: &mut Socket) -> usize {
///     socket.with(drop_all)
/// }
/// ```
#[derive(Debug)]
pub struct AnyBackend(Inner);

#[derive(Debug)]
enum Inner {
    #[cfg(feature = "backend-rustix")]
    Rustix(RustixBackend),
    #[cfg(feature = "backend-uring")]
    Uring(Box<UringBackend>),
}

/// The handle of a [`Socket`](crate::Socket) in its backend.
#[derive(Debug)]
pub struct AnyHandle(Handle);

#[derive(Debug)]
enum Handle {
    #[cfg(feature = "backend-rustix")]
    Rustix(OwnedFd),
    #[cfg(feature = "backend-uring")]
    Uring(UringSocket),
}

/// Runs an action on the backend, whichever it is.
macro_rules! by {
    ($self:ident, |$backend:ident| $action:expr) => {
        match &$self.0 {
            #[cfg(feature = "backend-rustix")]
            Inner::Rustix($backend) => $action,
            #[cfg(feature = "backend-uring")]
            Inner::Uring($backend) => $action,
        }
    };
}

impl AnyBackend {
    /// A backend that any thread may use, or only the one that makes it.
    pub(crate) fn new(driving: Driving, any_thread: bool) -> Result<Self, OpenError> {
        #[cfg(not(feature = "backend-uring"))]
        let _ = any_thread;
        match driving {
            #[cfg(feature = "backend-rustix")]
            Driving::Rustix(wait) => Ok(Self(Inner::Rustix(RustixBackend::with_wait(wait)))),
            #[cfg(feature = "backend-uring")]
            Driving::Uring(config) => {
                let config = UringConfig {
                    any_thread,
                    ..config
                };
                Ok(Self(Inner::Uring(Box::new(UringBackend::new(config)?))))
            }
        }
    }

    /// The waker that ends this backend's waits from another thread.
    pub(crate) fn waker(&self) -> Result<Waker, Errno> {
        by!(self, |backend| backend.waker())
    }

    /// Adopts a descriptor as a socket of the backend.
    pub(crate) fn adopt(&self, descriptor: OwnedFd) -> Result<AnyHandle, DescriptorError> {
        let handle = match &self.0 {
            #[cfg(feature = "backend-rustix")]
            Inner::Rustix(backend) => Handle::Rustix(backend.adopt(descriptor)?),
            #[cfg(feature = "backend-uring")]
            Inner::Uring(backend) => Handle::Uring(backend.adopt(descriptor)?),
        };
        Ok(AnyHandle(handle))
    }

    /// The io_uring backend, if it is this one.
    #[cfg(feature = "backend-uring")]
    #[must_use]
    pub fn as_uring(&self) -> Option<&UringBackend> {
        match &self.0 {
            Inner::Uring(backend) => Some(backend),
            #[cfg(feature = "backend-rustix")]
            Inner::Rustix(_) => None,
        }
    }
}

impl AnyHandle {
    #[cfg(feature = "backend-rustix")]
    fn as_rustix(&self) -> Option<&OwnedFd> {
        match &self.0 {
            Handle::Rustix(own) => Some(own),
            #[cfg(feature = "backend-uring")]
            Handle::Uring(_) => None,
        }
    }

    #[cfg(feature = "backend-uring")]
    fn as_uring(&self) -> Option<&UringSocket> {
        match &self.0 {
            #[cfg(feature = "backend-rustix")]
            Handle::Rustix(_) => None,
            Handle::Uring(own) => Some(own),
        }
    }
}

impl AsFd for AnyHandle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            #[cfg(feature = "backend-rustix")]
            Handle::Rustix(socket) => socket.as_fd(),
            #[cfg(feature = "backend-uring")]
            Handle::Uring(socket) => socket.as_fd(),
        }
    }
}

/// Runs an action on the backend and its socket. Each backend has sockets of only its own kind, so
/// no other case occurs.
macro_rules! with {
    ($self:ident, $socket:ident, |$backend:ident, $own:ident| $action:expr) => {
        match (&$self.0, &$socket.0) {
            #[cfg(feature = "backend-rustix")]
            (Inner::Rustix($backend), Handle::Rustix($own)) => $action,
            #[cfg(feature = "backend-uring")]
            (Inner::Uring($backend), Handle::Uring($own)) => $action,
            #[cfg(all(feature = "backend-rustix", feature = "backend-uring"))]
            _ => Err(Errno::EBADF),
        }
    };
}

// SAFETY: every method is passed on to the one backend, which keeps the contract.
unsafe impl Backend for AnyBackend {
    type Socket = AnyHandle;

    fn name(&self) -> &'static str {
        by!(self, |backend| backend.name())
    }

    fn open(&self) -> Result<AnyHandle, Errno> {
        let handle = match &self.0 {
            #[cfg(feature = "backend-rustix")]
            Inner::Rustix(backend) => Handle::Rustix(backend.open()?),
            #[cfg(feature = "backend-uring")]
            Inner::Uring(backend) => Handle::Uring(backend.open()?),
        };
        Ok(AnyHandle(handle))
    }

    fn set_option(&self, socket: &AnyHandle, option: SetOption) -> Result<(), Errno> {
        with!(self, socket, |backend, own| backend.set_option(own, option))
    }

    fn offsets(&self, socket: &AnyHandle) -> Result<MmapOffsets, Errno> {
        with!(self, socket, |backend, own| backend.offsets(own))
    }

    fn statistics(&self, socket: &AnyHandle) -> Result<Statistics, Errno> {
        with!(self, socket, |backend, own| backend.statistics(own))
    }

    fn options(&self, socket: &AnyHandle) -> Result<Options, Errno> {
        with!(self, socket, |backend, own| backend.options(own))
    }

    fn map(
        &self,
        socket: &AnyHandle,
        ring: RingKind,
        len_bytes: usize,
    ) -> Result<NonNull<u8>, Errno> {
        with!(self, socket, |backend, own| backend
            .map(own, ring, len_bytes))
    }

    unsafe fn unmap(&self, base: NonNull<u8>, len_bytes: usize) {
        // SAFETY: one mapping of `map`, by the caller's promise, which the same backend made.
        by!(self, |backend| unsafe { backend.unmap(base, len_bytes) });
    }

    fn bind(&self, socket: &AnyHandle, address: &SockaddrXdp) -> Result<(), Errno> {
        with!(self, socket, |backend, own| backend.bind(own, address))
    }

    fn bind_shared(
        &self,
        socket: &AnyHandle,
        address: &SockaddrXdp,
        with: &AnyHandle,
    ) -> Result<(), Errno> {
        match (&self.0, &socket.0, &with.0) {
            #[cfg(feature = "backend-rustix")]
            (Inner::Rustix(backend), Handle::Rustix(own), Handle::Rustix(with)) => {
                backend.bind_shared(own, address, with)
            }
            #[cfg(feature = "backend-uring")]
            (Inner::Uring(backend), Handle::Uring(own), Handle::Uring(with)) => {
                backend.bind_shared(own, address, with)
            }
            #[cfg(all(feature = "backend-rustix", feature = "backend-uring"))]
            _ => Err(Errno::EBADF),
        }
    }

    fn close(&self, socket: AnyHandle) {
        match (&self.0, socket.0) {
            #[cfg(feature = "backend-rustix")]
            (Inner::Rustix(backend), Handle::Rustix(own)) => backend.close(own),
            #[cfg(feature = "backend-uring")]
            (Inner::Uring(backend), Handle::Uring(own)) => backend.close(own),
            // A socket of another kind of backend may be dropped.
            #[cfg(all(feature = "backend-rustix", feature = "backend-uring"))]
            _ => {}
        }
    }

    #[inline]
    fn kick(&self, socket: &AnyHandle, kick: Kick) -> Result<(), Errno> {
        with!(self, socket, |backend, own| backend.kick(own, kick))
    }

    #[inline]
    fn submit(&self) -> Result<(), Errno> {
        by!(self, |backend| backend.submit())
    }

    fn wait(
        &self,
        interests: &[(&AnyHandle, Interest)],
        timeout: Option<Duration>,
    ) -> Result<usize, Errno> {
        match &self.0 {
            #[cfg(feature = "backend-rustix")]
            Inner::Rustix(backend) => wait_on(interests, AnyHandle::as_rustix, |own| {
                backend.wait(own, timeout)
            }),
            #[cfg(feature = "backend-uring")]
            Inner::Uring(backend) => wait_on(interests, AnyHandle::as_uring, |own| {
                backend.wait(own, timeout)
            }),
        }
    }

    fn sleep(&self) -> Sleep {
        by!(self, |backend| backend.sleep())
    }

    fn calls(&self) -> Calls {
        by!(self, |backend| backend.calls())
    }
}

/// Waits on the backend's own sockets.
fn wait_on<'s, S: 's>(
    interests: &[(&'s AnyHandle, Interest)],
    own: impl Fn(&'s AnyHandle) -> Option<&'s S>,
    wait: impl FnOnce(&[(&S, Interest)]) -> Result<usize, Errno>,
) -> Result<usize, Errno> {
    let own = |&(socket, interest)| Ok((own(socket).ok_or(Errno::EBADF)?, interest));
    match interests {
        [one] => wait(&[own(one)?]),
        several => wait(&several.iter().map(own).collect::<Result<Vec<_>, Errno>>()?),
    }
}
