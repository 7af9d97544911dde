//! A received frame can't be sent twice through the transmitting half either.

use xskit_core::{Backend, Socket};

fn twice<B: Backend>(socket: &mut Socket<'_, B>) {
    let (mut receiver, mut transmitter) = socket.halves();
    for packet in receiver.receive(1) {
        let _ = transmitter.send(packet);
        let _ = transmitter.send(packet);
    }
}

fn main() {}
