//! The UMEM outlives its sockets: the kernel writes into it until they are closed.

use xskit_core::umem::{Memory, Umem};
use xskit_core::{Backend, Socket, SocketConfig};

fn too_early<M: Memory, B: Backend>(backend: &B, umem: Umem<'_, M>) {
    let socket = Socket::open(backend, &umem, &SocketConfig::new(1, 0));
    drop(umem);
    drop(socket);
}

fn main() {}
