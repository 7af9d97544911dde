//! The UMEM outlives its frames.

use xskit_core::umem::{Memory, Umem};

fn too_early<M: Memory>(umem: Umem<'_, M>) -> usize {
    let frame = umem.alloc();
    drop(umem);
    frame.map_or(0, |frame| frame.len())
}

fn main() {}
