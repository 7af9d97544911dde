//! The backend outlives its sockets: it is what closes them.

use xskit_core::umem::{Memory, Umem};
use xskit_core::{Backend, Socket, SocketConfig};

fn too_early<'u, M: Memory, B: Backend>(backend: B, umem: &'u Umem<'_, M>) {
    let socket = Socket::open(&backend, umem, &SocketConfig::new(1, 0));
    drop(backend);
    drop(socket);
}

fn main() {}
