//! Slots keep the book of one UMEM at a time.

use xskit_core::umem::{FrameSize, FrameSlot, Memory, Umem};

fn both<M: Memory>(one: M, other: M) -> u32 {
    let mut slots = vec![FrameSlot::new(); 4];
    let one = Umem::new(one, &mut slots, FrameSize::DEFAULT);
    let other = Umem::new(other, &mut slots, FrameSize::DEFAULT);
    one.map_or(0, |umem| umem.free()) + other.map_or(0, |umem| umem.free())
}

fn main() {}
