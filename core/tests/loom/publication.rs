//! What is committed arrives: each value once, in order, whole.

use loom::sync::Arc;
use xskit_core::ring::{AddressSlot, Consumer, DescSlot, Producer};

use crate::beside::spawn;
use crate::explore;
use crate::shared::{Numbered, Shared};

/// One thread pushes `values` values, `batch` to a commit, as far as there is room; another pops
/// what it finds, as often as there are values.
fn arrives<S: Numbered>(slots: usize, values: u64, batch: u64) {
    let name = format!("{values} values, {batch} at once, over {slots} slots");
    let popped = explore(&name, move || {
        let shared = Shared::<S>::new(slots);
        let mut producer = shared.producing();
        let popping = spawn({
            let shared = Arc::clone(&shared);
            move |ready| {
                let mut consumer = shared.consuming();
                ready.set();
                pop(&mut consumer, values)
            }
        });
        let pushed = push(&mut producer, values, batch);
        let mut arrived = popping.join().expect("popping");
        let popped = arrived.len() as u64;
        arrived.extend(shared.drain());
        assert_eq!(arrived, (1..=pushed).collect::<Vec<_>>());
        popped
    });
    assert_eq!(popped, (0..=values).collect());
}

fn push<S: Numbered>(producer: &mut Producer<'_, S>, values: u64, batch: u64) -> u64 {
    let mut pushed = 0;
    for number in 1..=values {
        if producer.push(S::value(pushed + 1)).is_ok() {
            pushed += 1;
        }
        if number % batch == 0 || number == values {
            producer.commit();
        }
    }
    pushed
}

fn pop<S: Numbered>(consumer: &mut Consumer<'_, S>, attempts: u64) -> Vec<u64> {
    let mut popped = Vec::new();
    for _ in 0..attempts {
        popped.extend(consumer.pop().map(S::number));
        consumer.release();
    }
    popped
}

#[test]
fn addresses_arrive_over_a_ring_of_1() {
    arrives::<AddressSlot>(1, 3, 1);
}

#[test]
fn addresses_arrive_over_a_ring_of_2() {
    arrives::<AddressSlot>(2, 3, 1);
}

#[test]
fn addresses_arrive_over_a_ring_of_4() {
    arrives::<AddressSlot>(4, 3, 1);
}

#[test]
fn addresses_arrive_two_to_a_commit() {
    arrives::<AddressSlot>(4, 4, 2);
}

#[test]
fn descriptors_arrive_whole_over_a_ring_of_1() {
    arrives::<DescSlot>(1, 2, 1);
}

#[test]
fn descriptors_arrive_whole_over_a_ring_of_2() {
    arrives::<DescSlot>(2, 3, 1);
}

#[test]
fn descriptors_arrive_whole_over_a_ring_of_4() {
    arrives::<DescSlot>(4, 3, 1);
}
