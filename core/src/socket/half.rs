//! Views of a socket's two halves, to use both at once.

use super::receiver::{Received, Receiver};
use super::reservation::Reservation;
use super::send_error::SendError;
use super::transmitter::Transmitter;
use crate::umem::Frame;

/// The receiving half of a socket: lends frames to the kernel and takes the packets that come back
/// in them.
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
/// let (mut receiver, _) = socket.halves();
/// for packet in receiver.receive(64) {
///     println!("{} bytes", packet.len());
/// }
/// receiver.refill();
/// assert_eq!((receiver.received(), receiver.bad_descriptors()), (0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "RxQueue")]
#[doc(alias = "FillQueue")]
#[derive(Debug)]
pub struct RxHalf<'a, 'u>(pub(super) &'a mut Receiver<'u>);

impl<'u> RxHalf<'_, 'u> {
    /// Takes up to `max` packets off the RX ring, each as the [`Frame`] it came in.
    ///
    /// Slots go back to the kernel when the iterator is dropped; packets not taken stay queued.
    #[doc(alias = "xsk_ring_cons__peek")]
    #[doc(alias = "xsk_ring_cons__rx_desc")]
    #[doc(alias = "consume")]
    #[inline]
    pub fn receive(&mut self, max: u32) -> Received<'_, 'u> {
        self.0.receive(max)
    }

    /// Lends free frames to the kernel until it has as many as
    /// [`fill_frames`](super::SocketConfig::fill_frames) says. Returns the number lent.
    #[doc(alias = "xsk_ring_prod__fill_addr")]
    #[doc(alias = "produce")]
    #[inline]
    pub fn refill(&mut self) -> u32 {
        self.0.refill()
    }

    /// Whether the kernel asks to be woken to look at the fill ring.
    #[doc(alias = "xsk_ring_prod__needs_wakeup")]
    #[doc(alias = "XDP_RING_NEED_WAKEUP")]
    #[must_use]
    #[inline]
    pub fn needs_wakeup(&self) -> bool {
        self.0.needs_wakeup()
    }

    /// Packets taken off the RX ring so far.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.0.received()
    }

    /// Descriptors from the kernel that named no frame it had; each was dropped.
    #[must_use]
    pub fn bad_descriptors(&self) -> u64 {
        self.0.bad_descriptors()
    }
}

/// The sending half of a socket: hands packets to the kernel and takes their frames back.
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
/// let mut frame = socket.alloc().expect("a free frame");
/// frame.set_range(0..60)?;
/// socket.halves().1.send(frame).map_err(|refused| refused.kind)?;
/// socket.flush()?; // sent
///
/// let (_, mut transmitter) = socket.halves();
/// assert_eq!(transmitter.in_flight(), 1);
/// assert_eq!(transmitter.reap(), 1); // the frame is back
/// assert_eq!(transmitter.completed(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "TxQueue")]
#[doc(alias = "CompQueue")]
#[derive(Debug)]
pub struct TxHalf<'a, 'u>(pub(super) &'a mut Transmitter<'u>);

impl<'u> TxHalf<'_, 'u> {
    /// Up to `wanted` free slots of the TX ring, fewer if it has fewer. A batch sent from them
    /// looks for room once, and none of its packets lacks any.
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
    /// let (mut receiver, mut transmitter) = socket.halves();
    /// let mut reservation = transmitter.reserve(64);
    /// for packet in receiver.receive(reservation.len()) {
    ///     reservation.send(packet).map_err(|refused| refused.kind)?; // never for want of room
    /// }
    /// socket.flush()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[doc(alias = "xsk_ring_prod__reserve")]
    #[inline]
    pub fn reserve(&mut self, wanted: u32) -> Reservation<'_, 'u> {
        self.0.reserve(wanted)
    }

    /// Puts a frame's packet on the TX ring. The kernel sees it with the next flush. For several,
    /// [`reserve`](Self::reserve) costs less.
    ///
    /// # Errors
    /// [`SendError`] gives the frame back, with the [kind](super::SendErrorKind): `Full` if the
    /// ring is full, `Empty` if the packet is, `ForeignFrame` if the frame is of another UMEM.
    #[doc(alias = "xsk_ring_prod__tx_desc")]
    #[doc(alias = "produce")]
    #[inline]
    pub fn send(&mut self, frame: Frame<'u>) -> Result<(), SendError<'u>> {
        self.0.send(frame)
    }

    /// Takes every frame off the completion ring into the stash. Returns their number.
    #[doc(alias = "xsk_ring_cons__comp_addr")]
    #[doc(alias = "consume")]
    #[inline]
    pub fn reap(&mut self) -> u32 {
        self.0.reap()
    }

    /// How many published packets the kernel has not taken off the TX ring.
    #[must_use]
    #[inline]
    pub fn waiting(&mut self) -> u32 {
        self.0.tx.outstanding()
    }

    /// Packets handed over whose frames have not come back yet.
    #[must_use]
    #[inline]
    pub fn in_flight(&self) -> u64 {
        self.sent() - self.completed()
    }

    /// Packets handed over so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.0.sent()
    }

    /// Frames that came back so far.
    #[must_use]
    pub fn completed(&self) -> u64 {
        self.0.completed()
    }

    /// Completions that named no frame the kernel had to send; each was dropped.
    #[must_use]
    pub fn bad_completions(&self) -> u64 {
        self.0.bad_completions()
    }

    /// Whether the kernel asks to be kicked to look at the TX ring.
    #[doc(alias = "xsk_ring_prod__needs_wakeup")]
    #[doc(alias = "XDP_RING_NEED_WAKEUP")]
    #[must_use]
    #[inline]
    pub fn needs_wakeup(&self) -> bool {
        self.0.needs_wakeup()
    }
}
