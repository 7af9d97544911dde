//! Nor can they be written: not even those of the whole frame.

use xskit_core::umem::Frame;
use xskit_core::{Backend, Socket};

fn keep<'u, B: Backend>(socket: &mut Socket<'u, B>, mut frame: Frame<'u>) {
    let buffer: &mut [u8] = frame.buffer_mut();
    let _ = socket.send(frame);
    buffer[0] = 1;
}

fn main() {}
