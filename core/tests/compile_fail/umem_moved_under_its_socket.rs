//! A UMEM stays where it is while a socket borrows it.

use xskit_core::umem::{Memory, Umem};
use xskit_core::{Backend, Socket, SocketConfig};

fn moved<'s, M: Memory, B: Backend>(backend: &B, umem: Umem<'s, M>) -> Umem<'s, M> {
    let _socket = Socket::open(backend, &umem, &SocketConfig::new(1, 0));
    umem
}

fn main() {}
