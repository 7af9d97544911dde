//! Why a frame was not sent.

use crate::umem::{Frame, Pool};

/// A frame that was not sent, given back with the reason.
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
/// use xskit_core::socket::SendErrorKind;
///
/// let empty = socket.alloc().expect("a free frame");
/// let refused = socket.send(empty).expect_err("no packet in it");
/// assert_eq!(refused.kind, SendErrorKind::Empty);
/// let mut frame = refused.frame; // to try again, or to drop
/// frame.set_range(0..60)?;
/// assert!(socket.send(frame).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
#[non_exhaustive]
pub struct SendError<'u> {
    /// The reason.
    pub kind: SendErrorKind,
    /// The frame, still owned by the program.
    pub frame: Frame<'u>,
}

/// Why a frame was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// The TX ring is full: flush, and try again later.
    #[error("the TX ring is full: flush, and try again later")]
    Full,
    /// The frame's range is empty: say where the packet is with `Frame::set_range`.
    #[error("the packet is empty: set the frame's range first")]
    Empty,
    /// The frame is of another UMEM: copy the packet into a frame of the socket's.
    #[error("the frame is of another UMEM: copy the packet into a frame of the socket's UMEM")]
    ForeignFrame,
}

impl SendErrorKind {
    /// Why a socket of this UMEM can never send the frame, if so.
    #[inline]
    pub(super) fn of(frame: &Frame<'_>, pool: &Pool<'_>) -> Option<Self> {
        if !frame.is_of(pool) {
            Some(Self::ForeignFrame)
        } else if frame.is_empty() {
            Some(Self::Empty)
        } else {
            None
        }
    }
}
