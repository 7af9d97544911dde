//! The producing end of a ring.

use super::sync::{Ordering, fence};
use super::{Cursor, FreeSlots, Full, RingMemory, Slot};
use crate::abi::RING_NEED_WAKEUP;

/// The producing end: `reserve`, `push`, `commit`, or all three by `push_from`; the first two for a
/// batch by `free_slots`.
///
/// ```text
///   consumer word      committed         next             limit
///   ----|==================|----------------|................|----
///        the peer's to take  written, unseen   free to write
/// ```
///
/// ```
/// use std::sync::atomic::AtomicU32;
/// use xskit_core::ring::{AddressSlot, Consumer, Full, Producer, RingMemory};
///
/// // The words and slots of a ring; of a socket's rings, the peer is the kernel.
/// let (producer, consumer, flags) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
/// let slots: [AddressSlot; 2] = Default::default();
/// let memory = RingMemory::new(&producer, &consumer, &flags, &slots)?;
/// let (mut ours, mut theirs) = (Producer::new(memory), Consumer::new(memory));
///
/// assert_eq!((ours.push(4096), ours.push(8192)), (Ok(()), Ok(())));
/// assert_eq!((ours.push(0), theirs.pop()), (Err(Full), None));
/// ours.commit();
/// assert_eq!((theirs.pop(), theirs.pop()), (Some(4096), Some(8192)));
/// theirs.release();
/// assert_eq!(ours.reserve(2), 2);
/// # Ok::<(), xskit_core::ring::LayoutError>(())
/// ```
#[doc(alias = "xsk_ring_prod")]
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

impl<'m, S: Slot> Producer<'m, S> {
    /// The producing end, starting at the present values of the shared words.
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

    /// All of our cursors, for a search that tells states apart: the next slot, the end of the free
    /// slots, and the end of the committed ones.
    #[cfg(feature = "sim")]
    #[doc(hidden)]
    #[must_use]
    pub fn cursors(&self) -> [Cursor; 3] {
        [self.next, self.limit, self.committed]
    }

