//! A received frame borrows the UMEM, though it came out of the socket.

use xskit_core::umem::{Frame, FrameSize, FrameSlot, Memory, Umem};
use xskit_core::{Backend, Socket, SocketConfig};

fn escape<'u, M: Memory + 'static, B: Backend>(backend: &'u B, memory: M) -> Option<Frame<'u>> {
    let mut slots = vec![FrameSlot::new(); 4];
    let umem = Umem::new(memory, &mut slots, FrameSize::DEFAULT).ok()?;
    let mut socket = Socket::open(backend, &umem, &SocketConfig::new(1, 0)).ok()?;
    socket.receive(1).next()
}

fn main() {}
