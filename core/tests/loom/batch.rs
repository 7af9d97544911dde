//! Batches go the same way: what is pushed at once arrives, and is overwritten only when drained.

use loom::sync::Arc;
use xskit_core::ring::{AddressSlot, Consumer, DescSlot, Producer};

use crate::beside::spawn;
use crate::explore;
use crate::shared::{Numbered, Shared};

/// How many values go at once, onto a ring that holds no more.
const BATCH: u64 = 2;

/// How many batches are pushed and drained at most.
const ROUNDS: u64 = 3;

/// A full ring: one thread drains it, another fills it anew when there is room for a batch.
fn goes_round<S: Numbered>() {
    let pushed = explore("batches pushed", || {
        let shared = Shared::<S>::holding(BATCH as usize, BATCH);
        let mut producer = shared.producing();
        let draining = spawn({
            let shared = Arc::clone(&shared);
            move |ready| {
                let mut consumer = shared.consuming();
                ready.set();
                drain(&shared, &mut consumer)
            }
        });
        let pushed = push(&shared, &mut producer);
        let mut arrived = draining.join().expect("draining");
        arrived.extend(shared.drain());
        assert_eq!(arrived, (1..=BATCH * (1 + pushed)).collect::<Vec<_>>());
        pushed
    });
    assert_eq!(pushed, (0..=ROUNDS).collect());
}

fn drain<S: Numbered>(shared: &Shared<S>, consumer: &mut Consumer<'_, S>) -> Vec<u64> {
    let mut drained = Vec::new();
    for _ in 0..ROUNDS {
        drained.extend(consumer.drain(BATCH as u32).map(|value| {
            let number = S::number(value);
            shared.behind(number).read();
            number
        }));
    }
    drained
}

fn push<S: Numbered>(shared: &Shared<S>, producer: &mut Producer<'_, S>) -> u64 {
    let mut pushed = 0;
    for _ in 0..ROUNDS {
        if producer.reserve(BATCH as u32) == BATCH as u32 {
            pushed += 1;
            let numbers = BATCH * pushed + 1..BATCH * (pushed + 1) + 1;
            let values: Vec<_> = numbers
                .inspect(|&number| shared.behind(number).write())
                .map(S::value)
                .collect();
            producer.push_all(values.into_iter()).expect("reserved");
            producer.commit();
        }
    }
    pushed
}

#[test]
fn batches_of_addresses_go_round() {
    goes_round::<AddressSlot>();
}

#[test]
fn batches_of_descriptors_go_round() {
    goes_round::<DescSlot>();
}
