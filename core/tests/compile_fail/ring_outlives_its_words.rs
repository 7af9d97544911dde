//! A ring over words of one's own ends with them.

use std::sync::atomic::AtomicU32;

use xskit_core::ring::{AddressSlot, FillRing, RingMemory};

fn dangle<'m>(slots: &'m [AddressSlot]) -> Option<FillRing<'m>> {
    let word = AtomicU32::new(0);
    RingMemory::new(&word, &word, &word, slots)
        .ok()
        .map(FillRing::new)
}

fn main() {}
