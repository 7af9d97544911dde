//! There is one receiving half of a socket at a time.

use xskit_core::{Backend, Socket};

fn twice<B: Backend>(socket: &mut Socket<'_, B>) -> u32 {
    let (mut one, _) = socket.halves();
    let (mut other, _) = socket.halves();
    one.refill() + other.refill()
}

fn main() {}
