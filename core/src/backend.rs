//! What a backend does: the handful of system calls that an AF_XDP socket takes.
// The trait is unsafe to implement; nothing in this file is unsafe to run.
#![allow(unsafe_code)]

use core::ptr::NonNull;
use core::time::Duration;

use crate::abi::{MmapOffsets, Options, SockaddrXdp, Statistics, UmemReg};
use crate::errno::Errno;

/// The system calls of an AF_XDP socket, one method a call.
///
/// A backend knows nothing of rings, frames or sequence: those live in this crate, once. Methods
/// take `&self`, since several sockets of one thread share a backend, which counts what it does
/// ([`Calls`]) and may put kicks together: [`kick`](Self::kick) asks, [`submit`](Self::submit)
/// does it.
///
/// What is generic over the backend runs on the simulated kernel in tests:
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
/// The core turns what a backend returns into references and hands frames to the kernel on its
/// word. An implementation must pass every call on as it is documented, in particular:
/// - [`map`](Self::map) returns a mapping of the asked-for length that stays valid until
///   [`unmap`](Self::unmap), shared with nothing but the kernel's side of that ring;
/// - [`offsets`](Self::offsets) and [`options`](Self::options) return what the kernel said, and
///   [`set_option`](Self::set_option) returns EINVAL only if the kernel did, and succeeds only if the
///   kernel did it. That sizes each ring of a socket once: a ring that was just sized is mapped nowhere yet;
/// - [`bind_shared`](Self::bind_shared) binds over the UMEM of the socket that it is given;
/// - after [`close`](Self::close) the kernel writes to UMEM memory only as far as it has pinned it
///   itself.
pub unsafe trait Backend {
    /// An open socket. A value of this type names one socket of this backend, and no other. Give it
    /// back by [`close`](Self::close): dropped in another way it may stay open, with its queue.
    type Socket;

    /// Whether the kernel is simulated within this process, so that nothing else writes to a UMEM.
    const IS_SIMULATED: bool = false;

    /// The backend's name, as the command line has it.
    fn name(&self) -> &'static str;

    /// `socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)`.
    ///
    /// # Errors
    /// What the call returned; EPERM without CAP_NET_RAW, EAFNOSUPPORT without CONFIG_XDP_SOCKETS.
    fn open(&self) -> Result<Self::Socket, Errno>;

    /// `setsockopt(2)`, at the option's own level.
    ///
    /// # Errors
    /// What the call returned; ENOPROTOOPT for an option that the kernel does not have.
    fn set_option(&self, socket: &Self::Socket, option: SetOption) -> Result<(), Errno>;

    /// `getsockopt(XDP_MMAP_OFFSETS)`.
    ///
    /// # Errors
    /// What the call returned.
    fn offsets(&self, socket: &Self::Socket) -> Result<MmapOffsets, Errno>;

    /// `getsockopt(XDP_STATISTICS)`.
    ///
    /// # Errors
    /// What the call returned.
    fn statistics(&self, socket: &Self::Socket) -> Result<Statistics, Errno>;

    /// `getsockopt(XDP_OPTIONS)`.
    ///
    /// # Errors
    /// What the call returned; ENOPROTOOPT before Linux 5.3.
    fn options(&self, socket: &Self::Socket) -> Result<Options, Errno>;

    /// `mmap(2)` of a ring: shared, readable, writable, populated.
    ///
    /// # Errors
    /// What the call returned.
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

    /// `bind(2)`, tried again for a bounded time while a queue that was just closed says EBUSY.
    ///
    /// # Errors
    /// What the call returned, in the end.
    fn bind(&self, socket: &Self::Socket, address: &SockaddrXdp) -> Result<(), Errno>;

