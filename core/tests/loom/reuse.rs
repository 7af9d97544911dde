//! A slot is written again only when the peer is done with it.

use loom::sync::Arc;
use xskit_core::ring::{AddressSlot, Consumer, DescSlot, Producer};

use crate::beside::spawn;
use crate::explore;
use crate::shared::{Numbered, Shared};

/// How many values more are pushed onto the full ring, and how many are popped.
const ROUND: u64 = 3;

/// A full ring: one thread pops, reading the memory behind each slot before it releases it;
/// another writes that memory anew as soon as it may push there.
fn is_ordered<S: Numbered>(slots: usize) {
    let pushed = explore(&format!("a full ring of {slots}"), move || {
        let full = slots as u64;
        let shared = Shared::<S>::holding(slots, full);
        let mut producer = shared.producing();
        let reading = spawn({
            let shared = Arc::clone(&shared);
            move |ready| {
                let mut consumer = shared.consuming();
                ready.set();
                read(&shared, &mut consumer)
            }
        });
        let pushed = write(&shared, &mut producer, full);
        let mut arrived = reading.join().expect("reading");
        arrived.extend(shared.drain());
        assert_eq!(arrived, (1..=pushed).collect::<Vec<_>>());
        pushed - full
    });
    assert_eq!(pushed, (0..=ROUND).collect());
}

fn read<S: Numbered>(shared: &Shared<S>, consumer: &mut Consumer<'_, S>) -> Vec<u64> {
    let mut read = Vec::new();
    for _ in 0..ROUND {
        if let Some(value) = consumer.pop() {
            let number = S::number(value);
            shared.behind(number).read();
            consumer.release();
            read.push(number);
        }
    }
    read
}

fn write<S: Numbered>(shared: &Shared<S>, producer: &mut Producer<'_, S>, mut pushed: u64) -> u64 {
    for _ in 0..ROUND {
        if producer.reserve(1) == 1 {
            pushed += 1;
            shared.behind(pushed).write();
            producer.push(S::value(pushed)).expect("reserved");
            producer.commit();
        }
    }
    pushed
}

#[test]
fn slots_of_a_ring_of_1_are_written_when_free() {
    is_ordered::<AddressSlot>(1);
}

#[test]
fn slots_of_a_ring_of_2_are_written_when_free() {
    is_ordered::<DescSlot>(2);
}

#[test]
fn slots_of_a_ring_of_4_are_written_when_free() {
    is_ordered::<DescSlot>(4);
}
