//! The socket itself, and the cycle of its frames.

use core::fmt;
use core::num::NonZeroU32;

use super::accounting::Accounting;
use super::half::{RxHalf, TxHalf};
use super::handle::Handle;
use super::receiver::{Received, Receiver};
use super::send_error::SendError;
use super::transmitter::Transmitter;
use super::tuning::BusyPolling;
use super::wakeups::{Kicks, Wakes};
use crate::abi::Statistics;
use crate::backend::{Backend, Kick};
use crate::errno::Errno;
#[cfg(feature = "sim")]
use crate::ring::Cursor;
use crate::umem::Frame;

/// An AF_XDP socket bound to one queue of one interface, over a UMEM of its own or that of
/// [other sockets](Self::open_shared).
///
/// ```
/// use xskit_core::sim::{HeapMemory, SimNetwork, WireConfig};
/// use xskit_core::umem::{FrameSize, FrameSlot, Umem};
/// use xskit_core::{Socket, SocketConfig};
///
/// let network = SimNetwork::new(WireConfig::perfect(), 1);
/// let mut slots = vec![FrameSlot::new(); 64];
/// let umem = Umem::new(HeapMemory::new(64 * 4096), &mut slots, FrameSize::DEFAULT)?;
/// let backend = network.backend();
/// let mut socket = Socket::open(&backend, &umem, &SocketConfig::new(1, 0))?;
///
/// let mut frame = socket.alloc().expect("a free frame");
/// frame.set_range(0..60)?;
/// frame.fill(0xab);
/// socket.send(frame).map_err(|refused| refused.kind)?; // the frame is the kernel's now
/// socket.flush()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "xsk_socket")]
#[doc(alias = "xsk_socket__delete")]
pub struct Socket<'u, B: Backend> {
    pub(super) receiver: Receiver<'u>,
    pub(super) transmitter: Transmitter<'u>,
    pub(super) handle: Handle<'u, B>,
    pub(super) obtained: Obtained,
    pub(super) kicks: Kicks,
    pub(super) wakes: Wakes,
}

/// What the kernel granted, as read back after `bind(2)`.
///
/// ```
/// # use xskit_core::sim::{HeapMemory, SimNetwork, WireConfig};
/// # use xskit_core::umem::{FrameSize, FrameSlot, Umem};
/// # use xskit_core::{Socket, SocketConfig};
/// # let network = SimNetwork::new(WireConfig::perfect(), 1);
/// # let mut slots = vec![FrameSlot::new(); 64];
/// # let umem = Umem::new(HeapMemory::new(64 * 4096), &mut slots, FrameSize::DEFAULT)?;
/// # let backend = network.backend();
/// # let mut socket = Socket::open(&backend, &umem, &SocketConfig::new(1, 0))?;
/// let obtained = socket.obtained();
/// assert!(!obtained.zero_copy); // as of a driver that has no zero-copy mode
/// assert_eq!(obtained.filled, 32); // half of 64 frames
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "XDP_OPTIONS")]
#[doc(alias = "XDP_OPTIONS_ZEROCOPY")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Obtained {
    /// Packets go between NIC and UMEM without a copy.
    pub zero_copy: bool,
    /// Frames given to the fill ring: before `bind(2)`, or after it if the socket shares its UMEM.
    pub filled: u32,
    /// The most packets that one kick sends; `None` in zero-copy mode, where a kick only starts the
    /// driver's work.
    pub kick_budget: Option<NonZeroU32>,
    /// The outcome of the request for busy polling.
    pub busy_poll: BusyPolling,
}

/// How many packets a socket received and sent. The counts cost nothing per packet: they follow
/// from counters that the socket keeps anyway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PacketCounts {
    /// Taken off the RX ring.
    pub received: u64,
    /// Put on the TX ring.
    pub sent: u64,
}

