//! A socket that a program can keep.
//!
//! The core's [`Socket`](xskit_core::Socket) borrows its UMEM, which borrows its book-keeping: that
//! proves that no frame outlives them. This module puts the three together on the heap, sized at
//! run time, so that a program can store them, move them and send them to a thread as one value.

mod builder;
mod ground;
mod shared;

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use self_cell::self_cell;
use xskit_core::abi::Statistics;
use xskit_core::backend::{Backend, Calls, Interest};
use xskit_core::socket::{Accounting, Obtained, PacketCounts};
use xskit_core::umem::Frame;
use xskit_core::{Errno, SocketConfig};

pub use builder::SocketBuilder;
pub use shared::Sockets;

use crate::backend::AnyBackend;
use crate::error::OpenError;
use crate::memory::{MmapMemory, Waker, create_descriptor};
use ground::{CoreSocket, Ground};

self_cell!(
    /// A socket with all that it borrows.
    struct Kept {
        owner: Ground,
        #[not_covariant]
        dependent: CoreSocket,
    }
);

/// An AF_XDP socket bound to one queue of one interface, with its frames and its backend.
///
/// It can be stored, moved, and sent to another thread between calls; dropping it closes the socket
/// and then lets go of the frames. Packets and frames are handled inside [`with`](Self::with).
///
/// ```no_run
/// use std::time::Duration;
/// use xskit::Socket;
/// use xskit::af_xdp::backend::Interest;
///
/// let mut socket = Socket::builder("eth1").queue(0).frames(8192).open()?;
/// loop {
///     socket.with(|socket| {
///         for packet in socket.receive(64) {
///             println!("{} bytes", packet.len()); // dropping it gives the frame back
///         }
///         socket.recycle();
///         socket.flush()
///     })?;
///     socket.wait(Interest::RECEIVE, Some(Duration::from_secs(1)))?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Two threads cannot use it at the same time:
///
/// ```compile_fail
/// fn share<T: Sync>() {}
/// share::<xskit::Socket>(); // `Cell`s cannot be shared between threads safely
/// ```
#[doc(alias = "xsk_socket")]
#[doc(alias = "xsk_socket__delete")]
#[doc(alias = "xsk_socket__fd")]
pub struct Socket(Kept);

/// The parts are full of cells and pointers that no two threads may use at the same time.
// SAFETY: no two threads do. A socket's UMEM, book-keeping, backend and handle are made for it by
// its builder, and belong to it alone. The handle may be a given descriptor: of its duplicates, the
// kernel lets only one set up the socket. The references between the parts are inside the socket,
// and move with it. What `with` lends has a lifetime that the caller cannot name, so no frame, ring
// or borrowed socket is kept past the call. A socket that replaces the one that is lent borrows an
// `AnyBackend` and a UMEM for that lifetime: only a builder makes them, inside a socket, and
// nothing lends them for longer than a call, so they are the same (`open_shared`). Other methods
// lend for as long as the socket itself is borrowed. The backends' own state is plain data and
// descriptors. The kernel takes a ring's submissions from any thread or, if it was promised that
// there is only one, refuses those of others.
#[allow(unsafe_code)]
unsafe impl Send for Socket {}

impl Socket {
    /// Creates a socket for [`SocketBuilder::open_from`] in another process, which needs no
    /// capability. The socket is in the network namespace of the calling thread. Send the
    /// descriptor to that process (SCM_RIGHTS, unix(7)), or have a child inherit it.
    ///
    /// # Errors
    /// [`OpenError::Socket`] with the error of `socket(2)`, which is EPERM without CAP_NET_RAW.
    pub fn create_descriptor() -> Result<OwnedFd, OpenError> {
        let failed = xskit_core::socket::OpenError::of_creation;
        create_descriptor().map_err(|errno| OpenError::Socket(failed(errno)))
    }

    fn open(
        ground: Ground,
        descriptor: Option<OwnedFd>,
        config: &SocketConfig,
    ) -> Result<Self, OpenError> {
        let kept = Kept::try_new(ground, |ground| ground.open(descriptor, config))?;
        Ok(Self(kept))
    }

