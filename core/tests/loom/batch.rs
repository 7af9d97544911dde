//! Batches go the same way: what is pushed at once arrives, and is overwritten only when drained.
//! By iterators, and by slices.

use loom::sync::Arc;
use xskit_core::ring::{AddressSlot, Consumer, DescSlot, Producer, Slot};

use crate::beside::spawn;
use crate::explore;
use crate::shared::{Numbered, Shared};

/// How many values go at once, onto a ring that holds no more.
const BATCH: u64 = 2;

/// How many batches are pushed and drained at most.
const ROUNDS: u64 = 3;

/// How a batch that there is room for is pushed and committed, and what is there drained.
struct By<S: Slot> {
    push: fn(&mut Producer<'_, S>, &[S::Value]),
    drain: fn(&Shared<S>, &mut Consumer<'_, S>) -> Vec<u64>,
}

impl<S: Numbered> By<S> {
    const ITERATORS: Self = Self {
        push: |producer, values| {
            producer.push_all(values.iter().copied()).expect("reserved");
            producer.commit();
        },
        drain: |shared, consumer| {
            let look = |value| {
                let number = S::number(value);
                shared.behind(number).read();
                number
            };
            consumer.drain(BATCH as u32).map(look).collect()
        },
    };

    /// Nothing is read behind a slot, which is the peer's again when its value is looked at.
    const SLICES: Self = Self {
        push: |producer, values| assert_eq!(producer.push_from(values), BATCH as u32),
        drain: |_, consumer| {
            let mut places = [S::value(0); BATCH as usize];
            let count = consumer.drain_into(&mut places) as usize;
            places[..count].iter().copied().map(S::number).collect()
        },
    };
}

/// A full ring: one thread drains it, another fills it anew when there is room for a batch.
fn goes_round<S: Numbered>(by: By<S>) {
    let By {
        push: push_batch,
        drain: drain_batch,
    } = by;
    let pushed = explore("batches pushed", move || {
        let shared = Shared::<S>::holding(BATCH as usize, BATCH);
        let mut producer = shared.producing();
        let draining = spawn({
            let shared = Arc::clone(&shared);
            move |ready| {
                let mut consumer = shared.consuming();
                ready.set();
                (0..ROUNDS)
                    .flat_map(|_| drain_batch(&shared, &mut consumer))
                    .collect::<Vec<_>>()
            }
        });
        let pushed = push(&shared, &mut producer, push_batch);
        let mut arrived = draining.join().expect("draining");
        arrived.extend(shared.drain());
        assert_eq!(arrived, (1..=BATCH * (1 + pushed)).collect::<Vec<_>>());
        pushed
    });
    assert_eq!(pushed, (0..=ROUNDS).collect());
}

fn push<S: Numbered>(
    shared: &Shared<S>,
    producer: &mut Producer<'_, S>,
    push_batch: fn(&mut Producer<'_, S>, &[S::Value]),
) -> u64 {
    let mut pushed = 0;
    for _ in 0..ROUNDS {
        if producer.reserve(BATCH as u32) == BATCH as u32 {
            pushed += 1;
            let numbers = BATCH * pushed + 1..BATCH * (pushed + 1) + 1;
            let values: Vec<_> = numbers
                .inspect(|&number| shared.behind(number).write())
                .map(S::value)
                .collect();
            push_batch(producer, &values);
        }
    }
    pushed
}

#[test]
fn batches_of_addresses_go_round() {
    goes_round(By::<AddressSlot>::ITERATORS);
}

#[test]
fn batches_of_descriptors_go_round() {
    goes_round(By::<DescSlot>::ITERATORS);
}

#[test]
fn slices_of_addresses_go_round() {
    goes_round(By::<AddressSlot>::SLICES);
}

#[test]
fn slices_of_descriptors_go_round() {
    goes_round(By::<DescSlot>::SLICES);
}
