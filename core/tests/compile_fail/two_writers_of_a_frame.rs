//! One packet is one `&mut [u8]` at a time.

use xskit_core::umem::Frame;

fn both(frame: &mut Frame<'_>) {
    let packet: &mut [u8] = frame;
    let buffer = frame.buffer_mut();
    packet[0] = buffer[0];
}

fn main() {}
