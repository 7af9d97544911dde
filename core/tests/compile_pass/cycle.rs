//! The right use, in safe code: two sockets, a packet there and back, everything dropped in order.
#![forbid(unsafe_code)]

use xskit_core::sim::{HeapMemory, SimNetwork, WireConfig};
use xskit_core::umem::{FrameSize, FrameSlot, Umem};
use xskit_core::{Socket, SocketConfig};

fn main() {
    let network = SimNetwork::new(WireConfig::perfect(), 1);
    let backend = network.backend();
    let (mut near_slots, mut far_slots) = (vec![FrameSlot::new(); 16], vec![FrameSlot::new(); 16]);
    let memory = || HeapMemory::new(16 * 4096);
    let near_umem = Umem::new(memory(), &mut near_slots, FrameSize::DEFAULT).unwrap();
    let far_umem = Umem::new(memory(), &mut far_slots, FrameSize::DEFAULT).unwrap();
    let mut near = Socket::open(&backend, &near_umem, &SocketConfig::new(1, 0)).unwrap();
    let mut far = Socket::open(&backend, &far_umem, &SocketConfig::new(2, 0)).unwrap();

    let mut frame = near_umem.alloc().unwrap();
    frame.set_range(0..60).unwrap();
    frame[..6].fill(2);
    near.send(frame).unwrap();
    near.flush().unwrap();
    network.pass_time();

    let (mut receiver, mut transmitter) = far.halves();
    let mut reservation = transmitter.reserve(8);
    for mut packet in receiver.receive(reservation.len()) {
        packet[..12].rotate_left(6); // back where it came from
        reservation.send(packet).unwrap();
    }
    far.flush().unwrap();
    network.pass_time();

    let kept: Vec<_> = near.receive(8).collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0][6..12], [2; 6]);
    drop(near); // a frame may outlive its socket, not its UMEM
    assert_eq!(kept[0].len(), 60);
}
