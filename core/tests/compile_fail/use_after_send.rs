//! A frame that was sent is the kernel's: its bytes are out of reach.

use xskit_core::umem::Frame;
use xskit_core::{Backend, Socket};

fn peek<'u, B: Backend>(socket: &mut Socket<'u, B>, frame: Frame<'u>) -> u8 {
    let _ = socket.send(frame);
    frame[0]
}

fn main() {}