    /// `bind(2)` over the UMEM of another socket `with`, which is bound: as [`bind`](Self::bind), with
    /// [`shared_umem_fd`](SockaddrXdp::shared_umem_fd) naming that socket. The address has
    /// [`SHARED_UMEM`](crate::abi::bind_flags::SHARED_UMEM) among its flags. Linux 5.10, for another queue or interface.
    ///
    /// A backend that can't leaves this out.
    ///
    /// # Errors
    /// What the call returned, in the end; EOPNOTSUPP from a backend that can't.
    fn bind_shared(
        &self,
        socket: &Self::Socket,
        address: &SockaddrXdp,
        with: &Self::Socket,
    ) -> Result<(), Errno> {
        let _ = (socket, address, with);
        Err(Errno::EOPNOTSUPP)
    }

    /// `close(2)`, after which the socket's queue is free again, or soon will be.
    fn close(&self, socket: Self::Socket);

    /// Asks for a kick. It may be done at once, or with others at the next
    /// [`submit`](Self::submit).
    ///
    /// Transient errors ([`Errno::is_transient`]) are states: they are counted, and the work
    /// stays in the ring for the next kick.
    ///
    /// # Errors
    /// What the call returned, when it is not transient.
    fn kick(&self, socket: &Self::Socket, kick: Kick) -> Result<(), Errno>;

    /// Does what was asked for since the last time.
    ///
    /// # Errors
    /// What a kick returned, when it is not transient; if a thread of the kernel does the kicks, at a
    /// later call.
    fn submit(&self) -> Result<(), Errno>;

    /// Waits until one of the sockets is ready, for at most `timeout` (for ever without one).
    /// Returns how many are; zero after the timeout, when a signal came or the kernel had no memory
    /// to wait with, or from a backend that was told not to wait.
    ///
    /// Look at the rings first: a backend may report what comes, and stay silent about what was
    /// there before. [`Socket::wait`](crate::Socket::wait) does.
    ///
    /// # Errors
    /// What the call returned, or the error of a socket; ENETDOWN when its interface is gone, which may
    /// be told only when `timeout` is over: `ppoll(2)` sleeps on without one.
    fn wait(
        &self,
        interests: &[(&Self::Socket, Interest)],
        timeout: Option<Duration>,
    ) -> Result<usize, Errno>;

    /// What a [`wait`](Self::wait) does for the rings. A backend that can't tell says nothing, and
    /// wake-ups that are owed are asked for before each.
    fn sleep(&self) -> Sleep {
        Sleep::Silent
    }

    /// How many calls of each kind were made so far.
    fn calls(&self) -> Calls;
}

/// What a wait does for the rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sleep {
    /// It returns at once: no time passes.
    Never,
    /// It sleeps, and has the kernel look at the rings whose flags ask for it, as `poll(2)` does: in
    /// zero-copy mode at both, in copy mode at the TX ring (`xsk_poll`, net/xdp/xsk.c).
    Kicks,
    /// It sleeps, on a poll that may have been armed before, and submits what was asked for.
    Silent,
}

/// A socket option that can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetOption {
    /// XDP_UMEM_REG.
    UmemReg(UmemReg),
    /// The number of a ring's slots: XDP_UMEM_FILL_RING and its like.
    RingSize(RingKind, u32),
    /// XDP_MAX_TX_SKB_BUDGET: descriptors that one kick sends in copy mode, from 32 to the slots of
    /// the TX ring, else EACCES. Linux 6.18.
    TransmitBudget(u32),
    /// SO_PREFER_BUSY_POLL, at level SOL_SOCKET: packets are processed when the program asks, and the
    /// device's interrupts stay off meanwhile. Linux 5.11; CAP_NET_ADMIN to switch it on.
    PreferBusyPoll(bool),
    /// SO_BUSY_POLL, at level SOL_SOCKET: how long a call may poll the device, in microseconds, up to
    /// 2^31 - 1, else EINVAL. AF_XDP sockets have it since Linux 5.11. Some kernels refuse to raise it
    /// without CAP_NET_ADMIN; 6.18 does not.
    BusyPoll {
        /// Zero switches it off.
        us: u32,
    },
    /// SO_BUSY_POLL_BUDGET, at level SOL_SOCKET: packets that a call may process, 8 by default, for
    /// which zero stands; CAP_NET_ADMIN to raise it. Linux 5.11.
    BusyPollBudget(u16),
}

