//! A frame's way round through `Socket`: alloc, send, completion, reap, refill, receive, drop.
//!
//! An iteration is a descriptor that passes all four rings, the peer's part included. What rings
//! alone cost, and ownership on top of them, is `rivals`.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use xskit_benches::descriptors::{self, BATCHES, STRETCH};
use xskit_benches::loopback::Loopback;
use xskit_benches::{round_trip, veth};
use xskit_core::umem::FrameSlot;

fn socket(criterion: &mut Criterion) {
    let (mut slots, backend) = (
        vec![FrameSlot::new(); round_trip::FRAMES],
        Loopback::default(),
    );
    let umem = veth::umem(&mut slots);
    let mut socket = round_trip::socket(&backend, &umem);
    let mut group = criterion.benchmark_group("socket/round trip");
    group.throughput(Throughput::Elements(1));
    for batch in BATCHES {
        let mut stretch = || {
            let started = Instant::now();
            let turns =
                (0..STRETCH / batch).map(|_| round_trip::socket_turn(&umem, &mut socket, batch));
            let received: u32 = turns.sum();
            let elapsed = started.elapsed();
            assert_eq!(received, STRETCH, "a packet got lost: {socket:?}");
            elapsed
        };
        group.bench_function(BenchmarkId::new("batch", batch), |bencher| {
            bencher.iter_custom(|iters| descriptors::time(iters, &mut stretch));
        });
    }
    let at = socket.accounting();
    assert!(at.is_whole(), "{at:?}");
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    targets = socket
}
criterion_main!(benches);
