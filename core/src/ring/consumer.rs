//! The consuming end of a ring.

use super::sync::Ordering;
use super::{Cursor, RingMemory, RingSize, Slot};

/// The consuming end: `peek`, `pop`, `release`, or all three by `drain` and `drain_into`.
///
/// ```text
///   consumer word        next              limit        producer word
///   ----|==================|----------------|................|----
///        taken, still ours    known to be there   not looked at yet
/// ```
///
/// [`Producer`](super::Producer) shows both ends of a ring at work.
#[doc(alias = "xsk_ring_cons")]
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
    /// The consuming end, starting at the present values of the shared words.
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

    /// All of our cursors, for a search that tells states apart: the next slot, and the end of the
    /// known values.
    #[cfg(feature = "sim")]
    #[doc(hidden)]
    #[must_use]
    pub fn cursors(&self) -> [Cursor; 2] {
        [self.next, self.limit]
    }

    /// How many slots the ring has.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.memory.size().slots()
    }

    /// The number of slots, as a [`RingSize`].
    #[must_use]
    pub fn ring_size(&self) -> RingSize {
        self.memory.size()
    }

    /// The slot that the next value is taken from.
    #[must_use]
    #[inline]
    pub fn position(&self) -> Cursor {
        self.next
    }

    /// How many values, up to `wanted`, can be popped now.
    ///
    /// The shared word is read only if the cached one promises fewer.
    #[doc(alias = "xsk_ring_cons__peek")]
    #[doc(alias = "xsk_cons_nb_avail")]
    #[inline]
    pub fn peek(&mut self, wanted: u32) -> u32 {
        let mut there = self.limit.since(self.next);
        if there < wanted {
            there = self.refresh();
        }
        there.min(wanted)
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
    #[doc(alias = "xsk_ring_cons__release")]
    #[inline]
    pub fn release(&mut self) {
        self.release_up_to(self.next);
    }

    #[inline]
    fn release_up_to(&self, taken: Cursor) {
        // Pairs with the peer's acquire load of the consumer word: without it the peer could
        // overwrite a slot before our load of it is done.
        self.memory
            .consumer()
            .store(taken.word(), Ordering::Release);
    }

    /// Takes up to `wanted` values. Dropping the iterator releases those that were taken.
    ///
    /// For batches: the cursor stays in a register until then.
    #[inline]
    pub fn drain(&mut self, wanted: u32) -> Drain<'_, 'm, S> {
        let (memory, first) = (self.memory, self.next);
        let end = first.plus(self.peek(wanted));
        // If the drain is leaked, its values count as taken: none is seen twice.
        self.next = end;
        Drain {
            ring: self,
            memory,
            first,
            next: first,
            end,
        }
    }

    /// Takes as many values as the ring has and `places` has room for, and releases them. Returns
    /// their number.
    #[inline]
    pub fn drain_into(&mut self, places: &mut [S::Value]) -> u32 {
        let first = self.next;
        let mut there = self.limit.since(first);
        if (there as usize) < places.len() {
            let Some(fresh) = self.look() else {
                return self.drain_slowly(places);
            };
            there = fresh;
        }
        let count = places.len().min(there as usize);
        if count == 0 {
            return 0;
        }
        let (Some(taken), Some(row)) = (places.get_mut(..count), self.memory.row(first, count))
        else {
            return self.drain_slowly(places);
        };
        let mut pairs = taken.iter_mut().zip(row);
        // The first one separately: when packets are few it is the only one, and needs no loop.
        if let Some((place, slot)) = pairs.next() {
            *place = slot.load();
        }
        for (place, slot) in pairs {
            *place = slot.load();
        }
        self.next = first.plus(count as u32);
        self.release_up_to(self.next);
        count as u32
    }

    /// The rare cases of [`drain_into`](Self::drain_into): the values wrap around to the ring's
    /// first slot, or the peer's word is impossible. Out of line, which leaves the registers to the
    /// common case.
    #[cold]
    fn drain_slowly(&mut self, places: &mut [S::Value]) -> u32 {
        let values = self.drain(places.len().try_into().unwrap_or(u32::MAX));
        let pairs = places.iter_mut().zip(values);
        pairs.map(|(place, value)| *place = value).count() as u32
    }

    /// How many values are on the ring and not yet popped. Reads the shared word.
    #[must_use]
    #[inline]
    pub fn available(&mut self) -> u32 {
        self.refresh()
    }

    /// Whether there is nothing to pop. Reads the shared word, and does not cache it.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        // Relaxed: no slot is read because of this.
        let producer = Cursor::new(self.memory.producer().load(Ordering::Relaxed));
        let limit = match producer.since(self.next) <= self.size() {
            true => producer,
            false => self.limit,
        };
        limit == self.next
    }

    /// Reads the producer word again, and returns how many values can be popped. An impossible word
    /// is ignored.
    #[inline]
    fn refresh(&mut self) -> u32 {
        match self.look() {
            Some(there) => there,
            None => self.limit.since(self.next),
        }
    }

    /// Reads the producer word again, and returns how many values can be popped: `None` if the word
    /// is impossible.
    #[inline]
    fn look(&mut self) -> Option<u32> {
        // Read before the acquire: the compiler would have to read them again after it.
        let (next, size) = (self.next, self.size());
        // Pairs with the peer's release store of the producer word: without it we could read a
        // slot before what the peer stored there.
        let producer = Cursor::new(self.memory.producer().load(Ordering::Acquire));
        let there = producer.since(next);
        // Never behind what was popped, and at most a whole ring ahead.
        if there > size {
            return None;
        }
        self.limit = producer;
        Some(there)
    }
}