impl SetOption {
    /// The option's name in the kernel's headers.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::UmemReg(_) => "XDP_UMEM_REG",
            Self::RingSize(RingKind::Fill, _) => "XDP_UMEM_FILL_RING",
            Self::RingSize(RingKind::Completion, _) => "XDP_UMEM_COMPLETION_RING",
            Self::RingSize(RingKind::Rx, _) => "XDP_RX_RING",
            Self::RingSize(RingKind::Tx, _) => "XDP_TX_RING",
            Self::TransmitBudget(_) => "XDP_MAX_TX_SKB_BUDGET",
            Self::PreferBusyPoll(_) => "SO_PREFER_BUSY_POLL",
            Self::BusyPoll { .. } => "SO_BUSY_POLL",
            Self::BusyPollBudget(_) => "SO_BUSY_POLL_BUDGET",
        }
    }
}

/// One of the four rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingKind {
    /// Empty frames to the kernel.
    Fill,
    /// Sent frames from the kernel.
    Completion,
    /// Received packets from the kernel.
    Rx,
    /// Packets to send to the kernel.
    Tx,
}

impl RingKind {
    /// The offset that names the ring to `mmap(2)`, in bytes.
    #[must_use]
    pub const fn pgoff(self) -> u64 {
        match self {
            Self::Fill => crate::abi::pgoff::UMEM_FILL_RING,
            Self::Completion => crate::abi::pgoff::UMEM_COMPLETION_RING,
            Self::Rx => crate::abi::pgoff::RX_RING,
            Self::Tx => crate::abi::pgoff::TX_RING,
        }
    }

    /// The ring's name in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fill => "fill",
            Self::Completion => "completion",
            Self::Rx => "RX",
            Self::Tx => "TX",
        }
    }
}

/// What a kick is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kick {
    /// Send what is on the TX ring: up to `times` calls, fewer when the kernel says it is done.
    ///
    /// One call takes a bounded number of descriptors in copy mode (32, or
    /// XDP_MAX_TX_SKB_BUDGET), and all of them in zero-copy mode.
    Transmit {
        /// The most calls that the work can need.
        times: u32,
    },
    /// Look at the fill ring again, and, with busy polling, at the device.
    Receive,
}

/// What a wait is for.
///
/// In copy mode a wait by `poll(2)` also sends what is on the TX ring, one call's worth; one on a poll
/// that was armed before does not. So don't wait for long with packets on the TX ring: what a kick left
/// there goes with the next.
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

/// How often a backend called the kernel, by kind, and what kicks ran into.
///
/// ```
/// use xskit_core::Backend;
/// # use xskit_core::sim::{HeapMemory, SimNetwork, WireConfig};
/// # use xskit_core::umem::{FrameSize, FrameSlot, Umem};
/// # use xskit_core::{Socket, SocketConfig};
/// # let network = SimNetwork::new(WireConfig::perfect(), 1);
/// # let mut slots = vec![FrameSlot::new(); 64];
/// # let umem = Umem::new(HeapMemory::new(64 * 4096), &mut slots, FrameSize::DEFAULT)?;
/// # let backend = network.backend();
/// # let mut socket = Socket::open(&backend, &umem, &SocketConfig::new(1, 0))?;
/// let before = backend.calls();
/// let mut frame = socket.alloc().expect("a free frame");
/// frame.set_range(0..60)?;
/// socket.send(frame).map_err(|refused| refused.kind)?;
/// socket.flush()?;
/// assert_eq!(backend.calls().kicks - before.kicks, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Calls {
    /// Everything that opens, sizes, maps, binds, reads out or closes.
    pub setup: u64,
    /// Calls that asked the kernel to send.
    pub kicks: u64,
    /// Calls that asked the kernel to look at the fill ring, or to poll the device.
    pub wakes: u64,
    /// Calls that waited.
    pub waits: u64,
    /// `io_uring_enter(2)` calls that handed submissions over, without waiting: kicks and wakes for
    /// any number of sockets.
    pub enters: u64,
    /// What was asked of the kernel through an io_uring; no system calls of their own.
    pub submissions: Submissions,
    /// Kicks after which something was left to send (EAGAIN): one call takes no more, or the
    /// completion ring, the device's queue or the send buffer is full. The next kick goes on.
    pub again: u64,
    /// Kicks that found the device busy (EBUSY).
    pub busy: u64,
    /// Kicks that found no buffer (ENOBUFS).
    pub no_buffers: u64,
    /// Kicks that found the interface down (ENETDOWN).
    pub net_down: u64,
}

