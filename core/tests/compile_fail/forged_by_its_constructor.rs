//! A frame comes from a UMEM or a socket, never from a number.

use xskit_core::umem::{Frame, Memory, Umem};

fn forge<M: Memory>(umem: &Umem<'_, M>) {
    let _ = umem.pool();
    let _ = Frame::new;
}

fn main() {}
