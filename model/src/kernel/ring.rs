//! A ring's memory as the kernel sees it, without the core's ring code.

use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};

use xskit_core::abi::{Desc, RING_NEED_WAKEUP, RingOffset};
use xskit_core::backend::RingKind;

/// Sixteen bytes: the three words and a hole, one descriptor, or two addresses.
type Line = [AtomicU32; 4];

const PRODUCER: usize = 0;
const CONSUMER: usize = 1;
const FLAGS: usize = 2;

/// The words of a ring as the kernel sees them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RingWords {
    pub(crate) producer: u32,
    pub(crate) consumer: u32,
    pub(crate) slots: u32,
}

/// The memory of a ring. Everything is atomic, and there is one thread: orderings don't matter.
#[derive(Clone, Debug)]
pub(crate) struct Ring {
    lines: Rc<[Aligned]>,
    slots: u32,
    is_of_descs: bool,
}

#[derive(Debug, Default)]
#[repr(C, align(16))]
struct Aligned(Line);

impl Ring {
    /// The offsets that `XDP_MMAP_OFFSETS` reports.
    pub(crate) const OFFSETS: RingOffset = RingOffset {
        producer: 0,
        consumer: 4,
        flags: 8,
        desc: 16,
    };

    /// A ring of `slots` slots with these words.
    pub(crate) fn new(kind: RingKind, slots: u32, (producer, consumer): (u32, u32)) -> Self {
        let is_of_descs = matches!(kind, RingKind::Rx | RingKind::Tx);
        let lines = if is_of_descs {
            slots
        } else {
            slots.div_ceil(2)
        };
        let ring = Self {
            lines: (0..=lines).map(|_| Aligned::default()).collect(),
            slots,
            is_of_descs,
        };
        ring.set_producer(producer);
        ring.set_consumer(consumer);
        ring
    }

    /// The mapping.
    pub(crate) fn base(&self) -> NonNull<u8> {
        NonNull::from(&*self.lines).cast()
    }

    /// Its length in bytes, up to the last slot.
    pub(crate) fn len_bytes(&self) -> usize {
        let slot = if self.is_of_descs { 16 } else { 8 };
        16 + self.slots as usize * slot
    }

    pub(crate) fn slots(&self) -> u32 {
        self.slots
    }

    pub(crate) fn producer(&self) -> u32 {
        self.load(0, PRODUCER)
    }

    pub(crate) fn set_producer(&self, word: u32) {
        self.store(0, PRODUCER, word);
    }

    pub(crate) fn consumer(&self) -> u32 {
        self.load(0, CONSUMER)
    }

    pub(crate) fn set_consumer(&self, word: u32) {
        self.store(0, CONSUMER, word);
    }

    pub(crate) fn set_flags(&self, word: u32) {
        self.store(0, FLAGS, word);
    }

    pub(crate) fn needs_wakeup(&self) -> bool {
        self.load(0, FLAGS) & RING_NEED_WAKEUP != 0
    }

    pub(crate) fn words(&self) -> RingWords {
        RingWords {
            producer: self.producer(),
            consumer: self.consumer(),
            slots: self.slots,
        }
    }

    /// The number of entries between the two words; 0 if that is impossible.
    pub(crate) fn filled(&self) -> u32 {
        let filled = self.producer().wrapping_sub(self.consumer());
        if filled <= self.slots { filled } else { 0 }
    }

    /// The entry at a cursor: a descriptor, of which an address ring has the first half.
    pub(crate) fn entry(&self, cursor: u32) -> Desc {
        let (line, half) = self.place(cursor);
        let low = u64::from(self.load(line, half));
        let high = u64::from(self.load(line, half + 1));
        let mut desc = Desc {
            addr: low | high << 32,
            len: 0,
            options: 0,
        };
        if self.is_of_descs {
            desc.len = self.load(line, 2);
            desc.options = self.load(line, 3);
        }
        desc
    }

    pub(crate) fn set_entry(&self, cursor: u32, desc: Desc) {
        let (line, half) = self.place(cursor);
        self.store(line, half, desc.addr as u32);
        self.store(line, half + 1, (desc.addr >> 32) as u32);
        if self.is_of_descs {
            self.store(line, 2, desc.len);
            self.store(line, 3, desc.options);
        }
    }

    /// Takes the next entry, as a consumer.
    pub(crate) fn take(&self) -> Option<Desc> {
        if self.filled() == 0 {
            return None;
        }
        let cursor = self.consumer();
        let desc = self.entry(cursor);
        self.set_consumer(cursor.wrapping_add(1));
        Some(desc)
    }

    /// Puts an entry, as a producer. False when the ring is full.
    pub(crate) fn put(&self, desc: Desc) -> bool {
        if self.filled() == self.slots {
            return false;
        }
        let cursor = self.producer();
        self.set_entry(cursor, desc);
        self.set_producer(cursor.wrapping_add(1));
        true
    }

    /// The line of an entry, and where in it the entry starts. Little-endian, as addresses are made
    /// of two words.
    fn place(&self, cursor: u32) -> (usize, usize) {
        let slot = (cursor % self.slots) as usize;
        match self.is_of_descs {
            true => (1 + slot, 0),
            false => (1 + slot / 2, slot % 2 * 2),
        }
    }

    fn load(&self, line: usize, word: usize) -> u32 {
        self.lines[line].0[word].load(Ordering::Relaxed)
    }

    fn store(&self, line: usize, word: usize, value: u32) {
        self.lines[line].0[word].store(value, Ordering::Relaxed);
    }
}
