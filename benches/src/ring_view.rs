//! A ring's raw words and slots, for code that plays the kernel.

use std::sync::atomic::{AtomicU32, Ordering};

use xskit_core::ring::{AddressSlot, DescSlot, RingMemory, Slot};

/// The words and slots of one ring.
#[derive(Debug)]
pub struct RingView<'m, S> {
    /// The published producer cursor.
    pub producer: &'m AtomicU32,
    /// The published consumer cursor.
    pub consumer: &'m AtomicU32,
    /// Whether the kernel asks to be woken.
    pub flags: &'m AtomicU32,
    /// A power of two of them.
    pub slots: &'m [S],
}

impl<S> Clone for RingView<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for RingView<'_, S> {}

impl<'m, S: Slot> RingView<'m, S> {
    /// The ring, for either end.
    ///
    /// # Panics
    /// When the number of slots is not a power of two.
    #[must_use]
    pub fn memory(&self) -> RingMemory<'m, S> {
        RingMemory::new(self.producer, self.consumer, self.flags, self.slots)
            .expect("a power of two")
    }

    /// The slot of a cursor.
    #[must_use]
    pub fn slot(&self, cursor: u32) -> &'m S {
        &self.slots[cursor as usize & (self.slots.len() - 1)]
    }
}

/// The four rings of one socket.
#[derive(Clone, Copy, Debug)]
pub struct RingViews<'m> {
    /// Empty frames to the kernel.
    pub fill: RingView<'m, AddressSlot>,
    /// Sent frames from the kernel.
    pub completion: RingView<'m, AddressSlot>,
    /// Received packets from the kernel.
    pub rx: RingView<'m, DescSlot>,
    /// Packets to send to the kernel.
    pub tx: RingView<'m, DescSlot>,
}

/// Advances a cursor with no other writer.
#[inline]
pub fn advance(word: &AtomicU32, slots: u32) {
    let moved = word.load(Ordering::Relaxed).wrapping_add(slots);
    word.store(moved, Ordering::Release);
}
