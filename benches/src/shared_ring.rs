//! The memory of one ring, with no kernel behind it.

use std::sync::atomic::AtomicU32;

use xskit_core::ring::{RingMemory, RingSize, Slot};

/// A shared word on a cache line of its own, as the kernel lays them out.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Word(AtomicU32);

/// The words and slots of one ring; both ends can be made over it.
#[derive(Debug)]
pub struct SharedRing<S> {
    producer: Word,
    consumer: Word,
    flags: Word,
    slots: Box<[S]>,
}

impl<S: Slot + Default> SharedRing<S> {
    /// An empty ring that asks for no wake-up.
    #[must_use]
    pub fn new(size: RingSize) -> Self {
        Self {
            producer: Word::default(),
            consumer: Word::default(),
            flags: Word::default(),
            slots: (0..size.slots()).map(|_| S::default()).collect(),
        }
    }

    /// The ring, for either end.
    ///
    /// # Panics
    /// Never: the number of slots is that of a [`RingSize`].
    #[must_use]
    pub fn memory(&self) -> RingMemory<'_, S> {
        RingMemory::new(
            &self.producer.0,
            &self.consumer.0,
            &self.flags.0,
            &self.slots,
        )
        .expect("a power of two")
    }
}
