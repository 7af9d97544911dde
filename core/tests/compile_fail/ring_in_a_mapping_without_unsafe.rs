//! To believe in a mapping takes `unsafe`.

use std::ptr::NonNull;

use xskit_core::abi::RingOffset;
use xskit_core::ring::{AddressSlot, FillRing, RingMemory, RingSize};

fn believe(base: NonNull<u8>, offsets: &RingOffset) -> Option<FillRing<'static>> {
    RingMemory::<AddressSlot>::from_map(base, 4096, offsets, RingSize::DEFAULT)
        .ok()
        .map(FillRing::new)
}

fn main() {}
