//! The consuming end of a ring.

use super::{Cursor, RingMemory, Slot};
use crate::sync::Ordering;

/// The consuming end: `peek`, `pop`, `release`, or all three by `drain`.
///
/// ```text
///   consumer word        next              limit        producer word
///   ----|==================|----------------|................|----
///        taken, still ours    known to be there   not looked at yet
/// ```
#[derive(Debug)]
pub struct Consumer<'m, S> {
    memory: RingMemory<'m, S>,
    /// The slot to take next; ours alone.
    next: Cursor,
    /// Up to where values are known to be there: the producer as last read. At most a whole ring
    /// ahead of `next`.
    limit: Cursor,
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
        let known = self.limit.since(self.next);
        if known >= wanted {
            return wanted;
        }
        self.refresh().min(wanted)
    }

    /// Takes the next value; its slot goes back to the peer with [`release`](Self::release).
    #[inline]
    pub fn pop(&mut self) -> Option<S::Value> {
        if self.limit == self.next && self.refresh() == 0 {
            return None;
        }
        let value = self.memory.slot(self.next).load();
        self.next = self.next.plus(1);
        Some(value)
    }

    /// Gives the slots of everything popped so far back to the peer.
    #[inline]
    pub fn release(&mut self) {
        // Pairs with the peer's acquire load of the consumer word: without it the peer could
        // overwrite a slot before our load of it is done.
        self.memory
            .consumer()
            .store(self.next.word(), Ordering::Release);
    }

    /// Takes up to `wanted` values, and releases them when it is dropped.
    ///
    /// For batches: the cursor stays in a register until then.
    #[inline]
    pub fn drain(&mut self, wanted: u32) -> Drain<'_, 'm, S> {
        let (memory, first) = (self.memory, self.next);
        let end = first.plus(self.peek(wanted));
        // Should the drain be leaked, its values were taken: none is seen twice.
        self.next = end;
        Drain {
            ring: self,
            memory,
            first,
            next: first,
            end,
        }
    }

    /// How many values are in the ring and not yet popped, by a fresh look.
    #[inline]
    pub fn available(&mut self) -> u32 {
        self.refresh()
    }

    /// Whether there is nothing to pop, by a fresh look that is not remembered.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        // Relaxed: no slot is read on the strength of this.
        let producer = Cursor::new(self.memory.producer().load(Ordering::Relaxed));
        let limit = match producer.since(self.next) <= self.size() {
            true => producer,
            false => self.limit,
        };
        limit == self.next
    }

    /// Reads the producer word anew, and says how many values can be popped; a word that is
    /// impossible leaves what was known.
    #[inline]
    fn refresh(&mut self) -> u32 {
        // Pairs with the peer's release store of the producer word: without it we could read a
        // slot before what the peer stored there.
        let producer = Cursor::new(self.memory.producer().load(Ordering::Acquire));
        let next = self.next;
        // Never behind what was popped, and at most a whole ring ahead.
        if producer.since(next) <= self.size() {
            self.limit = producer;
            return producer.since(next);
        }
        self.limit.since(next)
    }
}

/// Values off a ring, in order. See [`Consumer::drain`].
#[derive(Debug)]
pub struct Drain<'r, 'm, S: Slot> {
    ring: &'r mut Consumer<'m, S>,
    memory: RingMemory<'m, S>,
    first: Cursor,
    next: Cursor,
    end: Cursor,
}

impl<S: Slot> Iterator for Drain<'_, '_, S> {
    type Item = S::Value;

    #[inline]
    fn next(&mut self) -> Option<S::Value> {
        if self.next == self.end {
            return None;
        }
        let value = self.memory.slot(self.next).load();
        self.next = self.next.plus(1);
        Some(value)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end.since(self.next) as usize;
        (left, Some(left))
    }
}

impl<S: Slot> ExactSizeIterator for Drain<'_, '_, S> {}

impl<S: Slot> Drop for Drain<'_, '_, S> {
    /// What was not taken stays on the ring.
    #[inline]
    fn drop(&mut self) {
        self.ring.next = self.next;
        if self.next != self.first {
            self.ring.release();
        }
    }
}