impl core::ops::AddAssign for Calls {
    /// Adds those of another socket.
    fn add_assign(&mut self, other: Self) {
        self.setup += other.setup;
        self.kicks += other.kicks;
        self.wakes += other.wakes;
        self.waits += other.waits;
        self.enters += other.enters;
        self.submissions += other.submissions;
        self.again += other.again;
        self.busy += other.busy;
        self.no_buffers += other.no_buffers;
        self.net_down += other.net_down;
    }
}

impl core::ops::AddAssign for Submissions {
    fn add_assign(&mut self, other: Self) {
        self.setup += other.setup;
        self.kicks += other.kicks;
        self.wakes += other.wakes;
        self.polls += other.polls;
        self.cancels += other.cancels;
    }
}

/// Entries put on the submission queue of an io_uring, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Submissions {
    /// Of the set-up: socket, options, bind.
    pub setup: u64,
    /// Asked the kernel to send.
    pub kicks: u64,
    /// Asked the kernel to look at the fill ring, or to poll the device.
    pub wakes: u64,
    /// Armed a poll.
    pub polls: u64,
    /// Cancelled a poll.
    pub cancels: u64,
}

impl Submissions {
    /// Every entry, by what it was for. All but the first are for packets.
    #[must_use]
    pub const fn by_kind(&self) -> [(&'static str, u64); 5] {
        [
            ("set-up", self.setup),
            ("kick", self.kicks),
            ("wake", self.wakes),
            ("poll", self.polls),
            ("cancel", self.cancels),
        ]
    }
}

impl Calls {
    /// System calls made for packets: kicks, wakes, waits, and submissions of them.
    #[must_use]
    pub const fn data_path(&self) -> u64 {
        self.kicks + self.wakes + self.waits + self.enters
    }

    /// Every system call, by what it was for. All but the first are the [data path](Self::data_path)'s.
    #[must_use]
    pub const fn by_kind(&self) -> [(&'static str, u64); 5] {
        [
            ("set-up", self.setup),
            ("kick", self.kicks),
            ("wake", self.wakes),
            ("wait", self.waits),
            ("enter", self.enters),
        ]
    }

    /// Counts what a transient error of a kick was.
    pub const fn count_transient(&mut self, errno: Errno) {
        match errno {
            Errno::EAGAIN => self.again += 1,
            Errno::EBUSY => self.busy += 1,
            Errno::ENOBUFS => self.no_buffers += 1,
            Errno::ENETDOWN => self.net_down += 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Calls, Submissions};

    #[test]
    fn calls_by_kind_are_all_calls_and_nothing_else() {
        let calls = Calls {
            setup: 1,
            kicks: 10,
            wakes: 100,
            waits: 1_000,
            enters: 10_000,
            submissions: Submissions {
                setup: 1,
                kicks: 10,
                wakes: 100,
                polls: 1_000,
                cancels: 10_000,
            },
            again: 3,
            ..Calls::default()
        };
        let sum = |counts: &[(&str, u64)]| counts.iter().map(|(_, count)| count).sum::<u64>();
        assert_eq!(sum(&calls.by_kind()), 11_111);
        assert_eq!(sum(&calls.by_kind()[1..]), calls.data_path());
        assert_eq!(sum(&calls.submissions.by_kind()), 11_111);
    }
}
