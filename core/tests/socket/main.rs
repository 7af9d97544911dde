//! The socket over the simulated kernel.
//!
//! `model/` compares every step of a socket with an oracle, in thousands of random runs and in every
//! interleaving of small worlds. The tests here show the API in use, and ask what the model can't:
//! for what a refusal says, for memory, for handles, and for the simulated network and its drivers.

use xskit_core::ring::RingSize;
use xskit_core::sim::{HeapMemory, SimBackend, SimNetwork, WireConfig};
use xskit_core::umem::{Frame, FrameSize, FrameSlot, Umem};
use xskit_core::{Socket, SocketConfig};

mod accounting;
mod busy_poll;
mod closing;
mod cycle;
mod frames;
mod kicks;
mod refusals;
mod shared;

const FRAME: usize = 4096;

type SimUmem<'s> = Umem<'s, HeapMemory>;
type SimSocket<'u> = Socket<'u, SimBackend>;

/// A network that delivers every packet at once.
fn network() -> SimNetwork {
    SimNetwork::new(WireConfig::perfect(), 1)
}

/// Has `act` use a backend and UMEMs of as many frames each.
fn with_umems<const UMEMS: usize>(
    network: &SimNetwork,
    frames: usize,
    act: impl for<'u> FnOnce(&'u SimBackend, [&'u SimUmem<'u>; UMEMS]),
) {
    let backend = network.backend();
    let mut slots = [(); UMEMS].map(|()| vec![FrameSlot::new(); frames]);
    let umems = slots.each_mut().map(|slots| umem(slots));
    act(&backend, umems.each_ref());
}

fn umem(slots: &mut [FrameSlot]) -> SimUmem<'_> {
    let memory = HeapMemory::new(slots.len() * FRAME);
    Umem::new(memory, slots, FrameSize::DEFAULT).expect("a UMEM")
}

fn size(slots: u32) -> RingSize {
    RingSize::new(slots).expect("a power of two")
}

fn config(ifindex: u32, slots: u32, fill_frames: u32) -> SocketConfig {
    let size = size(slots);
    SocketConfig {
        fill: size,
        completion: size,
        rx: size,
        tx: size,
        fill_frames: Some(fill_frames),
        ..SocketConfig::new(ifindex, 0)
    }
}

/// A frame with a packet of 60 bytes.
fn packet<'u>(umem: &'u SimUmem<'_>) -> Frame<'u> {
    let mut frame = umem.alloc().expect("a free frame");
    frame.set_range(0..60).expect("inside the frame");
    frame
}

/// Puts packets on the TX ring.
fn send<'u>(socket: &mut SimSocket<'u>, umem: &'u SimUmem<'_>, packets: u32) {
    for _ in 0..packets {
        socket.send(packet(umem)).expect("room");
    }
}

/// Sends a packet that carries `number`.
fn send_number<'u>(socket: &mut SimSocket<'u>, umem: &'u SimUmem<'_>, number: u64) {
    let mut frame = packet(umem);
    frame[..8].copy_from_slice(&number.to_be_bytes());
    frame[8..].fill(number as u8);
    socket.send(frame).expect("room");
    socket.flush().expect("a kick");
}

fn number_of(packet: &[u8]) -> u64 {
    let number = u64::from_be_bytes(packet[..8].try_into().expect("eight bytes"));
    let is_whole = packet[8..].iter().all(|byte| *byte == number as u8);
    assert!(is_whole, "a packet came out mixed up");
    number
}
