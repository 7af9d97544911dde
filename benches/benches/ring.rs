//! The four rings, in time per descriptor: our end without the peer's work, and both ends.
//!
//! An iteration is a descriptor, so `time` is nanoseconds per descriptor at every batch size.

mod group;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use xskit_benches::descriptors::{BATCHES, STRETCH};
use xskit_benches::shared_ring::SharedRing;
use xskit_core::abi::Desc;
use xskit_core::ring::{AddressSlot, Consumer, DescSlot, Producer, RingSize, Slot};

const ADDRESS: u64 = 0x7_1000;
const PACKET: Desc = Desc {
    addr: ADDRESS,
    len: 64,
    options: 0,
};

fn rings(criterion: &mut Criterion) {
    produced::<AddressSlot>(criterion, "ring/fill produce", ADDRESS, produce);
    produced::<DescSlot>(criterion, "ring/TX produce", PACKET, produce);
    consumed::<DescSlot>(criterion, "ring/RX consume", PACKET);
    consumed::<AddressSlot>(criterion, "ring/completion consume", ADDRESS);
    // Both ends in turn, so that each has to look at the other's cursor every time.
    produced::<AddressSlot>(criterion, "ring/fill produce + consume", ADDRESS, pass);
    produced::<DescSlot>(criterion, "ring/TX produce + consume", PACKET, pass);
}

type Stretch<S> =
    fn(&mut Producer<'_, S>, &mut Consumer<'_, S>, u32, <S as Slot>::Value) -> Duration;

/// A fill or TX ring.
fn produced<S: Slot + Default>(
    criterion: &mut Criterion,
    name: &str,
    value: S::Value,
    stretch: Stretch<S>,
) {
    let shared = SharedRing::<S>::new(RingSize::DEFAULT);
    let (mut ours, mut peer) = (
        Producer::new(shared.memory()),
        Consumer::new(shared.memory()),
    );
    let mut group = group::open(criterion, name);
    for batch in BATCHES {
        group::measure(&mut group, batch, || {
            stretch(&mut ours, &mut peer, batch, value)
        });
    }
}

/// An RX or completion ring.
fn consumed<S: Slot + Default>(criterion: &mut Criterion, name: &str, value: S::Value) {
    let shared = SharedRing::<S>::new(RingSize::DEFAULT);
    let (mut ours, mut peer) = (
        Consumer::new(shared.memory()),
        Producer::new(shared.memory()),
    );
    let mut group = group::open(criterion, name);
    for batch in BATCHES {
        group::measure(&mut group, batch, || {
            consume(&mut ours, &mut peer, batch, value)
        });
    }
}

/// Times a stretch of our end producing; the peer empties the ring afterwards.
fn produce<S: Slot>(
    ours: &mut Producer<'_, S>,
    peer: &mut Consumer<'_, S>,
    batch: u32,
    value: S::Value,
) -> Duration {
    let started = Instant::now();
    for _ in 0..STRETCH / batch {
        push(ours, batch, value);
    }
    let elapsed = started.elapsed();
    assert_eq!(peer.peek(u32::MAX), STRETCH, "not what was pushed");
    pop(peer, STRETCH);
    elapsed
}

/// Times a stretch of our end consuming what the peer produced before.
fn consume<S: Slot>(
    ours: &mut Consumer<'_, S>,
    peer: &mut Producer<'_, S>,
    batch: u32,
    value: S::Value,
) -> Duration {
    push(peer, STRETCH, value);
    let started = Instant::now();
    for _ in 0..STRETCH / batch {
        pop(ours, batch);
    }
    let elapsed = started.elapsed();
    assert_eq!(ours.available(), 0, "not all was popped");
    elapsed
}

/// Times a stretch that goes through both ends, batch by batch.
fn pass<S: Slot>(
    ours: &mut Producer<'_, S>,
    peer: &mut Consumer<'_, S>,
    batch: u32,
    value: S::Value,
) -> Duration {
    let started = Instant::now();
    for _ in 0..STRETCH / batch {
        push(ours, batch, value);
        pop(peer, batch);
    }
    let elapsed = started.elapsed();
    assert_eq!(ours.outstanding(), 0, "not all was popped");
    elapsed
}

fn push<S: Slot>(ring: &mut Producer<'_, S>, batch: u32, value: S::Value) {
    for _ in 0..ring.reserve(batch) {
        if ring.push(black_box(value)).is_err() {
            break;
        }
    }
    ring.commit();
}

fn pop<S: Slot>(ring: &mut Consumer<'_, S>, batch: u32) {
    for _ in 0..ring.peek(batch) {
        let Some(value) = ring.pop() else { break };
        black_box(value);
    }
    ring.release();
}

criterion_group! {
    name = benches;
    config = group::config();
    targets = rings
}
criterion_main!(benches);
