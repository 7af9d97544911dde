//! A frame can't be sent twice.

use xskit_core::umem::Frame;
use xskit_core::{Backend, Socket};

fn twice<'u, B: Backend>(socket: &mut Socket<'u, B>, frame: Frame<'u>) {
    let _ = socket.send(frame);
    let _ = socket.send(frame);
}

fn main() {}