    /// Works with packets and frames on the core's [`Socket`](xskit_core::Socket): receives, sends,
    /// publishes. A frame that is taken off the rings and not sent goes back when it is dropped.
    /// Nothing lent leaves the call:
    ///
    /// ```compile_fail
    /// fn keep(socket: &mut xskit::Socket) -> Option<xskit::af_xdp::umem::Frame<'_>> {
    ///     socket.with(|socket| socket.alloc()) // lifetime may not live long enough
    /// }
    /// ```
    ///
    /// Nor can the lent socket be swapped with another:
    ///
    /// ```compile_fail
    /// fn swap(one: &mut xskit::Socket, other: &mut xskit::Socket) {
    ///     one.with(|one| other.with(|other| std::mem::swap(one, other))); // each of its own lifetime
    /// }
    /// ```
    ///
    /// Nor replaced by one of the same backend, over frames that another thread may have:
    ///
    /// ```compile_fail
    /// use xskit::af_xdp::umem::{Memory, Umem};
    /// use xskit::af_xdp::{Socket, SocketConfig};
    ///
    /// fn replace<M: Memory>(kept: &mut xskit::Socket, umem: &'static Umem<'static, M>) {
    ///     kept.with(|socket| {
    ///         let other = Socket::open(socket.backend(), umem, &SocketConfig::new(1, 0));
    ///         *socket = other.unwrap(); // `*socket` is borrowed by its backend
    ///     });
    /// }
    /// ```
    #[inline]
    pub fn with<R>(
        &mut self,
        work: impl for<'u> FnOnce(&mut xskit_core::Socket<'u, AnyBackend>) -> R,
    ) -> R {
        self.0.with_dependent_mut(|_, socket| work(socket))
    }

    /// Receives up to `max` packets, no more than can be sent, and sends back those for which
    /// `answer` returns `Some`, each in the frame that it came in. The others, and empty ones, are
    /// dropped. Then gives frames back to the kernel and flushes. Returns how many packets were
    /// received.
    ///
    /// ```no_run
    /// use std::time::Duration;
    /// use xskit::Socket;
    /// use xskit::af_xdp::backend::Interest;
    /// use xskit::wire::swap_addresses;
    ///
    /// let mut socket = Socket::builder("eth1").open()?;
    /// loop {
    ///     socket.answer(64, |packet| swap_addresses(packet).ok())?;
    ///     socket.wait(Interest::RECEIVE, Some(Duration::from_secs(1)))?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The errno of a kick, if it is not transient.
    pub fn answer(
        &mut self,
        max: u32,
        mut answer: impl FnMut(&mut Frame<'_>) -> Option<()>,
    ) -> Result<u32, Errno> {
        self.with(|socket| {
            let (mut receiver, mut transmitter) = socket.halves();
            let mut reservation = transmitter.reserve(max);
            let mut received = 0;
            for mut packet in receiver.receive(reservation.len()) {
                received += 1;
                if answer(&mut packet).is_some() {
                    // There is room, so only an empty packet is refused. Its frame is then free
                    // again.
                    let _ = reservation.send(packet);
                }
            }
            socket.recycle();
            socket.flush().map(|()| received)
        })
    }

    /// Waits for packets, or for room to send, for at most `timeout`, as [the core's
    /// socket](xskit_core::Socket::wait) does.
    ///
    /// # Errors
    /// The errno of the wait, or of a kick before it. ENETDOWN if the interface is gone, once:
    /// later waits may only time out.
    #[doc(alias = "poll")]
    #[doc(alias = "poll_and_consume")]
    pub fn wait(&mut self, interest: Interest, timeout: Option<Duration>) -> Result<bool, Errno> {
        self.with(|socket| socket.wait(interest, timeout))
    }

    /// Returns a waker, which ends a [`wait`](Self::wait) from another thread: to stop it, for
    /// instance, or to hand it something. The wait then returns false, as after its timeout.
    ///
    /// ```no_run
    /// # use std::time::Duration;
    /// # use xskit::{Socket, af_xdp::backend::Interest};
    /// # let mut socket = Socket::builder("eth1").open()?;
    /// let waker = socket.waker()?;
    /// let worker = std::thread::spawn(move || socket.wait(Interest::RECEIVE, None));
    /// waker.wake();
    /// assert_eq!(worker.join().unwrap(), Ok(false));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The errno of `eventfd(2)`: EMFILE or ENFILE if there is no room for a descriptor.
    pub fn waker(&self) -> Result<Waker, Errno> {
        self.0.borrow_owner().backend.waker()
    }

    /// Whether received packets are on the RX ring. Makes no system call.
    #[must_use]
    pub fn has_packets(&self) -> bool {
        self.0.with_dependent(|_, socket| socket.has_packets())
    }

    /// The descriptor, for `poll(2)`, `epoll(7)` or another runtime: readable while there are
    /// packets, writable while the TX ring is at most half full. Before each such wait, call
    /// [`wait`](Self::wait) with a timeout of zero: it publishes what was sent, makes the kicks and
    /// wakes that are owed, and returns whether there are packets already. (A busy wait does none
    /// of this: `RustixWait::Busy`, uring's `Wait::Busy`.) `AsyncSocket` makes these calls on tokio
    /// (feature `tokio`).
    #[must_use]
    pub fn poll_fd(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }

    /// What the kernel granted.
    #[doc(alias = "XDP_OPTIONS")]
    #[must_use]
    pub fn obtained(&self) -> Obtained {
        self.0.with_dependent(|_, socket| socket.obtained())
    }

    /// The kernel's counters for this socket.
    ///
    /// # Errors
    /// The errno of `getsockopt(2)`.
    #[doc(alias = "XDP_STATISTICS")]
    #[doc(alias = "xdp_statistics")]
    pub fn statistics(&self) -> Result<Statistics, Errno> {
        self.0.with_dependent(|_, socket| socket.statistics())
    }

    /// How many packets were received and sent.
    #[must_use]
    pub fn traffic(&self) -> PacketCounts {
        self.0.with_dependent(|_, socket| socket.traffic())
    }

    /// Where every frame is.
    #[must_use]
    pub fn accounting(&mut self) -> Accounting {
        self.with(|socket| socket.accounting())
    }

    /// The calls made for the socket so far, by kind.
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

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.with_dependent(|_, socket| socket.handle().as_fd())
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.with_dependent(|_, socket| socket.fmt(f))
    }
}
