//! The backend: the few system calls that an AF_XDP socket needs.
// The trait is unsafe to implement; nothing in this file is unsafe to run.
#![allow(unsafe_code)]

use core::ptr::NonNull;
use core::time::Duration;

use crate::abi::{MmapOffsets, Options, SockaddrXdp, Statistics};
use crate::errno::Errno;

mod calls;
mod option;

pub use calls::{Calls, Submissions};
pub use option::{RingKind, SetOption};

/// The system calls of an AF_XDP socket, one method per call.
///
/// A backend knows nothing of rings, of frames or of the order of the calls: those live in this
/// crate. Methods take `&self`, because several sockets of one thread share a backend. It counts
/// its calls ([`Calls`]), and may combine kicks: [`kick`](Self::kick) requests one, and
/// [`submit`](Self::submit) makes those requested.
///
/// Code that is generic over the backend runs on the simulated kernel in tests:
///
/// ```
/// use xskit_core::{Backend, Socket};
///
/// fn drop_all<B: Backend>(socket: &mut Socket<'_, B>) -> usize {
///     let packets = socket.receive(u32::MAX).count();
///     socket.recycle();
///     packets
/// }
/// # use xskit_core::SocketConfig;
/// # use xskit_core::sim::{HeapMemory, SimNetwork, WireConfig};
/// # use xskit_core::umem::{FrameSize, FrameSlot, Umem};
/// # let network = SimNetwork::new(WireConfig::perfect(), 1);
/// # let mut slots = vec![FrameSlot::new(); 64];
/// # let umem = Umem::new(HeapMemory::new(64 * 4096), &mut slots, FrameSize::DEFAULT)?;
/// # let backend = network.backend();
/// # let mut socket = Socket::open(&backend, &umem, &SocketConfig::new(1, 0))?;
/// assert_eq!(drop_all(&mut socket), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Safety
/// The core makes references out of a backend's results, and trusts them when it hands frames to
/// the kernel. An implementation must carry out every call as documented. In particular:
/// - [`map`](Self::map) returns a mapping of the requested length that stays valid until
///   [`unmap`](Self::unmap), and is shared with nothing but the kernel's side of that ring;
/// - [`offsets`](Self::offsets) and [`options`](Self::options) return what the kernel reported;
/// - [`set_option`](Self::set_option) returns EINVAL only if the kernel did, and succeeds only if
///   the kernel did. So each ring of a socket is sized once, and a ring that was just sized is not
///   mapped anywhere yet;
/// - [`bind_shared`](Self::bind_shared) binds over the UMEM of the socket that it is given;
/// - after [`close`](Self::close) the kernel writes to UMEM memory only through pages that it has
///   pinned itself.
pub unsafe trait Backend {
    /// An open socket. A value names exactly one socket of this backend. End it with
    /// [`close`](Self::close): a value that is dropped instead may leave the socket open and its
    /// queue taken.
    type Socket;

    /// Whether the kernel is simulated in this process, so that nothing else writes to a UMEM.
    const IS_SIMULATED: bool = false;

    /// The backend's name, as on the command line.
    fn name(&self) -> &'static str;

    /// `socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)`.
    ///
    /// # Errors
    /// The errno of `socket(2)`: EPERM without CAP_NET_RAW, EAFNOSUPPORT from a kernel without
    /// CONFIG_XDP_SOCKETS.
    fn open(&self) -> Result<Self::Socket, Errno>;

    /// `setsockopt(2)`, at the option's own level.
    ///
    /// # Errors
    /// The errno of `setsockopt(2)`: ENOPROTOOPT for an option that the kernel does not have.
    fn set_option(&self, socket: &Self::Socket, option: SetOption) -> Result<(), Errno>;

    /// `getsockopt(XDP_MMAP_OFFSETS)`.
    ///
    /// # Errors
    /// The errno of `getsockopt(2)`.
    fn offsets(&self, socket: &Self::Socket) -> Result<MmapOffsets, Errno>;

    /// `getsockopt(XDP_STATISTICS)`.
    ///
    /// # Errors
    /// The errno of `getsockopt(2)`.
    fn statistics(&self, socket: &Self::Socket) -> Result<Statistics, Errno>;

    /// `getsockopt(XDP_OPTIONS)`.
    ///
    /// # Errors
    /// The errno of `getsockopt(2)`: ENOPROTOOPT before Linux 5.3.
    fn options(&self, socket: &Self::Socket) -> Result<Options, Errno>;

    /// `mmap(2)` of a ring: shared, readable, writable, populated.
    ///
    /// # Errors
    /// The errno of `mmap(2)`.
    fn map(
        &self,
        socket: &Self::Socket,
        ring: RingKind,
        len_bytes: usize,
    ) -> Result<NonNull<u8>, Errno>;

    /// `munmap(2)` of a ring.
    ///
    /// # Safety
    /// `base` and `len_bytes` must be those of one [`map`](Self::map) not yet unmapped, and no
    /// reference into it may be used again.
    unsafe fn unmap(&self, base: NonNull<u8>, len_bytes: usize);

