//! While slots of the TX ring are reserved the sending half is in use.

use xskit_core::{Backend, Socket, umem::Frame};

fn overtake<'u, B: Backend>(socket: &mut Socket<'u, B>, first: Frame<'u>, second: Frame<'u>) {
    let (_, mut transmitter) = socket.halves();
    let mut reservation = transmitter.reserve(2);
    let _ = transmitter.send(first);
    let _ = reservation.send(second);
}

fn main() {}
