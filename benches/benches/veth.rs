//! Packets per second over a veth pair, with real sockets: sent, received and dropped, and sent
//! back.
//!
//! An iteration is a packet of 60 bytes. Two hosts are made of network namespaces and gone at the
//! end; without the privilege for that, the benchmark says so and does nothing.

use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use xskit_benches::stop::Stop;
use xskit_benches::worker::{Orders, Worker};
use xskit_benches::{turns, veth};
use xskit_core::Socket;
use xskit_core::backend::Interest;
use xskit_core::socket::Patience;
use xskit_core::umem::FrameSlot;
use xskit_rustix::RustixBackend;
use xskit_testbed::Host;

/// Looks at an empty ring before the kernel is asked to wait.
const LOOKS: u32 = 2000;

/// A longer wait is an error.
const LOST: Duration = Duration::from_secs(10);

fn veth(criterion: &mut Criterion) {
    let Some(pair) = veth::hosts("bench veth") else {
        return;
    };
    let (ours, other) = (&pair.second, &pair.first);
    measure(criterion, "tx", ours, |orders| {
        transmit(ours, other, orders)
    });
    let stop = Stop::default();
    thread::scope(|scope| {
        scope.spawn(|| flood(other, ours, &stop));
        let _stop = stop.on_drop();
        measure(criterion, "rx", ours, |orders| receive(ours, orders));
        measure(criterion, "fwd", ours, |orders| forward(ours, orders));
    });
}

fn measure(criterion: &mut Criterion, name: &str, host: &Host, task: impl FnOnce(&Orders) + Send) {
    let mut group = criterion.benchmark_group("veth");
    group
        .throughput(Throughput::Elements(1))
        .sampling_mode(SamplingMode::Flat)
        .sample_size(10);
    thread::scope(|scope| {
        let worker = Worker::start(scope, host, task);
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|packets| worker.sample(packets))
        });
    });
}

/// Sends packets that the other host drops at once; a packet counts when its frame is back.
fn transmit(host: &Host, to: &Host, orders: &Orders) {
    let (mut slots, backend) = (vec![FrameSlot::new(); veth::FRAMES], RustixBackend::new());
    let umem = veth::umem(&mut slots);
    veth::write_all(&umem, &veth::headers_to_nobody(host, to), veth::PACKET_LEN);
    let mut socket = veth::socket(host, &backend, &umem, 0);
    orders.answer(|packets| {
        let enough = socket.halves().1.completed() + packets;
        let started = Instant::now();
        while socket.halves().1.completed() < enough {
            turns::send(&mut socket, veth::PACKET_LEN);
        }
        started.elapsed()
    });
}

/// Receives packets and drops them.
fn receive(host: &Host, orders: &Orders) {
    let (mut slots, backend) = (vec![FrameSlot::new(); veth::FRAMES], RustixBackend::new());
    let umem = veth::umem(&mut slots);
    let mut socket = veth::socket(host, &backend, &umem, veth::FRAMES as u32);
    let _attached = veth::attach(host, &socket);
    orders.answer(|packets| {
        skip_old(&mut socket);
        until(&mut socket, packets, turns::receive)
    });
}

/// Sends packets back, in the frames that they came in.
fn forward(host: &Host, orders: &Orders) {
    let (mut slots, backend) = (vec![FrameSlot::new(); veth::FRAMES], RustixBackend::new());
    let umem = veth::umem(&mut slots);
    let mut socket = veth::socket(host, &backend, &umem, veth::FRAMES as u32 / 2);
    let _attached = veth::attach(host, &socket);
    orders.answer(|packets| {
        skip_old(&mut socket);
        until(&mut socket, packets, turns::send_back)
    });
}

/// Drops packets from before the measurement.
fn skip_old(socket: &mut Socket<'_, RustixBackend>) {
    socket.receive(u32::MAX).for_each(drop);
    socket.recycle();
    socket.flush().expect("a kick");
}

/// Takes turns for `enough` packets, and waits where there are none.
fn until(
    socket: &mut Socket<'_, RustixBackend>,
    enough: u64,
    turn: impl Fn(&mut Socket<'_, RustixBackend>) -> u64,
) -> Duration {
    let mut patience = Patience::new(LOOKS);
    let mut packets = 0;
    let started = Instant::now();
    while packets < enough {
        let moved = turn(socket);
        packets += moved;
        if patience.is_over(moved > 0) {
            let came = socket.wait(Interest::RECEIVE, Some(LOST)).expect("poll");
            assert!(came, "no packet came in {LOST:?}: {socket:?}");
        }
    }
    started.elapsed()
}

/// Sends packets for [`veth::PORT`] of a host, as fast as they go, until told to stop.
fn flood(from: &Host, to: &Host, stop: &Stop) {
    from.namespace.enter().expect("in the host");
    let (mut slots, backend) = (vec![FrameSlot::new(); veth::FRAMES], RustixBackend::new());
    let umem = veth::umem(&mut slots);
    veth::write_all(
        &umem,
        &veth::headers_from_nobody(from, to),
        veth::PACKET_LEN,
    );
    let mut socket = veth::socket(from, &backend, &umem, 0);
    while !stop.is_set() {
        turns::send(&mut socket, veth::PACKET_LEN);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4));
    targets = veth
}
criterion_main!(benches);
