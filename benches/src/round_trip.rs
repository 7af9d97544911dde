//! A frame's way round all four rings of a socket, with a [`Peer`](crate::peer::Peer) on the other
//! side.

use std::hint::black_box;

use xskit_core::ring::RingSize;
use xskit_core::umem::Umem;
use xskit_core::{Socket, SocketConfig};
use xskit_rustix::MmapMemory;

use crate::loopback::Loopback;

/// Length of the packets in bytes, which are never written or read.
pub const PACKET_LEN: u32 = 64;

/// Frames of the UMEM: half of them lent to receive into.
pub const FRAMES: usize = 256;

/// Slots of each ring.
pub const RING_SIZE: RingSize = match RingSize::new(256) {
    Ok(size) => size,
    Err(_) => RingSize::DEFAULT,
};

/// A socket over the loopback backend, with rings of [`RING_SIZE`].
///
/// # Panics
/// When the backend already has a socket.
#[must_use]
pub fn socket<'u>(backend: &'u Loopback, umem: &'u Umem<'u, MmapMemory>) -> Socket<'u, Loopback> {
    let config = SocketConfig {
        fill: RING_SIZE,
        completion: RING_SIZE,
        rx: RING_SIZE,
        tx: RING_SIZE,
        ..SocketConfig::new(1, 0)
    };
    Socket::open(backend, umem, &config).expect("the backend's first socket")
}

/// Sends `batch` packets from fresh frames, receives and drops the `batch` that come back, and
/// recycles. The peer's turn is inside, in the kick. Returns how many were received.
///
/// Never inlined, so that a profiler finds it by name.
#[inline(never)]
pub fn socket_turn<'u>(
    umem: &'u Umem<'u, MmapMemory>,
    socket: &mut Socket<'u, Loopback>,
    batch: u32,
) -> u32 {
    for _ in 0..batch {
        let Some(mut frame) = umem.alloc() else { break };
        if frame.set_range(0..PACKET_LEN as usize).is_err() || socket.send(frame).is_err() {
            break;
        }
    }
    if socket.flush().is_err() {
        return 0;
    }
    let mut received = 0;
    for packet in socket.receive(batch) {
        received += 1;
        black_box(packet.as_ptr());
    }
    socket.recycle();
    received
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::veth;
    use xskit_core::umem::FrameSlot;

    #[test]
    fn every_packet_comes_back_and_every_frame_stays_accounted_for() {
        let (mut slots, backend) = (vec![FrameSlot::new(); FRAMES], Loopback::default());
        let umem = veth::umem(&mut slots);
        let mut socket = socket(&backend, &umem);
        for batch in [1, 16, 64] {
            for _ in 0..100 {
                assert_eq!(socket_turn(&umem, &mut socket, batch), batch);
            }
        }
        let at = socket.accounting();
        assert!(
            at.is_whole() && at.application + at.rx + at.completion == 0,
            "{at:?}"
        );
        let (receiver, transmitter) = socket.halves();
        assert_eq!((transmitter.sent(), transmitter.in_flight()), (8100, 0));
        assert_eq!(
            (receiver.bad_descriptors(), transmitter.bad_completions()),
            (0, 0)
        );
    }
}
