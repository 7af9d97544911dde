//! The bytes of a frame that went back to the stash are its next owner's.

use xskit_core::umem::{Memory, Umem};

fn keep<M: Memory>(umem: &Umem<'_, M>) -> Option<u8> {
    let frame = umem.alloc()?;
    let packet: &[u8] = &frame;
    drop(frame);
    packet.first().copied()
}

fn main() {}
