//! The producing end of a ring.

use super::{Cursor, RingMemory, Slot};
use crate::abi::RING_NEED_WAKEUP;
use crate::sync::{Ordering, fence};

/// The producing end: `reserve`, `push`, `commit`.
///
/// ```text
///   consumer word      committed         next             limit
///   ----|==================|----------------|................|----
///        the peer's to take  written, unseen   free to write
/// ```
#[derive(Debug)]
pub struct Producer<'m, S> {
    memory: RingMemory<'m, S>,
    /// The slot the next value goes into; ours alone.
    next: Cursor,
    /// Up to where the slots are known to be free: the consumer as last read, plus the size.
    limit: Cursor,
    /// What the shared word says.
    committed: Cursor,
}

/// The ring had no free slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl<'m, S: Slot> Producer<'m, S> {
    /// Takes up the producing end where the shared words stand.
    #[must_use]
    pub fn new(memory: RingMemory<'m, S>) -> Self {
        let next = Cursor::new(memory.producer().load(Ordering::Relaxed));
        let mut ring = Self {
            memory,
            next,
            limit: next,
            committed: next,
        };
        ring.refresh();
        ring
    }

    /// How many slots the ring has.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.memory.size().slots()
    }

    /// How many values, up to `wanted`, can be pushed now without [`Full`].
    ///
    /// The shared word is read only when the cached one leaves less room than wanted.
    #[inline]
    pub fn reserve(&mut self, wanted: u32) -> u32 {
        if self.limit.since(self.next) < wanted {
            self.refresh();
        }
        self.limit.since(self.next).min(wanted)
    }

    /// Writes `value` into the next slot; the peer sees it after [`commit`](Self::commit).
    ///
    /// # Errors
    /// [`Full`] when the peer has taken too little so far.
    #[inline]
    pub fn push(&mut self, value: S::Value) -> Result<(), Full> {
        if self.limit == self.next {
            self.refresh();
            if self.limit == self.next {
                return Err(Full);
            }
        }
        self.memory.slot(self.next).store(value);
        self.next = self.next.plus(1);
        Ok(())
    }

    /// Publishes everything pushed so far.
    #[inline]
    pub fn commit(&mut self) {
        if self.committed != self.next {
            self.committed = self.next;
            // Pairs with the peer's acquire load of the producer word: without it the peer could
            // read a slot before what we stored there.
            self.memory
                .producer()
                .store(self.next.word(), Ordering::Release);
        }
    }

    /// How many committed values the peer has not taken yet, by a fresh look.
    #[inline]
    pub fn outstanding(&mut self) -> u32 {
        self.refresh();
        (self.size() - self.limit.since(self.next)).saturating_sub(self.uncommitted())
    }

    /// How many values were pushed and not committed yet.
    #[must_use]
    pub fn uncommitted(&self) -> u32 {
        self.next.since(self.committed)
    }

    /// Whether the peer asks to be woken now that something was committed.
    #[inline]
    pub fn needs_wakeup(&self) -> bool {
        // Pairs with the peer's barrier between setting the flag and looking at the producer word
        // a last time: without it our load of the flag could be done before our store of the
        // producer is seen, both sides would see the old state, and the wake-up would be lost.
        fence(Ordering::SeqCst);
        self.memory.flags().load(Ordering::Relaxed) & RING_NEED_WAKEUP != 0
    }

    /// Reads the consumer word anew; one that is impossible leaves what was known.
    #[inline]
    fn refresh(&mut self) {
        // Pairs with the peer's release store of the consumer word: without it we could
        // overwrite a slot that the peer is still reading.
        let consumer = Cursor::new(self.memory.consumer().load(Ordering::Acquire));
        if self.committed.since(consumer) <= self.size() {
            let limit = consumer.plus(self.size());
            // A peer that steps back would shrink the room below what was pushed already.
            if limit.since(self.next) <= self.size() {
                self.limit = limit;
            }
        }
    }
}
