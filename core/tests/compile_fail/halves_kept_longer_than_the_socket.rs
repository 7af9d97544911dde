//! The halves are views: they end with the socket, whose rings are unmapped then.

use xskit_core::socket::TxHalf;
use xskit_core::{Backend, Socket};

fn keep<'a, 'u, B: Backend>(mut socket: Socket<'u, B>) -> TxHalf<'a, 'u> {
    socket.halves().1
}

fn main() {}
