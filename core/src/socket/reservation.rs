//! Slots of the TX ring, reserved for a batch.

use super::send_error::{SendError, SendErrorKind};
use crate::ring::{DescSlot, FreeSlots};
use crate::umem::{Frame, Pool, SocketNumber};

/// Slots of the TX ring to send a batch from, counted once. See
/// [`TxHalf::reserve`](super::TxHalf::reserve).
///
/// A reservation borrows the sending half. Dropping it leaves sent packets sent, and the other
/// slots free.
#[must_use = "slots that nothing is sent from stay free"]
#[derive(Debug)]
pub struct Reservation<'r, 'u> {
    pool: &'u Pool<'u>,
    /// The socket's number among its UMEM's.
    socket: SocketNumber,
    slots: FreeSlots<'r, 'u, DescSlot>,
}

impl<'r, 'u> Reservation<'r, 'u> {
    #[inline]
    pub(super) fn new(
        pool: &'u Pool<'u>,
        socket: SocketNumber,
        slots: FreeSlots<'r, 'u, DescSlot>,
    ) -> Self {
        Self {
            pool,
            socket,
            slots,
        }
    }

    /// How many packets can still be sent.
    #[must_use]
    #[inline]
    pub fn len(&self) -> u32 {
        self.slots.left()
    }

    /// Whether no more packets can be sent: the slots are used up, or the TX ring was full.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a free frame of the UMEM, as [`Umem::alloc`](crate::umem::Umem::alloc) does.
    #[must_use]
    #[inline]
    pub fn alloc(&self) -> Option<Frame<'u>> {
        Frame::alloc(self.pool)
    }

    /// Puts a frame's packet on the TX ring; the kernel sees it with the next flush.
    ///
    /// # Errors
    /// [`SendError`] gives the frame back and leaves the slot free: [`SendErrorKind::Empty`] if the
    /// packet is empty, [`SendErrorKind::ForeignFrame`] if the frame is of another UMEM,
    /// [`SendErrorKind::Full`] if all slots are used.
    #[inline]
    pub fn send(&mut self, frame: Frame<'u>) -> Result<(), SendError<'u>> {
        if let Some(kind) = SendErrorKind::of(&frame, self.pool) {
            return Err(SendError { kind, frame });
        }
        if self.is_empty() {
            return Err(SendError {
                kind: SendErrorKind::Full,
                frame,
            });
        }
        // There is a slot, so this cannot be full. If it were, the frame would stay out of use in
        // the ledger, which is sound.
        let _ = self.slots.push(frame.into_transmit(self.socket));
        Ok(())
    }
}