/// Values off a ring, in order. See [`Consumer::drain`].
#[must_use = "values that are not taken stay on the ring"]
#[derive(Debug)]
pub struct Drain<'r, 'm, S: Slot> {
    ring: &'r mut Consumer<'m, S>,
    memory: RingMemory<'m, S>,
    first: Cursor,
    next: Cursor,
    end: Cursor,
}

impl<S: Slot> Drain<'_, '_, S> {
    /// The position of the last value taken.
    #[must_use]
    pub fn last_position(&self) -> Cursor {
        Cursor::new(self.next.word().wrapping_sub(1))
    }

    /// Puts the last value taken back, and ends the iteration.
    pub fn put_back(&mut self) {
        if self.next != self.first {
            self.next = self.last_position();
            self.end = self.next;
            self.ring.next = self.next;
        }
    }

    /// The end of the values that the peer has published. Reads the shared word, and does not cache
    /// it.
    #[must_use]
    pub fn shown(&self) -> Cursor {
        // Pairs with the peer's release store of the producer word: what the peer published before
        // that, on any ring, is seen by what we read next.
        let producer = Cursor::new(self.memory.producer().load(Ordering::Acquire));
        match producer.since(self.first) <= self.memory.size().slots() {
            true => producer,
            false => self.ring.limit,
        }
    }
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

    /// Internal iteration, as in [`Producer::push_all`](super::Producer::push_all), runs over slots
    /// in a row, without a mask.
    // Always: there are three copies of `step`, which nothing would inline otherwise.
    #[inline(always)]
    fn fold<B, F: FnMut(B, S::Value) -> B>(mut self, init: B, mut step: F) -> B {
        let (memory, first, left) = (self.memory, self.next, self.end.since(self.next));
        let mut folded = init;
        if left == 1 {
            // The common case when packets are few: no loop.
            self.next = self.end;
            folded = step(folded, memory.slot(first).load());
        } else if let Some(row) = memory.row(first, left as usize) {
            for slot in row {
                self.next = self.next.plus(1);
                folded = step(folded, slot.load());
            }
        } else {
            for taken in 0..left {
                self.next = first.plus(taken + 1);
                folded = step(folded, memory.slot(first.plus(taken)).load());
            }
        }
        // It is there already, which the compiler does not see.
        self.next = self.end;
        folded
    }
}

impl<S: Slot> ExactSizeIterator for Drain<'_, '_, S> {}

impl<S: Slot> Drop for Drain<'_, '_, S> {
    /// Values that were not taken stay on the ring.
    #[inline]
    fn drop(&mut self) {
        if self.next != self.end {
            self.ring.next = self.next;
        }
        if self.next != self.first {
            self.ring.release_up_to(self.next);
        }
    }
}
