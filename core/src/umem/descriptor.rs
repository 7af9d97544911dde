//! What the kernel returns, checked: descriptors of received packets, and addresses of sent frames.

use super::entry::{OnFillRing, SocketNumber};
use super::ledger::FrameIndex;
use super::pool::Pool;
use super::size::FrameSize;
use crate::abi::Desc;

impl Pool<'_> {
    /// RX ring to application, if the descriptor names a packet inside one frame that was lent to
    /// the kernel by this socket, and that the kernel has taken off the fill ring.
    #[inline]
    pub(super) fn accept(&self, desc: Desc, on_ring: OnFillRing) -> Option<FrameIndex> {
        let size = self.frames().size();
        if !is_in_frame(desc, size) {
            return None;
        }
        self.ledger.take_back_lent(size.number(desc.addr), on_ring)
    }

    /// Whether a descriptor names a packet inside one frame that is lent to the kernel by this
    /// socket.
    pub(crate) fn is_lent(&self, socket: SocketNumber, desc: Desc) -> bool {
        let size = self.frames().size();
        is_in_frame(desc, size) && self.ledger.is_lent(socket, size.number(desc.addr))
    }

    /// Completion ring to stash: those of the addresses that name a frame which the kernel had to
    /// send by this socket. Returns their number.
    #[inline]
    pub(crate) fn reclaim(
        &self,
        socket: SocketNumber,
        addresses: impl Iterator<Item = u64>,
    ) -> u32 {
        let (ledger, size) = (self.ledger, self.frames().size());
        self.stash.push_many(
            addresses.filter_map(|address| ledger.take_back_sent(socket, size.number(address))),
        )
    }
}

/// Whether a descriptor has no options and its packet lies inside one frame, whether or not such a
/// frame exists.
#[inline]
fn is_in_frame(desc: Desc, size: FrameSize) -> bool {
    // One comparison for both words: no option may be set, so they are never above a length.
    let len_options = u64::from(desc.options) << 32 | u64::from(desc.len);
    len_options <= u64::from(size.left(desc.addr))
}
