//! A frame that can't be sent comes back, and is the program's again.
#![forbid(unsafe_code)]

use xskit_core::sim::{HeapMemory, SimNetwork, WireConfig};
use xskit_core::umem::{FrameSize, FrameSlot, Umem};
use xskit_core::{Socket, SocketConfig};

fn main() {
    let network = SimNetwork::new(WireConfig::perfect(), 1);
    let backend = network.backend();
    let mut slots = vec![FrameSlot::new(); 2];
    let umem = Umem::new(HeapMemory::new(2 * 4096), &mut slots, FrameSize::DEFAULT).unwrap();
    let mut socket = Socket::open(&backend, &umem, &SocketConfig::new(1, 0)).unwrap();
    let frame = umem.alloc().unwrap();
    let refused = socket.send(frame).unwrap_err();
    let mut frame = refused.frame;
    frame.set_range(0..60).unwrap();
    socket.send(frame).unwrap();
}
