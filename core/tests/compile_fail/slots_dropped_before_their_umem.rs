//! The book-keeping outlives the UMEM that it is of.

use xskit_core::umem::{FrameSize, FrameSlot, Memory, Umem};

fn too_early<M: Memory>(memory: M) -> u32 {
    let umem = {
        let mut slots = vec![FrameSlot::new(); 4];
        Umem::new(memory, &mut slots, FrameSize::DEFAULT)
    };
    umem.map_or(0, |umem| umem.free())
}

fn main() {}
