//! The consuming end of a ring.

use super::{Cursor, RingMemory, Slot};
use crate::sync::Ordering;

/// The consuming end: `peek`, `pop`, `release`.
///
/// ```text
///    released           next              limit        producer word
///   ----|==================|----------------|................|----
///        taken, still ours    known to be there   not looked at yet
/// ```
#[derive(Debug)]
pub struct Consumer<'m, S> {
    memory: RingMemory<'m, S>,
    /// The slot to take next; ours alone.
    next: Cursor,
    /// Up to where values are known to be there: the producer as last read.
    limit: Cursor,
    /// What the shared word says.
    released: Cursor,
}

impl<'m, S: Slot> Consumer<'m, S> {
    /// Takes up the consuming end where the shared words stand.
    #[must_use]
    pub fn new(memory: RingMemory<'m, S>) -> Self {
        let next = Cursor::new(memory.consumer().load(Ordering::Relaxed));
        let mut ring = Self {
            memory,
            next,
            limit: next,
            released: next,
        };
        ring.refresh();
        ring
    }

    /// How many slots the ring has.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.memory.size().slots()
    }

    /// How many values, up to `wanted`, can be popped now.
    ///
    /// The shared word is read only when the cached one promises fewer than wanted.
    #[inline]
    pub fn peek(&mut self, wanted: u32) -> u32 {
        if self.limit.since(self.next) < wanted {
            self.refresh();
        }
        self.limit.since(self.next).min(wanted)
    }

    /// Takes the next value; its slot goes back to the peer with [`release`](Self::release).
    #[inline]
    pub fn pop(&mut self) -> Option<S::Value> {
        if self.limit == self.next {
            self.refresh();
            if self.limit == self.next {
                return None;
            }
        }
        let value = self.memory.slot(self.next).load();
        self.next = self.next.plus(1);
        Some(value)
    }

    /// Gives the slots of everything popped so far back to the peer.
    #[inline]
    pub fn release(&mut self) {
        if self.released != self.next {
            self.released = self.next;
            // Pairs with the peer's acquire load of the consumer word: without it the peer could
            // overwrite a slot before our load of it is done.
            self.memory
                .consumer()
                .store(self.next.word(), Ordering::Release);
        }
    }

    /// How many values are in the ring and not yet popped, by a fresh look.
    #[inline]
    pub fn available(&mut self) -> u32 {
        self.refresh();
        self.limit.since(self.next)
    }

    /// Reads the producer word anew; one that is impossible leaves what was known.
    #[inline]
    fn refresh(&mut self) {
        // Pairs with the peer's release store of the producer word: without it we could read a
        // slot before what the peer stored there.
        let producer = Cursor::new(self.memory.producer().load(Ordering::Acquire));
        let ahead = producer.since(self.released);
        if ahead <= self.size() && ahead >= self.next.since(self.released) {
            self.limit = producer;
        }
    }
}
