//! Nor can the rings be reached through the socket.

use xskit_core::ring::RxRing;
use xskit_core::{Backend, Socket};

fn ring<'u, B: Backend>(socket: Socket<'u, B>) -> RxRing<'u> {
    socket.receiver.rx
}

fn main() {}
