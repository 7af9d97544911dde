//! A frame's way round through `Socket` (alloc, send, completion, reap, refill, receive, drop), and
//! the same descriptors through bare rings: the difference is what ownership costs.
//!
//! An iteration is a descriptor that passes all four rings, the peer's part included in both.

mod group;

use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use xskit_benches::descriptors::{BATCHES, STRETCH};
use xskit_benches::loopback::Loopback;
use xskit_benches::peer::Peer;
use xskit_benches::round_trip::{self, BareRings, RING_SIZE};
use xskit_benches::shared_ring::SharedRings;
use xskit_benches::veth;
use xskit_core::umem::FrameSlot;

fn socket(criterion: &mut Criterion) {
    let (mut slots, backend) = (
        vec![FrameSlot::new(); round_trip::FRAMES],
        Loopback::default(),
    );
    let umem = veth::umem(&mut slots);
    let mut socket = round_trip::socket(&backend, &umem);
    let mut group = group::open(criterion, "socket/round trip");
    for batch in BATCHES {
        group::measure(&mut group, batch, || {
            let started = Instant::now();
            let turns =
                (0..STRETCH / batch).map(|_| round_trip::socket_turn(&umem, &mut socket, batch));
            let received: u32 = turns.sum();
            let elapsed = started.elapsed();
            assert_eq!(received, STRETCH, "a packet got lost: {socket:?}");
            elapsed
        });
    }
    let at = socket.accounting();
    assert!(at.is_whole(), "{at:?}");
}

fn bare(criterion: &mut Criterion) {
    let mut group = group::open(criterion, "socket/bare rings");
    for batch in BATCHES {
        let memory = SharedRings::new(RING_SIZE);
        let rings = memory.views();
        let (mut ours, mut peer) = (BareRings::new(&rings, batch), Peer::new(&rings));
        group::measure(&mut group, batch, || {
            let started = Instant::now();
            let turns = (0..STRETCH / batch).map(|_| {
                peer.peer_turn();
                ours.bare_turn(batch)
            });
            let received: u32 = turns.sum();
            let elapsed = started.elapsed();
            assert_eq!(received, STRETCH, "a packet got lost: {ours:?}");
            elapsed
        });
    }
}

criterion_group! {
    name = benches;
    config = group::config();
    targets = socket, bare
}
criterion_main!(benches);
