//! The four rings, in time a descriptor: our end with the peer's work left out, and both ends.
//!
//! An iteration is a descriptor, so `time` is nanoseconds a descriptor at every batch size.

mod group;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use xskit_benches::descriptors::{BATCHES, STRETCH};
use xskit_benches::shared_ring::SharedRing;
use xskit_core::abi::Desc;
use xskit_core::ring::{
    AddressSlot, CompletionRing, Consumer, DescSlot, FillRing, Producer, RingSize, RxRing, Slot,
    TxRing,
};

const ADDRESS: u64 = 0x7_1000;
const PACKET: Desc = Desc {
    addr: ADDRESS,
    len: 64,
    options: 0,
};

fn fill(criterion: &mut Criterion) {
    let shared = SharedRing::<AddressSlot>::new(RingSize::DEFAULT);
    let (mut ours, mut peer) = (
        FillRing::new(shared.memory()),
        Consumer::new(shared.memory()),
    );
    let mut group = group::open(criterion, "ring/fill produce");
    for batch in BATCHES {
        group::measure(&mut group, batch, || {
            produce(&mut ours, &mut peer, batch, ADDRESS)
        });
    }
}

fn tx(criterion: &mut Criterion) {
    let shared = SharedRing::<DescSlot>::new(RingSize::DEFAULT);
    let (mut ours, mut peer) = (TxRing::new(shared.memory()), Consumer::new(shared.memory()));
    let mut group = group::open(criterion, "ring/TX produce");
    for batch in BATCHES {
        group::measure(&mut group, batch, || {
            produce(&mut ours, &mut peer, batch, PACKET)
        });
    }
}

fn rx(criterion: &mut Criterion) {
    let shared = SharedRing::<DescSlot>::new(RingSize::DEFAULT);
    let (mut ours, mut peer) = (RxRing::new(shared.memory()), Producer::new(shared.memory()));
    let mut group = group::open(criterion, "ring/RX consume");
    for batch in BATCHES {
        group::measure(&mut group, batch, || {
            consume(&mut ours, &mut peer, batch, PACKET)
        });
    }
}

fn completion(criterion: &mut Criterion) {
    let shared = SharedRing::<AddressSlot>::new(RingSize::DEFAULT);
    let (mut ours, mut peer) = (
        CompletionRing::new(shared.memory()),
        Producer::new(shared.memory()),
    );
    let mut group = group::open(criterion, "ring/completion consume");
    for batch in BATCHES {
        group::measure(&mut group, batch, || {
            consume(&mut ours, &mut peer, batch, ADDRESS)
        });
    }
}

/// Both ends in turn, so that each has to look at the other's cursor every time.
fn fill_both_ends(criterion: &mut Criterion) {
    let shared = SharedRing::<AddressSlot>::new(RingSize::DEFAULT);
    let (mut ours, mut peer) = (
        FillRing::new(shared.memory()),
        Consumer::new(shared.memory()),
    );
    let mut group = group::open(criterion, "ring/fill produce + consume");
    for batch in BATCHES {
        group::measure(&mut group, batch, || {
            pass(&mut ours, &mut peer, batch, ADDRESS)
        });
    }
}

/// As [`fill_both_ends`], with descriptors.
fn tx_both_ends(criterion: &mut Criterion) {
    let shared = SharedRing::<DescSlot>::new(RingSize::DEFAULT);
    let (mut ours, mut peer) = (TxRing::new(shared.memory()), Consumer::new(shared.memory()));
    let mut group = group::open(criterion, "ring/TX produce + consume");
    for batch in BATCHES {
        group::measure(&mut group, batch, || {
            pass(&mut ours, &mut peer, batch, PACKET)
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
    targets = fill, tx, rx, completion, fill_both_ends, tx_both_ends
}
criterion_main!(benches);
