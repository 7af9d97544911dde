//! Free slots of a ring, for a batch of values that come one at a time.

use super::{Cursor, RingMemory, Slot};

/// Slots to push into without reading the shared word again. See
/// [`Producer::free_slots`](super::Producer::free_slots).
#[must_use = "slots that nothing is pushed into stay free"]
#[derive(Debug)]
pub struct FreeSlots<'r, 'm, S: Slot> {
    memory: RingMemory<'m, S>,
    /// The ring's own cursor. Written with each value, so that nothing is left to be done at the
    /// end; never read, so that `next` stays in a register.
    ring_next: &'r mut Cursor,
    next: Cursor,
    end: Cursor,
}

impl<'r, 'm, S: Slot> FreeSlots<'r, 'm, S> {
    /// The `count` slots from the ring's cursor on, which are free.
    #[inline]
    pub(super) fn new(memory: RingMemory<'m, S>, ring_next: &'r mut Cursor, count: u32) -> Self {
        let next = *ring_next;
        Self {
            memory,
            ring_next,
            next,
            end: next.plus(count),
        }
    }

    /// How many are left.
    #[must_use]
    #[inline]
    pub fn left(&self) -> u32 {
        self.end.since(self.next)
    }

    /// Writes `value` into the next slot; the peer sees it after
    /// [`commit`](super::Producer::commit).
    ///
    /// # Errors
    /// [`Full`] if none is left.
    #[inline]
    pub fn push(&mut self, value: S::Value) -> Result<(), Full> {
        let slot = self.next;
        if slot == self.end {
            return Err(Full);
        }
        self.next = slot.plus(1);
        *self.ring_next = self.next;
        self.memory.slot(slot).store(value);
        Ok(())
    }
}

/// The ring has no free slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ring has no free slot: try again once the peer has taken values")]
pub struct Full;
