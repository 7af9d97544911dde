//! The rings over plain memory, with the test as the peer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use xskit_core::ring::{AddressSlot, Consumer, Full, LayoutError, Producer, RingMemory};

/// The shared words and slots of a ring whose cursors stand at `start`.
struct Shared {
    producer: AtomicU32,
    consumer: AtomicU32,
    flags: AtomicU32,
    slots: Vec<AddressSlot>,
}

impl Shared {
    fn new(slots: usize, start: u32) -> Self {
        Self {
            producer: AtomicU32::new(start),
            consumer: AtomicU32::new(start),
            flags: AtomicU32::new(0),
            slots: (0..slots).map(|_| AddressSlot::default()).collect(),
        }
    }

    fn memory(&self) -> RingMemory<'_, AddressSlot> {
        RingMemory::new(&self.producer, &self.consumer, &self.flags, &self.slots)
            .expect("a power of two")
    }
}

#[test]
fn the_cached_word_is_enough_while_it_suffices() {
    let shared = Shared::new(8, 0);
    let mut producer = Producer::new(shared.memory());
    // If the word were read again now, it would show a full ring.
    shared
        .consumer
        .store(0u32.wrapping_sub(8), Ordering::Release);
    assert_eq!(producer.reserve(8), 8);
}

#[test]
fn impossible_words_of_the_peer_are_no_progress() {
    for start in [0, u32::MAX - 2] {
        // Ahead of the producer, and so far behind it that more than a whole ring would be in use.
        let lies = [5, u32::MAX, 1 << 31].map(|ahead| start.wrapping_add(ahead));
        let shared = Shared::new(4, start);
        let mut producer = Producer::new(shared.memory());
        assert_eq!(producer.push_from(&[0, 1, 2, 3]), 4);
        for lie in lies {
            shared.consumer.store(lie, Ordering::Release);
            let full = (producer.reserve(1), producer.push(9));
            assert_eq!(full, (0, Err(Full)), "at {lie}");
        }

        let shared = Shared::new(4, start);
        let mut consumer = Consumer::new(shared.memory());
        for lie in lies {
            shared.producer.store(lie, Ordering::Release);
            assert_eq!((consumer.peek(1), consumer.pop()), (0, None), "at {lie}");
            assert_eq!(consumer.drain_into(&mut [0; 4]), 0, "at {lie}");
        }
        shared
            .producer
            .store(start.wrapping_add(2), Ordering::Release);
        assert!(consumer.pop().is_some());
        // Back behind what was popped already.
        shared.producer.store(start, Ordering::Release);
        assert_eq!(consumer.available(), 1, "what was known stays");
        assert_eq!(consumer.drain_into(&mut [0; 4]), 1, "and can be taken");
    }
}

#[test]
fn nothing_to_drain_is_nothing_to_release() {
    let shared = Shared::new(4, 0);
    let mut consumer = Consumer::new(shared.memory());
    // If the word were written, it would be corrected.
    shared.consumer.store(9, Ordering::Release);
    assert_eq!(
        (consumer.drain_into(&mut [0; 4]), consumer.drain(4).len()),
        (0, 0)
    );
    assert_eq!(shared.consumer.load(Ordering::Acquire), 9);
}

#[test]
fn a_loop_that_breaks_off_leaves_the_rest() {
    for start in [0, 2] {
        let shared = Shared::new(4, start);
        assert_eq!(Producer::new(shared.memory()).push_from(&[0, 1, 2, 3]), 4);
        let mut consumer = Consumer::new(shared.memory());
        let broken_off = catch_unwind(AssertUnwindSafe(|| {
            consumer
                .drain(4)
                .for_each(|value| assert_ne!(value, 1, "as it should"));
        }));
        assert!(broken_off.is_err());
        assert_eq!(
            consumer.drain(4).collect::<Vec<_>>(),
            [2, 3],
            "from {start}"
        );
    }
}

#[test]
fn a_ring_needs_a_power_of_two() {
    let shared = Shared::new(3, 0);
    let memory = RingMemory::new(
        &shared.producer,
        &shared.consumer,
        &shared.flags,
        &shared.slots,
    );
    assert_eq!(memory.err(), Some(LayoutError::Slots));
}

#[derive(Clone, Debug)]
enum Op {
    Push(u8),
    PushFrom(u8),
    Commit,
    Pop(u8),
    Drain(u8),
    DrainInto(u8),
    Release,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        (0..6u8).prop_map(Op::Push),
        (0..6u8).prop_map(Op::PushFrom),
        Just(Op::Commit),
        (0..6u8).prop_map(Op::Pop),
        (0..6u8).prop_map(Op::Drain),
        (0..6u8).prop_map(Op::DrainInto),
        Just(Op::Release),
    ];
    proptest::collection::vec(op, 0..200)
}

proptest! {
    /// Against a plain queue: what is pushed comes out once, in order, after commit, and a slot is
    /// free again only after release; from any start of the cursors.
    #[test]
    fn behaves_as_a_bounded_queue(
        ops in ops(),
        bits in 0..5u32,
        start in prop_oneof![any::<u32>(), (u32::MAX - 20)..],
    ) {
        let size = 1usize << bits;
        let shared = Shared::new(size, start);
        let mut producer = Producer::new(shared.memory());
        let mut consumer = Consumer::new(shared.memory());
        let (mut pushed, mut committed, mut popped, mut released) = (0u64, 0u64, 0u64, 0u64);
        for op in ops {
            match op {
                Op::Push(count) => for _ in 0..count {
                    let room = pushed - released < size as u64;
                    prop_assert_eq!(producer.push(pushed).is_ok(), room);
                    pushed += u64::from(room);
                },
                Op::PushFrom(count) => {
                    let values: Vec<u64> = (pushed..).take(count.into()).collect();
                    let expected = u64::from(count).min(size as u64 - (pushed - released));
                    prop_assert_eq!(u64::from(producer.push_from(&values)), expected);
                    pushed += expected;
                    committed = pushed;
                },
                Op::Commit => { producer.commit(); committed = pushed; }
                Op::Pop(count) => for _ in 0..count {
                    let expected = (popped < committed).then_some(popped);
                    prop_assert_eq!(consumer.pop(), expected);
                    popped += u64::from(expected.is_some());
                },
                Op::Drain(count) => {
                    let expected: Vec<u64> = (popped..committed).take(count.into()).collect();
                    let mut drained = Vec::new();
                    consumer.drain(count.into()).for_each(|value| drained.push(value));
                    prop_assert_eq!(&drained, &expected);
                    popped += drained.len() as u64;
                    if !drained.is_empty() {
                        released = popped;
                    }
                },
                Op::DrainInto(count) => {
                    let expected: Vec<u64> = (popped..committed).take(count.into()).collect();
                    let mut places = vec![u64::MAX; count.into()];
                    let drained = consumer.drain_into(&mut places) as usize;
                    prop_assert_eq!(&places[..drained], &expected);
                    prop_assert!(places[drained..].iter().all(|place| *place == u64::MAX));
                    popped += drained as u64;
                    if drained > 0 {
                        released = popped;
                    }
                },
                Op::Release => { consumer.release(); released = popped; }
            }
            prop_assert_eq!(u64::from(producer.outstanding()), committed - released);
            prop_assert_eq!(u64::from(consumer.available()), committed - popped);
        }
    }
}
