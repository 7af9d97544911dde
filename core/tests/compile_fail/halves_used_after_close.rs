//! A half can't be used after its socket was closed.

use xskit_core::{Backend, Socket};

fn late<B: Backend>(mut socket: Socket<'_, B>) -> u32 {
    let (mut receiver, _) = socket.halves();
    drop(socket);
    receiver.refill()
}

fn main() {}
