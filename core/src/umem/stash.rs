//! The free frames, last in first out, so that the warm ones go out again first.

use core::cell::Cell;
use core::fmt;

use super::ledger::{FrameIndex, FrameSlot, Ledger};

/// A stack of frame numbers in the second halves of a UMEM's [`FrameSlot`]s.
///
/// Its cells make it `!Sync`: all of a UMEM's tokens stay on one thread.
pub(super) struct Stash<'s> {
    slots: &'s [FrameSlot],
    len: Cell<u32>,
}

impl<'s> Stash<'s> {
    pub(super) fn new(slots: &'s [FrameSlot]) -> Self {
        Self {
            slots,
            len: Cell::new(0),
        }
    }

    /// Every frame of a ledger is free, the first on top.
    pub(super) fn hold_all(&self, ledger: Ledger<'_>) {
        self.len.set(0);
        self.push_many(ledger.frames().rev());
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<FrameIndex> {
        let below = self.len.get().checked_sub(1)?;
        let top = self.slots.get(below as usize)?;
        self.len.set(below);
        Some(top.free.get())
    }

    /// Puts a frame back. The stash has room for all frames of its UMEM, and refuses one more.
    #[inline]
    pub(super) fn push(&self, index: FrameIndex) -> bool {
        let len = self.len.get();
        let Some(slot) = self.slots.get(len as usize) else {
            return false;
        };
        slot.free.set(index);
        self.len.set(len + 1);
        true
    }

    /// Shows `take` the uppermost frames, at most `wanted`, the top one last. It returns how many
    /// of them it takes, counted from the top.
    #[inline]
    pub(super) fn pop_many(&self, wanted: u32, take: impl FnOnce(&[FrameSlot]) -> usize) -> usize {
        let len = self.len.get();
        let below = len.saturating_sub(wanted);
        let top = self.slots.get(below as usize..len as usize);
        let taken = take(top.unwrap_or_default());
        self.len.set(len.saturating_sub(taken as u32));
        taken
    }

    /// Puts back the frames that `frames` yields, as far as there is room. There is room for all of
    /// a UMEM's. Returns their number.
    #[inline]
    pub(super) fn push_many(&self, frames: impl Iterator<Item = FrameIndex>) -> u32 {
        let before = self.len.get();
        // There is room for every frame. Without room some would stay out of use.
        let mut room = self.slots.get(before as usize..).unwrap_or_default().iter();
        let mut len = before;
        frames.for_each(|index| {
            if let Some(slot) = room.next() {
                slot.free.set(index);
                len += 1;
            }
        });
        self.len.set(len);
        len - before
    }

    #[inline]
    pub(super) fn len(&self) -> u32 {
        self.len.get()
    }
}

impl fmt::Debug for Stash<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stash").field("len", &self.len()).finish()
    }
}
