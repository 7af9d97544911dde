//! Bare rings over words of one's own need no `unsafe`: without a kernel they move numbers only.
#![forbid(unsafe_code)]

use std::sync::atomic::AtomicU32;

use xskit_core::ring::{AddressSlot, CompletionRing, FillRing, RingMemory};

fn main() {
    let (producer, consumer, flags) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
    let slots: [AddressSlot; 4] = Default::default();
    let memory = RingMemory::new(&producer, &consumer, &flags, &slots).unwrap();
    let mut there = FillRing::new(memory);
    let mut here = CompletionRing::new(memory);
    there.push(4096).unwrap();
    there.commit();
    assert_eq!(here.pop(), Some(4096));
    here.release();
}
