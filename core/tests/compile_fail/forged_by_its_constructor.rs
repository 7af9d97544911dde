//! A frame comes from a UMEM or a socket, never from a number.

use xskit_core::umem::{Frame, Memory, Umem};

fn forge<'u, M: Memory>(umem: &'u Umem<'_, M>) -> Frame<'u> {
    Frame::new(umem.pool(), 0, 0, 64)
}

fn main() {}