impl<'u, B: Backend> Socket<'u, B> {
    /// Takes a free frame of the UMEM that the socket is open over, as
    /// [`Umem::alloc`](crate::umem::Umem::alloc) does.
    #[must_use]
    #[inline]
    pub fn alloc(&self) -> Option<Frame<'u>> {
        Frame::alloc(self.transmitter.pool)
    }

    /// Packets received in frames that the socket lent, and packets put on the TX ring, so far. The
    /// [`halves`](Self::halves) count completions and refused descriptors.
    #[must_use]
    pub fn traffic(&self) -> PacketCounts {
        PacketCounts {
            received: self.receiver.received(),
            sent: self.transmitter.sent(),
        }
    }

    /// Takes up to `max` packets off the RX ring.
    ///
    /// ```
    /// # use xskit_core::sim::{HeapMemory, SimNetwork, WireConfig};
    /// # use xskit_core::umem::{FrameSize, FrameSlot, Umem};
    /// # use xskit_core::{Socket, SocketConfig};
    /// # let network = SimNetwork::new(WireConfig::perfect(), 1);
    /// # let mut slots = vec![FrameSlot::new(); 64];
    /// # let umem = Umem::new(HeapMemory::new(64 * 4096), &mut slots, FrameSize::DEFAULT)?;
    /// # let backend = network.backend();
    /// let mut left = Socket::open(&backend, &umem, &SocketConfig::new(1, 0))?;
    /// let mut right = left.open_shared(&SocketConfig::new(2, 0))?;
    /// let mut frame = left.alloc().expect("a free frame");
    /// frame.set_range(0..60)?;
    /// left.send(frame).map_err(|refused| refused.kind)?;
    /// left.flush()?;
    /// for packet in right.receive(64) {
    ///     assert_eq!(packet.len(), 60);
    /// } // dropped: in the stash again
    /// right.recycle(); // and on the fill ring
    /// assert_eq!(right.halves().0.received(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "xsk_ring_cons__peek")]
    #[doc(alias = "xsk_ring_cons__rx_desc")]
    #[doc(alias = "consume")]
    #[inline]
    pub fn receive(&mut self, max: u32) -> Received<'_, 'u> {
        self.receiver.receive(max)
    }

    /// Puts a frame's packet on the TX ring. It goes out with the next [`flush`](Self::flush).
    ///
    /// # Errors
    /// [`SendError`] gives the frame back, with the [kind](super::SendErrorKind): `Full` if the
    /// ring is full, `Empty` if the packet is, `ForeignFrame` if the frame is of another UMEM.
    #[doc(alias = "xsk_ring_prod__tx_desc")]
    #[doc(alias = "produce")]
    #[inline]
    pub fn send(&mut self, frame: Frame<'u>) -> Result<(), SendError<'u>> {
        self.transmitter.send(frame)
    }

    /// Both halves at once, to pass frames from one to the other.
    ///
    /// They are views, so no ring can be moved from one socket to another and outlive its mapping:
    ///
    /// ```compile_fail,E0308
    /// fn mix<'u, B: xskit_core::Backend>(
    ///     a: &mut xskit_core::Socket<'u, B>,
    ///     b: &mut xskit_core::Socket<'u, B>,
    /// ) {
    ///     std::mem::swap(a.halves().0, b.halves().0); // no references to what owns the rings
    /// }
    /// ```
    #[must_use]
    #[inline]
    pub fn halves(&mut self) -> (RxHalf<'_, 'u>, TxHalf<'_, 'u>) {
        (RxHalf(&mut self.receiver), TxHalf(&mut self.transmitter))
    }

    /// Takes sent frames back into the stash, and tops up the fill ring from there.
    #[inline]
    pub fn recycle(&mut self) {
        self.transmitter.reap();
        self.receiver.refill();
    }

    /// Publishes what was sent, and makes the kicks and wakes that the kernel is owed.
    ///
    /// A device that is full for the moment leaves packets on the TX ring (`TxHalf::waiting`):
    /// flush again soon, whether or not there is anything new to send.
    ///
    /// With several sockets on one backend, [`request`](Self::request) for each and submit once.
    ///
    /// # Errors
    /// The errno of a kick, if it is not transient. [`Errno::kick_hint`] says what to try.
    #[doc(alias = "xsk_ring_prod__submit")]
    #[doc(alias = "produce_and_wakeup")]
    #[doc(alias = "wakeup")]
    #[doc(alias = "wake_tx")]
    #[inline]
    pub fn flush(&mut self) -> Result<(), Errno> {
        if self.request()? {
            let submitted = self.handle.backend().submit();
            submitted.inspect_err(|_| self.kicks.time_passed())
        } else {
            Ok(())
        }
    }

    /// Publishes what was sent, and requests from the backend the kicks and wakes that the kernel
    /// is owed, without submitting them. Returns whether there is anything to submit.
    ///
    /// A kick is owed for packets published since the last one, if the ring's flag asks for it. It
    /// is repeated only after a bounded number of flushes, or a wait, without progress. In copy
    /// mode, where a call sends a bounded number of packets, there are as many kicks as the packets
    /// need, and no more than progress warrants.
    ///
    /// # Errors
    /// The errno of a kick, if it is not transient.
    #[inline]
    pub fn request(&mut self) -> Result<bool, Errno> {
        let mut asked = false;
        let waiting = self.transmitter.publish();
        if waiting > 0 {
            let backlog = self.transmitter.backlog(waiting);
            let times = self.kicks.due(backlog, || self.transmitter.needs_wakeup());
            if times > 0 {
                let kicked = self.handle.kick(Kick::Transmit { times });
                kicked.inspect_err(|_| self.kicks.time_passed())?;
                asked = true;
            }
        }
        let polls = self.obtained.busy_poll.is_on() && self.receiver.rx.is_empty();
        if polls || self.wakes.is_due(&mut self.receiver) {
            self.handle.kick(Kick::Receive)?;
            asked = true;
        }
        Ok(asked)
    }

    /// What the kernel granted.
    #[must_use]
    pub fn obtained(&self) -> Obtained {
        self.obtained
    }

    /// The kernel's counters for this socket.
    ///
    /// # Errors
    /// The errno of `getsockopt(2)`.
    #[doc(alias = "XDP_STATISTICS")]
    #[doc(alias = "xdp_statistics")]
    pub fn statistics(&self) -> Result<Statistics, Errno> {
        self.handle.backend().statistics(self.handle.socket())
    }

    /// The backend's handle, to put into an XSKMAP or to wait on together with others.
    #[doc(alias = "xsk_socket__fd")]
    #[must_use]
    pub fn handle(&self) -> &B::Socket {
        self.handle.socket()
    }

    /// The backend that the socket was opened with.
    #[must_use]
    pub fn backend(&self) -> &B {
        self.handle.backend()
    }

    /// Where every frame of the UMEM is.
    #[must_use]
    pub fn accounting(&mut self) -> Accounting {
        Accounting::take(&mut self.receiver, &mut self.transmitter)
    }
}

/// The core's own cursors of a socket: what it knows beyond the words that it shares with the
/// kernel.
#[cfg(feature = "sim")]
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SocketCursors {
    pub fill: [Cursor; 3],
    pub completion: [Cursor; 2],
    pub rx: [Cursor; 2],
    pub tx: [Cursor; 3],
    pub doubt: [Cursor; 2],
}

#[cfg(feature = "sim")]
impl<B: Backend> Socket<'_, B> {
    /// All of the core's cursors, for a search that tells states apart.
    #[doc(hidden)]
    #[must_use]
    pub fn cursors(&self) -> SocketCursors {
        SocketCursors {
            fill: self.receiver.loans.fill.cursors(),
            completion: self.transmitter.completion.cursors(),
            rx: self.receiver.rx.cursors(),
            tx: self.transmitter.tx.cursors(),
            doubt: self.receiver.doubt(),
        }
    }
}

impl<B: Backend> fmt::Debug for Socket<'_, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("obtained", &self.obtained)
            .field("receiver", &self.receiver)
            .field("transmitter", &self.transmitter)
            .finish_non_exhaustive()
    }
}
