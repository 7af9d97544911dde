//! Several sockets over one UMEM, kept together.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use self_cell::self_cell;
use xskit_core::Errno;
use xskit_core::backend::{Backend, Calls, Interest};

use super::builder::SocketBuilder;
use super::ground::{CoreSocket, Ground};
use crate::backend::AnyBackend;
use crate::error::OpenError;
use crate::memory::{MmapMemory, Waker};

type CoreSockets<'u> = Vec<CoreSocket<'u>>;

self_cell!(
    /// Sockets with all that they borrow.
    struct Kept {
        owner: Ground,
        #[not_covariant]
        dependent: CoreSockets,
    }
);

/// AF_XDP sockets on several queues or interfaces over one UMEM, used by one thread at a time.
/// Linux 5.10.
///
/// A frame that was received on one is sent on another as it is. Like a [`Socket`](crate::Socket)
/// they can be stored, moved and sent to another thread between calls. Packets and frames are
/// handled inside [`with`](Self::with).
///
/// ```no_run
/// use std::time::Duration;
/// use xskit::af_xdp::backend::Interest;
/// use xskit::{Socket, Sockets};
///
/// let mut pair = Sockets::open(&[Socket::builder("eth1").frames(8192), Socket::builder("eth2")])?;
/// loop {
///     pair.with(|sockets| {
///         let [left, right] = &mut sockets[..] else {
///             return Ok(());
///         };
///         for packet in left.receive(64) {
///             let _ = right.send(packet); // a full ring drops it, and the frame goes back
///         }
///         left.recycle();
///         right.recycle();
///         right.flush()
///     })?;
///     pair.wait(Interest::RECEIVE, Some(Duration::from_secs(1)))?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "XDP_SHARED_UMEM")]
#[doc(alias = "xsk_socket__create_shared")]
pub struct Sockets(Kept);

// SAFETY: as for a `Socket`: no two threads use the parts at the same time, `Sockets::open` made
// all of them and they belong to it alone, and nothing of them leaves the call of `with`, whose
// lifetime cannot be named. A socket that is put among those lent was opened over the same UMEM,
// with the same backend.
#[allow(unsafe_code)]
unsafe impl Send for Sockets {}

impl Sockets {
    /// Opens a socket for each of the builders, in order.
    ///
    /// The first builder sets the frames, the backend for all, whether other threads may use it,
    /// and the mode. Each sets its interface, queue and rings, and how many frames it lends: by
    /// default, its share of half of the frames.
    ///
    /// # Errors
    /// [`OpenError`] says what failed, and what to try. [`OpenError::NoSocket`] without a builder.
    pub fn open(builders: &[SocketBuilder]) -> Result<Self, OpenError> {
        Self::open_each(builders.iter().map(|builder| (builder, None)).collect())
    }

    /// Opens each builder's socket on a descriptor, as [`SocketBuilder::open_from`] does.
    ///
    /// # Errors
    /// [`OpenError`] says what failed, and what to try. All descriptors are then closed.
    pub fn open_from(builders: Vec<(SocketBuilder, OwnedFd)>) -> Result<Self, OpenError> {
        let (builders, descriptors): (Vec<_>, Vec<_>) = builders.into_iter().unzip();
        let descriptors = descriptors.into_iter().map(Some);
        Self::open_each(builders.iter().zip(descriptors).collect())
    }

    fn open_each(builders: Vec<(&SocketBuilder, Option<OwnedFd>)>) -> Result<Self, OpenError> {
        let count = builders.len() as u32;
        let mut builders = builders.into_iter();
        let (first, descriptor) = builders.next().ok_or(OpenError::NoSocket)?;
        let share = first.frame_count() / 2 / count;
        let config = |builder: &SocketBuilder| -> Result<_, OpenError> {
            let mut config = builder.socket_config()?;
            config.fill_frames.get_or_insert(share);
            Ok(config)
        };
        Kept::try_new(first.ground()?, |ground| {
            let mut sockets = vec![ground.open(descriptor, &config(first)?)?];
            for (other, descriptor) in builders {
                let shared = ground.open_beside(&sockets[0], descriptor, &config(other)?)?;
                sockets.push(shared);
            }
            Ok(sockets)
        })
        .map(Self)
    }

    /// Works with packets and frames on the core's sockets, in the order of the builders. A socket
    /// that is dropped here is closed. One that is opened by
    /// [`open_shared`](xskit_core::Socket::open_shared) of another may be added.
    ///
    /// As with [`Socket::with`](crate::Socket::with), nothing lent leaves the call:
    ///
    /// ```compile_fail
    /// fn keep(sockets: &mut xskit::Sockets) -> Option<xskit::af_xdp::umem::Frame<'_>> {
    ///     sockets.with(|sockets| sockets[0].alloc()) // lifetime may not live long enough
    /// }
    /// ```
    ///
    /// ```compile_fail
    /// fn mix(one: &mut xskit::Sockets, other: &mut xskit::Sockets) {
    ///     one.with(|one| other.with(|other| one.append(other))); // each of its own lifetime
    /// }
    /// ```
    #[inline]
    pub fn with<R>(
        &mut self,
        work: impl for<'u> FnOnce(&mut Vec<xskit_core::Socket<'u, AnyBackend>>) -> R,
    ) -> R {
        self.0.with_dependent_mut(|_, sockets| work(sockets))
    }

    /// Waits until one of the sockets has packets, or room to send, for at most `timeout`, as
    /// [the core's sockets](xskit_core::Socket::wait_any) do.
    ///
    /// # Errors
    /// The errno of the wait, or of a kick before it. ENETDOWN, once, if an interface is gone;
    /// EINVAL if all sockets were closed.
    #[doc(alias = "poll")]
    pub fn wait(&mut self, interest: Interest, timeout: Option<Duration>) -> Result<bool, Errno> {
        self.with(|sockets| xskit_core::Socket::wait_any(sockets, interest, timeout))
    }

    /// Returns a waker, which ends a [`wait`](Self::wait) from another thread, as
    /// [`Socket::waker`](crate::Socket::waker) does.
    ///
    /// # Errors
    /// The errno of `eventfd(2)`: EMFILE or ENFILE if there is no room for a descriptor.
    pub fn waker(&self) -> Result<Waker, Errno> {
        self.0.borrow_owner().backend.waker()
    }

    /// The sockets' descriptors, in order, to put into the map of an XDP program.
    #[must_use]
    #[doc(alias = "xsk_socket__fd")]
    pub fn fds(&self) -> Vec<BorrowedFd<'_>> {
        self.0.with_dependent(|_, sockets| {
            sockets
                .iter()
                .map(|socket| socket.handle().as_fd())
                .collect()
        })
    }

    /// The calls made for the sockets so far, by kind.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.0.borrow_owner().backend.calls()
    }

    /// The memory of the frames, which reports the kind of its pages.
    #[must_use]
    pub fn memory(&self) -> &MmapMemory {
        self.0.borrow_owner().umem().memory()
    }
}

impl fmt::Debug for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .with_dependent(|_, sockets| f.debug_list().entries(sockets).finish())
    }
}
