//! Where every frame is.

use super::receiver::Receiver;
use super::transmitter::Transmitter;

/// Every frame of a socket's UMEM, in exactly one place.
///
/// The ledger records each frame's owner, and the rings' cursors show which ring it is on. A frame
/// that the kernel has and no ring shows is with the driver, or holds a packet in transit. While
/// packets pass, a frame that changes rings between two looks counts as in the kernel's hands.
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
/// let frame = socket.alloc().expect("a free frame");
/// let accounting = socket.accounting();
/// assert_eq!((accounting.application, accounting.fill, accounting.stash), (1, 32, 31));
/// assert!(accounting.is_whole());
/// # drop(frame);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Accounting {
    /// Free.
    pub stash: u32,
    /// In the program's hands.
    pub application: u32,
    /// On the fill ring.
    pub fill: u32,
    /// On the RX ring.
    pub rx: u32,
    /// With the kernel to receive into, on neither ring.
    pub receiving: u32,
    /// On the TX ring.
    pub tx: u32,
    /// On the completion ring.
    pub completion: u32,
    /// With the kernel to send, on neither ring.
    pub sending: u32,
    /// With the kernel, by other sockets that are open over the UMEM.
    pub elsewhere: u32,
    /// Out of use.
    pub retired: u32,
    /// All frames of the UMEM.
    pub frames: u32,
    /// Ring entries for which the ledger has no frame. Zero if the kernel is correct and idle.
    /// While it runs on another core, some may appear for a moment:
    /// - it shows the packets of a batch before it shows that it took their frames off the fill
    ///   ring (`xsk_flush`, net/xdp/xsk.c);
    /// - when it sends on a thread of its own (SQPOLL), it completes frames before it shows that it
    ///   took them off the TX ring.
    pub excess: u32,
}

impl Accounting {
    pub(super) fn take(receiver: &mut Receiver<'_>, transmitter: &mut Transmitter<'_>) -> Self {
        let census = receiver.pool.census();
        let (receive, transmit) = receiver.pool.count_with(receiver.socket());
        // The ring that frames arrive on is read before the one that they leave: a frame that the
        // kernel moves in between is seen on neither, and counts as in its hands, but never twice.
        let rx = receiver.rx.available();
        let fill = receiver.loans.fill.outstanding();
        let completion = transmitter.completion.available();
        let tx = transmitter.tx.outstanding() + transmitter.tx.uncommitted();
        Self {
            stash: receiver.pool.free(),
            application: census.application,
            fill,
            rx,
            receiving: receive.saturating_sub(fill + rx),
            tx,
            completion,
            sending: transmit.saturating_sub(tx + completion),
            elsewhere: (census.receive + census.transmit).saturating_sub(receive + transmit),
            retired: census.retired,
            frames: receiver.pool.frame_count(),
            excess: (fill + rx).saturating_sub(receive)
                + (tx + completion).saturating_sub(transmit),
        }
    }

    /// Whether every frame is in exactly one place.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.excess == 0
            && self.frames
                == self.stash
                    + self.application
                    + self.fill
                    + self.rx
                    + self.receiving
                    + self.tx
                    + self.completion
                    + self.sending
                    + self.elsewhere
                    + self.retired
    }
}
