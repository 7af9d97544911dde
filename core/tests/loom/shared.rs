//! What the two sides of a ring share.

use loom::sync::Arc;
use loom::sync::atomic::AtomicU32;
use xskit_core::abi::Desc;
use xskit_core::ring::{AddressSlot, Consumer, DescSlot, Producer, RingMemory, Slot};

use crate::traced::Traced;

/// Where the cursors start: two values later they wrap.
const START: u32 = u32::MAX - 1;

/// The words and slots of a ring, and the plain memory behind each slot.
#[derive(Debug)]
pub(crate) struct Shared<S> {
    producer: AtomicU32,
    consumer: AtomicU32,
    pub(crate) flags: AtomicU32,
    slots: Vec<S>,
    traced: Vec<Traced>,
}

impl<S: Numbered> Shared<S> {
    /// An empty ring.
    pub(crate) fn new(slots: usize) -> Arc<Self> {
        Arc::new(Self {
            producer: AtomicU32::new(START),
            consumer: AtomicU32::new(START),
            flags: AtomicU32::new(0),
            slots: (0..slots).map(|_| S::default()).collect(),
            traced: (0..slots).map(|_| Traced::default()).collect(),
        })
    }

    /// A ring that the values 1 to `values` are on already.
    pub(crate) fn holding(slots: usize, values: u64) -> Arc<Self> {
        let shared = Self::new(slots);
        let mut producer = shared.producing();
        for number in 1..=values {
            producer.push(S::value(number)).expect("room");
        }
        producer.commit();
        shared
    }

    pub(crate) fn producing(&self) -> Producer<'_, S> {
        Producer::new(self.memory())
    }

    pub(crate) fn consuming(&self) -> Consumer<'_, S> {
        Consumer::new(self.memory())
    }

    /// The plain memory behind the slot of the value `number`.
    pub(crate) fn behind(&self, number: u64) -> &Traced {
        &self.traced[(u64::from(START) + number - 1) as usize % self.traced.len()]
    }

    /// Takes what is on the ring.
    pub(crate) fn drain(&self) -> Vec<u64> {
        let mut consumer = self.consuming();
        let taken = std::iter::from_fn(|| consumer.pop().map(S::number)).collect();
        consumer.release();
        taken
    }

    fn memory(&self) -> RingMemory<'_, S> {
        RingMemory::new(&self.producer, &self.consumer, &self.flags, &self.slots)
            .expect("a power of two")
    }
}

/// A slot whose values can be told apart. No value is what a slot holds at first.
pub(crate) trait Numbered:
    Slot<Value: std::fmt::Debug> + Default + Send + Sync + 'static
{
    fn value(number: u64) -> Self::Value;

    /// The number of a value, if all of it belongs together.
    fn number(value: Self::Value) -> u64;
}

impl Numbered for AddressSlot {
    fn value(number: u64) -> u64 {
        number << 12
    }

    fn number(value: u64) -> u64 {
        assert_ne!(value, 0, "a slot was read that nothing was written to");
        value >> 12
    }
}

impl Numbered for DescSlot {
    fn value(number: u64) -> Desc {
        Desc {
            addr: number << 12,
            len: 60 + number as u32,
            options: number as u32,
        }
    }

    fn number(value: Desc) -> u64 {
        let number = value.addr >> 12;
        assert_ne!(number, 0, "a slot was read that nothing was written to");
        assert_eq!(value, Self::value(number), "a mix of two descriptors");
        number
    }
}
