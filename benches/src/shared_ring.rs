//! The memory of one ring, with no kernel behind it.

use std::sync::atomic::AtomicU32;

use xskit_core::ring::{AddressSlot, DescSlot, RingMemory, RingSize, Slot};

use crate::ring_view::{RingView, RingViews};

/// A shared word on its own cache line, as in the kernel.
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

    /// The words and slots, for code that plays the kernel.
    #[must_use]
    pub fn view(&self) -> RingView<'_, S> {
        RingView {
            producer: &self.producer.0,
            consumer: &self.consumer.0,
            flags: &self.flags.0,
            slots: &self.slots,
        }
    }

    /// The ring, for either end.
    #[must_use]
    pub fn memory(&self) -> RingMemory<'_, S> {
        self.view().memory()
    }
}

/// The four rings of one socket.
#[derive(Debug)]
pub struct SharedRings {
    fill: SharedRing<AddressSlot>,
    completion: SharedRing<AddressSlot>,
    rx: SharedRing<DescSlot>,
    tx: SharedRing<DescSlot>,
}

impl SharedRings {
    /// Four empty rings of one size.
    #[must_use]
    pub fn new(size: RingSize) -> Self {
        Self {
            fill: SharedRing::new(size),
            completion: SharedRing::new(size),
            rx: SharedRing::new(size),
            tx: SharedRing::new(size),
        }
    }

    /// The words and slots of all four.
    #[must_use]
    pub fn views(&self) -> RingViews<'_> {
        RingViews {
            fill: self.fill.view(),
            completion: self.completion.view(),
            rx: self.rx.view(),
            tx: self.tx.view(),
        }
    }
}