    /// `bind(2)`, retried for a bounded time on EBUSY: the queue of a socket that was just closed
    /// is free only a little later.
    ///
    /// # Errors
    /// The errno of the last attempt. [`OpenError`](crate::socket::OpenError) explains each: EBUSY
    /// if another socket has the queue, EINVAL if the queue is not active, EOPNOTSUPP if the driver
    /// lacks the mode, and others.
    fn bind(&self, socket: &Self::Socket, address: &SockaddrXdp) -> Result<(), Errno>;

    /// `bind(2)` over the UMEM of `with`, a bound socket: as [`bind`](Self::bind), with
    /// [`shared_umem_fd`](SockaddrXdp::shared_umem_fd) naming that socket. The address has
    /// [`SHARED_UMEM`](crate::abi::bind_flags::SHARED_UMEM) among its flags. Another queue or
    /// interface needs Linux 5.10.
    ///
    /// A backend that cannot share a UMEM keeps this default.
    ///
    /// # Errors
    /// The errno of the last attempt, as with [`bind`](Self::bind); EOPNOTSUPP from a backend that
    /// cannot share a UMEM.
    fn bind_shared(
        &self,
        socket: &Self::Socket,
        address: &SockaddrXdp,
        with: &Self::Socket,
    ) -> Result<(), Errno> {
        let _ = (socket, address, with);
        Err(Errno::EOPNOTSUPP)
    }

    /// `close(2)`. The socket's queue is free afterwards, or soon will be.
    fn close(&self, socket: Self::Socket);

    /// Requests a kick, which is made at once, or together with others by the next
    /// [`submit`](Self::submit).
    ///
    /// Transient errors ([`Errno::is_transient`]) are not returned, and all but EINTR are counted:
    /// the work stays on the ring for the next kick.
    ///
    /// # Errors
    /// The errno of the kick, if it is not transient.
    fn kick(&self, socket: &Self::Socket, kick: Kick) -> Result<(), Errno>;

    /// Makes the kicks requested since the last submission.
    ///
    /// # Errors
    /// The errno of a kick, if it is not transient. If a kernel thread makes the kicks, a later
    /// call returns it.
    fn submit(&self) -> Result<(), Errno>;

    /// Waits until one of the sockets is ready, for at most `timeout`, or indefinitely without one.
    /// Returns how many are ready: zero after the timeout, after a signal or a call of the waker,
    /// if a ring has no memory to arm its polls, or from a backend that was configured not to wait.
    ///
    /// Look at the rings first, as [`Socket::wait`](crate::Socket::wait) does: a backend may report
    /// only what arrives during the wait.
    ///
    /// # Errors
    /// The errno of the call, or the error of a socket: ENETDOWN if its interface is gone, once.
    /// That may be reported only when `timeout` is over; without one `ppoll(2)` sleeps on.
    fn wait(
        &self,
        interests: &[(&Self::Socket, Interest)],
        timeout: Option<Duration>,
    ) -> Result<usize, Errno>;

    /// What a [`wait`](Self::wait) does for the rings. With this default, wake-ups that are owed
    /// are requested before each wait.
    fn sleep(&self) -> Sleep {
        Sleep::Silent
    }

    /// The calls made so far, by kind.
    fn calls(&self) -> Calls;
}

/// What a wait does for the rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sleep {
    /// It returns at once: no time passes.
    Never,
    /// It sleeps, and has the kernel look at the rings whose NEED_WAKEUP is set, as `poll(2)` does:
    /// at both in zero-copy mode, at the TX ring in copy mode (`xsk_poll`, net/xdp/xsk.c).
    Kicks,
    /// It sleeps on a poll that may have been armed earlier, and submits the requested kicks.
    Silent,
}

/// What a kick is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kick {
    /// Send the packets on the TX ring: at most `times` calls, fewer once the kernel reports that
    /// it is done.
    ///
    /// One call takes a bounded number of descriptors in copy mode (32, or
    /// XDP_MAX_TX_SKB_BUDGET), and all of them in zero-copy mode.
    Transmit {
        /// The most calls that the packets can need.
        times: u32,
    },
    /// Look at the fill ring again, and, with busy polling, at the device.
    Receive,
}

/// What a wait is for.
///
/// In copy mode a wait by `poll(2)` also sends packets from the TX ring, as many as one call sends.
/// A wait on a poll that was armed earlier does not. So do not wait for long with packets on the TX
/// ring: those that a kick left there go out with the next kick.
///
/// ```
/// use xskit_core::backend::Interest;
///
/// let both = Interest { transmit: true, ..Interest::RECEIVE };
/// assert!(both.receive && both.transmit);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// Packets on the RX ring.
    pub receive: bool,
    /// Room on the TX ring.
    pub transmit: bool,
}

impl Interest {
    /// Wait for packets only.
    pub const RECEIVE: Self = Self {
        receive: true,
        transmit: false,
    };
}
