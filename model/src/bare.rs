//! One ring with the core at both ends and no socket around it, and its own oracle.

use std::collections::VecDeque;
use std::mem::forget;
use std::sync::atomic::{AtomicU32, Ordering};

use xskit_core::backend::RingKind;
use xskit_core::ring::{AddressSlot, Consumer, Cursor, Full, Producer, RingMemory};

use crate::config::Config;
use crate::difference::{Difference, agree};
use crate::kernel::RingWords;
use crate::op::RingOp;

/// The shared words and slots.
#[derive(Debug)]
pub(crate) struct BareMemory {
    producer: AtomicU32,
    consumer: AtomicU32,
    flags: AtomicU32,
    slots: Vec<AddressSlot>,
    start: u32,
}

impl BareMemory {
    /// A ring of the TX ring's size and start.
    pub(crate) fn new(config: &Config) -> Self {
        let start = config.start_of(RingKind::Tx);
        let slots = config.slots_of(RingKind::Tx);
        Self {
            producer: AtomicU32::new(start),
            consumer: AtomicU32::new(start),
            flags: AtomicU32::new(0),
            slots: (0..slots).map(|_| AddressSlot::default()).collect(),
            start,
        }
    }
}

/// Both ends, and the values that should be between them.
#[derive(Debug)]
pub(crate) struct Bare<'m> {
    memory: &'m BareMemory,
    producer: Producer<'m, AddressSlot>,
    consumer: Consumer<'m, AddressSlot>,
    /// Pushed, not committed.
    written: VecDeque<u64>,
    /// Committed, not popped.
    shown: VecDeque<u64>,
    /// Popped, not released.
    taken: u32,
    /// Committed and released so far.
    passed: (u32, u32),
    next_value: u64,
}

impl<'m> Bare<'m> {
    pub(crate) fn new(memory: &'m BareMemory) -> Self {
        let ring = || {
            let BareMemory {
                producer,
                consumer,
                flags,
                slots,
                ..
            } = memory;
            RingMemory::new(producer, consumer, flags, slots).expect("a power of two")
        };
        Self {
            memory,
            producer: Producer::new(ring()),
            consumer: Consumer::new(ring()),
            written: VecDeque::new(),
            shown: VecDeque::new(),
            taken: 0,
            passed: (0, 0),
            next_value: 1,
        }
    }

    /// Slots free for the producer.
    fn room(&self) -> u32 {
        let in_use = self.written.len() + self.shown.len() + self.taken as usize;
        (self.memory.slots.len() - in_use) as u32
    }

    pub(crate) fn step(&mut self, op: RingOp) -> Result<(), Difference> {
        match op {
            RingOp::Reserve(wanted) => {
                let wanted = u32::from(wanted);
                agree(
                    "reserve",
                    self.producer.reserve(wanted),
                    self.room().min(wanted),
                )
            }
            RingOp::Push(count) => (0..count).try_for_each(|_| self.push()),
            RingOp::PushAll(count) => self.push_all(count),
            RingOp::Commit => {
                self.producer.commit();
                self.passed.0 += self.written.len() as u32;
                self.shown.append(&mut self.written);
                Ok(())
            }
            RingOp::Outstanding => {
                let should_be = self.shown.len() as u32 + self.taken;
                agree("outstanding", self.producer.outstanding(), should_be)
            }
            RingOp::Peek(wanted) => {
                let wanted = u32::from(wanted);
                let should_be = (self.shown.len() as u32).min(wanted);
                agree("peek", self.consumer.peek(wanted), should_be)
            }
            RingOp::Pop(count) => (0..count).try_for_each(|_| self.pop()),
            RingOp::Drain { wanted, take } => self.drain(wanted, take),
            RingOp::Leak(wanted) => {
                forget(self.consumer.drain(wanted.into()));
                let lost = self.shown.len().min(wanted.into());
                self.shown.drain(..lost);
                self.taken += lost as u32;
                Ok(())
            }
            RingOp::Release => {
                self.consumer.release();
                self.release();
                Ok(())
            }
            RingOp::Available => agree(
                "available",
                self.consumer.available(),
                self.shown.len() as u32,
            ),
        }
    }

    fn push(&mut self) -> Result<(), Difference> {
        let value = self.next_value;
        let should_be = match self.room() {
            0 => Err(Full),
            _ => {
                self.next_value += 1;
                self.written.push_back(value);
                Ok(())
            }
        };
        agree("push", self.producer.push(value), should_be)
    }

    fn push_all(&mut self, count: u8) -> Result<(), Difference> {
        let first = self.next_value;
        let values = (0..count).map(|ahead| first + u64::from(ahead));
        let should_be = if self.room() < count.into() {
            Err(Full)
        } else {
            self.next_value += u64::from(count);
            self.written.extend(values.clone());
            Ok(())
        };
        agree("push all", self.producer.push_all(values), should_be)
    }

    fn drain(&mut self, wanted: u8, take: u8) -> Result<(), Difference> {
        let drain = self.consumer.drain(wanted.into());
        let there = self.shown.len().min(wanted.into());
        agree("length of a drain", drain.len(), there)?;
        let is: Vec<_> = drain.take(take.into()).collect();
        let should_be: Vec<_> = self.shown.drain(..there.min(take.into())).collect();
        if !should_be.is_empty() {
            self.taken += should_be.len() as u32;
            self.release();
        }
        agree("drain", is, should_be)
    }

    /// Releases the slots of everything taken.
    fn release(&mut self) {
        self.passed.1 += self.taken;
        self.taken = 0;
    }

    fn pop(&mut self) -> Result<(), Difference> {
        let should_be = self.shown.pop_front();
        self.taken += u32::from(should_be.is_some());
        agree("pop", self.consumer.pop(), should_be)
    }

    /// The shared words, and the numbers of values written and taken.
    pub(crate) fn words(&self) -> (RingWords, u32, u32) {
        let [producer, consumer] =
            [&self.memory.producer, &self.memory.consumer].map(|word| word.load(Ordering::Relaxed));
        let words = RingWords {
            producer,
            consumer,
            slots: self.memory.slots.len() as u32,
        };
        (words, self.written.len() as u32, self.taken)
    }

    /// The core's own cursors of both ends.
    pub(crate) fn cursors(&self) -> Vec<Cursor> {
        [&self.producer.cursors()[..], &self.consumer.cursors()].concat()
    }

    pub(crate) fn compare(&self) -> Result<(), Difference> {
        let words = [&self.memory.producer, &self.memory.consumer];
        let [produced, consumed] =
            words.map(|word| word.load(Ordering::Relaxed).wrapping_sub(self.memory.start));
        agree("words of the bare ring", (produced, consumed), self.passed)?;
        let uncommitted = self.written.len() as u32;
        agree("uncommitted", self.producer.uncommitted(), uncommitted)?;
        let sizes = (self.producer.size(), self.consumer.size());
        let slots = self.memory.slots.len() as u32;
        agree("size of the bare ring", sizes, (slots, slots))?;
        let room = self.room();
        let has_room = [room, room + 1].map(|wanted| self.producer.has_room(wanted));
        agree("room, without remembering it", has_room, [true, false])?;
        let is_empty = self.shown.is_empty();
        agree("empty", self.consumer.is_empty(), is_empty)
    }
}
