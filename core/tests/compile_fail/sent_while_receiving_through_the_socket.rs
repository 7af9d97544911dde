//! While packets are taken off the RX ring the socket is in use; `halves` is how to send meanwhile.

use xskit_core::{Backend, Socket};

fn forward<B: Backend>(socket: &mut Socket<'_, B>) {
    for packet in socket.receive(8) {
        let _ = socket.send(packet);
    }
}

fn main() {}