    /// How many slots the ring has.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.memory.size().slots()
    }

    /// How many values, up to `wanted`, can be pushed now without [`Full`].
    ///
    /// The shared word is read only if the cached one leaves less room.
    #[doc(alias = "xsk_ring_prod__reserve")]
    #[doc(alias = "xsk_prod_nb_free")]
    #[inline]
    pub fn reserve(&mut self, wanted: u32) -> u32 {
        self.room(wanted as usize) as u32
    }

    /// As [`reserve`](Self::reserve), for the length of a slice.
    #[inline]
    fn room(&mut self, wanted: usize) -> usize {
        if self.limit.since(self.next) as usize >= wanted {
            return wanted;
        }
        wanted.min(self.refresh() as usize)
    }

    /// Writes `value` into the next slot; the peer sees it after [`commit`](Self::commit).
    ///
    /// # Errors
    /// [`Full`] if no slot is free.
    #[inline]
    pub fn push(&mut self, value: S::Value) -> Result<(), Full> {
        if self.limit == self.next && self.refresh() == 0 {
            return Err(Full);
        }
        self.memory.slot(self.next).store(value);
        self.next = self.next.plus(1);
        Ok(())
    }

    /// Up to `wanted` free slots, to push into one at a time without reading the shared word again.
    #[inline]
    pub fn free_slots(&mut self, wanted: u32) -> FreeSlots<'_, 'm, S> {
        let count = self.reserve(wanted);
        FreeSlots::new(self.memory, &mut self.next, count)
    }

    /// Pushes all of `values`, or none if there is no room for all.
    ///
    /// For batches: the cursor stays in a register, and is the only count. An iterator that yields
    /// more than its length overwrites what it pushed before; one that yields less leaves room.
    ///
    /// # Errors
    /// [`Full`] if fewer slots are free than there are values.
    // Always: a call would put the iterator, and a whole Drain in it, into memory.
    #[inline(always)]
    pub fn push_all(
        &mut self,
        values: impl ExactSizeIterator<Item = S::Value>,
    ) -> Result<(), Full> {
        let promised = values.len();
        if self.room(promised) < promised {
            return Err(Full);
        }
        let (memory, first) = (self.memory, self.next);
        let count = values.fold(0, |count, value| {
            memory.slot(first.plus(count)).store(value);
            count + 1
        });
        self.next = first.plus(count.min(promised as u32));
        Ok(())
    }

    /// Pushes as many of `values` as there is room for, and commits them. Returns their number.
    #[inline]
    pub fn push_from(&mut self, values: &[S::Value]) -> u32 {
        let first = self.next;
        let count = self.room(values.len());
        let (Some(pushed), Some(row)) = (values.get(..count), self.memory.row(first, count)) else {
            return self.push_slowly(values);
        };
        let mut pairs = row.iter().zip(pushed);
        // The first one separately, as in `Consumer::drain_into`.
        if let Some((slot, value)) = pairs.next() {
            slot.store(*value);
        }
        for (slot, value) in pairs {
            slot.store(*value);
        }
        self.next = first.plus(count as u32);
        self.commit();
        count as u32
    }

    /// The rare case of [`push_from`](Self::push_from): the values wrap around to the ring's first
    /// slot. Out of line, which leaves the registers to the common case.
    #[cold]
    fn push_slowly(&mut self, values: &[S::Value]) -> u32 {
        let pushed = values.iter().take_while(|value| self.push(**value).is_ok());
        let count = pushed.count() as u32;
        self.commit();
        count
    }

    /// Publishes everything pushed so far. It writes the shared word even if nothing is new, and
    /// the peer then has to fetch it: check [`uncommitted`](Self::uncommitted) where that is
    /// frequent.
    #[doc(alias = "xsk_ring_prod__submit")]
    #[inline]
    pub fn commit(&mut self) {
        self.committed = self.next;
        // Pairs with the peer's acquire load of the producer word: without it the peer could read
        // a slot before what we stored there.
        self.memory
            .producer()
            .store(self.next.word(), Ordering::Release);
    }

    /// Empties the ring: takes back the values that the peer has not taken. Returns their number.
    ///
    /// Only for a ring that the peer does not use: a peer that does may have read the word before.
    pub(crate) fn withdraw(&mut self) -> u32 {
        let (first, count) = self.not_taken();
        self.next = first;
        self.commit();
        count
    }

    /// How many committed values the peer has not taken yet. Reads the shared word.
    #[must_use]
    #[inline]
    pub fn outstanding(&mut self) -> u32 {
        (self.size() - self.refresh()).saturating_sub(self.uncommitted())
    }

    /// The slot that the next value goes into.
    #[must_use]
    #[inline]
    pub fn position(&self) -> Cursor {
        self.next
    }

    /// The values that the peer has not taken: the position of the first, and their number. Reads
    /// the shared word.
    #[must_use]
    #[inline]
    pub fn not_taken(&mut self) -> (Cursor, u32) {
        self.look();
        self.known_not_taken()
    }

    /// As [`not_taken`](Self::not_taken), without reading the shared word.
    #[must_use]
    #[inline]
    pub fn known_not_taken(&self) -> (Cursor, u32) {
        let consumer = Cursor::new(self.limit.word().wrapping_sub(self.size()));
        (consumer, self.next.since(consumer))
    }

    /// How many values are pushed and not committed yet.
    #[must_use]
    #[inline]
    pub fn uncommitted(&self) -> u32 {
        self.next.since(self.committed)
    }

    /// Whether the peer asks to be woken now that something was committed.
    #[must_use]
    #[doc(alias = "xsk_ring_prod__needs_wakeup")]
    #[inline]
    pub fn needs_wakeup(&self) -> bool {
        // Pairs with the peer's barrier between setting the flag and looking at the producer word
        // a last time: without it our load of the flag could be done before our store of the
        // producer is seen, both sides would see the old state, and the wake-up would be lost.
        fence(Ordering::SeqCst);
        self.memory.flags().load(Ordering::Relaxed) & RING_NEED_WAKEUP != 0
    }

    /// Whether `wanted` values can be pushed. Reads the shared word, and does not cache it.
    #[must_use]
    #[inline]
    pub fn has_room(&self, wanted: u32) -> bool {
        // Relaxed: no slot is written because of this.
        let consumer = Cursor::new(self.memory.consumer().load(Ordering::Relaxed));
        let limit = match self.committed.since(consumer) <= self.size() - self.uncommitted() {
            true => consumer.plus(self.size()),
            false => self.limit,
        };
        limit.since(self.next) >= wanted
    }

    /// Reads the consumer word again, and returns how many values can be pushed. An impossible word
    /// is ignored.
    #[cold]
    fn refresh(&mut self) -> u32 {
        self.look();
        self.limit.since(self.next)
    }

    #[inline]
    fn look(&mut self) {
        // Pairs with the peer's release store of the consumer word: without it we could
        // overwrite a slot that the peer is still reading.
        let consumer = Cursor::new(self.memory.consumer().load(Ordering::Acquire));
        let size = self.size();
        // Never ahead of what is committed, and at most a whole ring behind what was pushed.
        if self.committed.since(consumer) <= size - self.uncommitted() {
            self.limit = consumer.plus(size);
        }
    }
}
