//! The socket that one keeps.
//!
//! The core's [`Socket`](xskit_core::Socket) borrows its UMEM, which borrows its book-keeping; that is
//! the proof that no frame outlives them. Here the three are put together on the heap, sized when they
//! are made, so that a program stores them, moves them and sends them to a thread as one value.

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
/// Two threads don't use it at a time:
///
/// ```compile_fail
/// fn share<T: Sync>() {}
/// share::<xskit::Socket>(); // `Cell`s cannot be shared between threads safely
/// ```
#[doc(alias = "xsk_socket")]
#[doc(alias = "xsk_socket__delete")]
#[doc(alias = "xsk_socket__fd")]
pub struct Socket(Kept);

/// What is inside is full of cells and pointers that no two threads may use at a time.
// SAFETY: they don't. A socket's UMEM, book-keeping, backend and handle are made by `Socket::open`, which a
// descriptor may be given to, and belong to it alone: of a descriptor's duplicates the kernel lets one set up the
// socket. The references between them are inside it, and go where it goes. What is lent out
// of it to `with` is of a lifetime that the caller can't name: no frame, ring or borrowed socket is kept
// past the call. Nor can another socket be put in the place of the one that is lent: it would have to
// borrow an `AnyBackend` for that lifetime, and nothing but `Socket::open` makes one, nor does anything lend
// one for longer than a call.
// Other methods lend for as long as the socket itself is borrowed. The backends' own state is plain
// data and descriptors; the kernel takes a ring's submissions from any thread, or, if it was promised that
// there is but one, refuses the others'.
#[allow(unsafe_code)]
unsafe impl Send for Socket {}

impl Socket {
    /// Creates what [`SocketBuilder::open_from`] opens, in another process that has no capability:
    /// a socket of the network namespace that the thread is in. Send the descriptor there (SCM_RIGHTS, unix(7)), or
    /// have a child inherit it.
    ///
    /// # Errors
    /// [`OpenError`] says what failed, and what to try; without CAP_NET_RAW that is EPERM.
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

    /// Works with packets and frames, by the core's [`Socket`](xskit_core::Socket): receives, sends,
    /// publishes. What is taken off the rings, and not sent, goes back when it is dropped; nothing of it
    /// leaves the call:
    ///
    /// ```compile_fail
    /// fn keep(socket: &mut xskit::Socket) -> Option<xskit::af_xdp::umem::Frame<'_>> {
    ///     socket.with(|socket| socket.alloc()) // lifetime may not live long enough
    /// }
    /// ```
    ///
    /// Nor does what is lent change places with another socket's:
    ///
    /// ```compile_fail
    /// fn swap(one: &mut xskit::Socket, other: &mut xskit::Socket) {
    ///     one.with(|one| other.with(|other| std::mem::swap(one, other))); // each of its own lifetime
    /// }
    /// ```
    ///
    /// Nor with one of the same backend, over frames that another thread may have:
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

    /// Receives up to `max` packets, no more than can be sent, and sends back those that `answer` made an answer
    /// of, each in the frame that it came in. The others, and empty ones, are dropped. Then gives frames back to the
    /// kernel and flushes. Returns how many packets were received.
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
    /// What a kick returned, when it is not transient.
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
                    // There is room, so only an empty packet is refused. Its frame is free again.
                    let _ = reservation.send(packet);
                }
            }
            socket.recycle();
            socket.flush().map(|()| received)
        })
    }

    /// Waits until packets are there, or room to send, for at most `timeout`, as
    /// [the core's socket](xskit_core::Socket::wait) does.
    ///
    /// # Errors
    /// What the call returned; ENETDOWN when the interface is gone.
    #[doc(alias = "poll")]
    #[doc(alias = "poll_and_consume")]
    pub fn wait(&mut self, interest: Interest, timeout: Option<Duration>) -> Result<bool, Errno> {
        self.with(|socket| socket.wait(interest, timeout))
    }

    /// What ends [`wait`](Self::wait) from another thread: to have it stop, say, or to hand it something. The wait then
    /// returns false, as after its timeout.
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
    /// What `eventfd(2)` returned: EMFILE or ENFILE without room for a descriptor.
    pub fn waker(&self) -> Result<Waker, Errno> {
        self.0.borrow_owner().backend.waker()
    }

    /// Whether received packets are there, by a look at the RX ring.
    #[must_use]
    pub fn has_packets(&self) -> bool {
        self.0.with_dependent(|_, socket| socket.has_packets())
    }

    /// The descriptor, for a `poll(2)`, an `epoll(7)` or a runtime of one's own: readable while packets are there, writable
    /// while the TX ring is at most half full. Before each wait of that kind, call [`wait`](Self::wait) with a
    /// timeout of zero: it publishes what was sent, has the kernel look at what it is owed, and says whether packets
    /// are there already. `AsyncSocket` does so on tokio (feature `tokio`).
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

    /// What the kernel counted.
    ///
    /// # Errors
    /// What the call returned.
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

    /// How many calls of each kind were made for the socket so far.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.0.borrow_owner().backend.calls()
    }

    /// The memory of the frames, which says what pages it is made of.
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
