//! A descriptor's way round all four rings: with the frame's ownership, and without.
//!
//! Both go through the same rings with the same [`Peer`](crate::peer::Peer) on the other side, so
//! the difference between them is what ownership costs: tokens, stash and ledger.

use std::hint::black_box;

use xskit_core::abi::Desc;
use xskit_core::ring::{CompletionRing, FillRing, RingSize, RxRing, TxRing};
use xskit_core::umem::Umem;
use xskit_core::{Socket, SocketConfig};
use xskit_rustix::MmapMemory;

use crate::loopback::Loopback;
use crate::ring_view::RingViews;

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

/// Our ends of the four rings, without ownership: numbers from one ring go onto another.
#[derive(Debug)]
pub struct BareRings<'m> {
    fill: FillRing<'m>,
    completion: CompletionRing<'m>,
    rx: RxRing<'m>,
    tx: TxRing<'m>,
}

impl<'m> BareRings<'m> {
    /// Takes up our ends, with `batch` addresses on the fill and as many packets on the TX ring.
    #[must_use]
    pub fn new(rings: &RingViews<'m>, batch: u32) -> Self {
        let mut bare = Self {
            fill: FillRing::new(rings.fill.memory()),
            completion: CompletionRing::new(rings.completion.memory()),
            rx: RxRing::new(rings.rx.memory()),
            tx: TxRing::new(rings.tx.memory()),
        };
        for number in 0..u64::from(batch) {
            // Both rings are empty and longer than a batch.
            let _ = bare.fill.push(number << 13);
            let _ = bare.tx.push(packet((number << 13) + 4096));
        }
        bare.fill.commit();
        bare.tx.commit();
        bare
    }

    /// Puts up to `batch` received frames back onto the fill ring, and sends completed ones again.
    /// Returns how many packets it received. The peer's turn comes before.
    ///
    /// Never inlined, so that a profiler finds it by name.
    #[inline(never)]
    pub fn bare_turn(&mut self, batch: u32) -> u32 {
        let received = self.rx.drain(batch);
        let count = received.len() as u32;
        if self.fill.push_all(received.map(|desc| desc.addr)).is_err() {
            return 0;
        }
        self.fill.commit();
        if self
            .tx
            .push_all(self.completion.drain(batch).map(packet))
            .is_ok()
        {
            self.tx.commit();
        }
        count
    }
}

fn packet(addr: u64) -> Desc {
    Desc {
        addr,
        len: PACKET_LEN,
        options: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peer::Peer;
    use crate::shared_ring::SharedRings;
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

    #[test]
    fn bare_rings_pass_a_batch_every_turn() {
        let memory = SharedRings::new(RING_SIZE);
        let rings = memory.views();
        let (mut bare, mut peer) = (BareRings::new(&rings, 16), Peer::new(&rings));
        for _ in 0..100 {
            assert_eq!((peer.peer_turn(), bare.bare_turn(16)), (16, 16));
        }
    }
}
