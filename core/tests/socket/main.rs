//! The socket over the simulated kernel: the cycle of the frames, and what goes wrong.

use xskit_core::ring::RingSize;
use xskit_core::sim::{HeapMemory, SimBackend};
use xskit_core::umem::{FrameSize, FrameSlot, Umem};
use xskit_core::{Socket, SocketConfig};

mod accounting;
mod closing;
mod cycle;
mod frames;
mod reservation;

const FRAME: usize = 4096;

type SimUmem<'s> = Umem<'s, HeapMemory>;

fn config(ifindex: u32, slots: u32, fill_frames: u32) -> SocketConfig {
    let size = RingSize::new(slots).expect("a power of two");
    let base = SocketConfig::new(ifindex, 0);
    SocketConfig {
        fill: size,
        completion: size,
        rx: size,
        tx: size,
        fill_frames: Some(fill_frames),
        ..base
    }
}

fn umem(slots: &mut [FrameSlot]) -> SimUmem<'_> {
    let memory = HeapMemory::new(slots.len() * FRAME);
    Umem::new(memory, slots, FrameSize::DEFAULT).expect("a UMEM")
}

/// Puts a packet that carries `number` on the TX ring, if there is a frame and a slot.
fn send_number<'u>(
    socket: &mut Socket<'u, SimBackend>,
    umem: &'u SimUmem<'_>,
    number: u64,
) -> bool {
    let Some(mut frame) = umem.alloc() else {
        return false;
    };
    frame.set_range(100..160).expect("inside the frame");
    frame[..8].copy_from_slice(&number.to_be_bytes());
    frame[8..].fill(number as u8);
    socket.halves().1.send(frame).is_ok()
}

fn number_of(packet: &[u8]) -> u64 {
    let number = u64::from_be_bytes(packet[..8].try_into().expect("eight bytes"));
    assert!(
        packet[8..].iter().all(|byte| *byte == number as u8),
        "a packet came out mixed up"
    );
    number
}
