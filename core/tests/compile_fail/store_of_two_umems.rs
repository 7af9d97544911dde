//! One store keeps the book of one UMEM at a time.

use xskit_core::umem::{FrameSize, FrameStore, Memory, Umem};

fn both<M: Memory>(one: M, other: M) -> u32 {
    let mut store = FrameStore::<4>::new();
    let one = Umem::new(one, &mut store, FrameSize::DEFAULT);
    let other = Umem::new(other, &mut store, FrameSize::DEFAULT);
    one.map_or(0, |umem| umem.free()) + other.map_or(0, |umem| umem.free())
}

fn main() {}
