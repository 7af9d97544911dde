//! A frame's way round through `Socket` (alloc, send, completion, reap, refill, receive, drop), and
//! the same descriptors through bare rings: the difference is what ownership costs.
//!
//! An iteration is a descriptor that passes all four rings, the peer's part included in both.

mod group;

use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use xskit_benches::descriptors::{BATCHES, STRETCH};
use xskit_benches::loopback::Loopback;
use xskit_benches::peer::{Peer, Rings};
use xskit_benches::round_trip::{self, BareRings, RING_SIZE};
use xskit_benches::shared_ring::SharedRing;
use xskit_core::umem::FrameSlot;

fn socket(criterion: &mut Criterion) {
    let (mut slots, backend) = (
        vec![FrameSlot::new(); round_trip::FRAMES],
        Loopback::default(),
    );
    let umem = round_trip::umem(&mut slots).expect("memory");
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
        let [fill, completion] = [(); 2].map(|()| SharedRing::new(RING_SIZE));
        let [rx, tx] = [(); 2].map(|()| SharedRing::new(RING_SIZE));
        let rings = Rings {
            fill: fill.memory(),
            completion: completion.memory(),
            rx: rx.memory(),
            tx: tx.memory(),
        };
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
