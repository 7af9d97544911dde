//! The bytes of a packet can't be looked at once the kernel has it.

use xskit_core::umem::Frame;
use xskit_core::{Backend, Socket};

fn keep<'u, B: Backend>(socket: &mut Socket<'u, B>, frame: Frame<'u>) -> u8 {
    let packet: &[u8] = &frame;
    let _ = socket.send(frame);
    packet[0]
}

fn main() {}
