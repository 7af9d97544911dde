//! The book-keeping outlives the UMEM that it is of.

use xskit_core::umem::{FrameSize, FrameStore, Memory, Umem};

fn too_early<M: Memory>(memory: M) -> u32 {
    let umem = {
        let mut store = FrameStore::<4>::new();
        Umem::new(memory, &mut store, FrameSize::DEFAULT)
    };
    umem.map_or(0, |umem| umem.free())
}

fn main() {}
