//! Which frames the kernel has, and since when.
#![allow(unsafe_code)]

use core::cell::Cell;
use core::fmt;

use super::FrameSlot;
use crate::ring::Cursor;

/// Who has a frame, as far as the kernel's word is checked against it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Owner {
    /// We: it is in the stash, or a [`Frame`](super::Frame) is out for it.
    #[default]
    Ours,
    /// The kernel, to receive into: on the fill ring, in the kernel's hands, or on the RX ring.
    Receive,
    /// The kernel, to send: on the TX ring, in the kernel's hands, or on the completion ring.
    Transmit,
    /// Nobody any more: the kernel had it when its socket was closed, and may still write to it.
    Retired,
}

/// An [`Owner`] in the two lowest bits; above them, for a frame that was lent to receive into, the
/// fill ring's cursor at which its address stands, less the two highest bits.
///
/// A ring has far fewer than 2^30 slots, so a cursor among its entries is told apart from all
/// others. The cursor of a loan that outlives 2^30 later ones may look like one of theirs: its
/// packet is then refused, at worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Entry(u32);

impl Entry {
    pub(super) const OURS: Self = Self::of(Owner::Ours);

    const OWNER_BITS: u32 = 2;

    #[inline]
    const fn of(owner: Owner) -> Self {
        Self(owner as u32)
    }

    /// Lent to receive into, at this place of the fill ring.
    #[inline]
    const fn loan(at: Cursor) -> Self {
        Self(at.word() << Self::OWNER_BITS | Owner::Receive as u32)
    }

    const fn owner(self) -> Owner {
        match self.0 & 3 {
            0 => Owner::Ours,
            1 => Owner::Receive,
            2 => Owner::Transmit,
            _ => Owner::Retired,
        }
    }
}

/// The entries of the fill ring that the kernel has not taken, as far as we know: what a loan's
/// place is held against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnFillRing {
    /// The entry of a loan just after the last of them.
    end: Entry,
    /// How many places there are from there on, up to the first of them.
    others: u32,
}

impl OnFillRing {
    /// The `count` entries from `first` on.
    #[inline]
    pub(crate) const fn new(first: Cursor, count: u32) -> Self {
        Self {
            end: Entry::loan(first.plus(count)),
            others: PLACES - count,
        }
    }

    /// Whether an entry is a loan at another place than these.
    #[inline]
    const fn is_past(self, entry: Entry) -> bool {
        // The owner's bits are equal, and their difference nothing, only for a loan. Whatever else
        // they leave goes to the top, and is more than there are places.
        let ahead = entry.0.wrapping_sub(self.end.0);
        ahead.rotate_right(Entry::OWNER_BITS) < self.others
    }
}

/// The number of a frame that there is.
///
/// Made in this file only, for the ledger of one UMEM (and the first, which each has, for slots that are
/// still to be filled in); it stays in that UMEM's stash and tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct FrameIndex(u32);

impl FrameIndex {
    pub(super) const FIRST: Self = Self(0);

    #[inline]
    pub(super) fn get(self) -> u32 {
        self.0
    }
}

/// One [`Entry`] per frame, in the second halves of the [`FrameSlot`]s.
///
/// What is ours is given away without a look: a token, or a place in the stash, is the proof. What
/// the kernel gives back is looked up first.
#[derive(Clone, Copy)]
pub(super) struct Ledger<'s> {
    slots: &'s [FrameSlot],
}

impl<'s> Ledger<'s> {
    /// A ledger by which all frames are ours. There are at most 2^32.
    pub(super) fn new(slots: &'s [FrameSlot]) -> Self {
        let ledger = Self { slots };
        ledger.restart();
        ledger
    }

    /// All frames are ours.
    pub(super) fn restart(&self) {
        self.slots
            .iter()
            .for_each(|slot| slot.entry.set(Entry::OURS));
    }

    /// Says who has a frame from now on. It must be ours to say, and of this UMEM.
    #[inline]
    pub(super) fn give(&self, frame: FrameIndex, to: Owner) {
        self.write(frame, Entry::of(to));
    }

    /// The kernel has a frame from now on, to receive into: its address goes to this place of the
    /// fill ring. It must be ours to lend, and of this UMEM.
    #[inline]
    pub(super) fn lend(&self, frame: FrameIndex, at: Cursor) {
        self.write(frame, Entry::loan(at));
    }

    #[inline]
    fn write(&self, frame: FrameIndex, entry: Entry) {
        if TRUST_KERNEL {
            return;
        }
        debug_assert!((frame.0 as usize) < self.slots.len());
        // SAFETY: bounds: a frame's index is less than the number of slots: both functions that
        // make one see to it, and it doesn't leave the UMEM whose ledger this is; alignment and
        // lifetime are the slice's; aliasing: a cell, on one thread.
        unsafe { self.slots.get_unchecked(frame.0 as usize) }
            .entry
            .set(entry);
    }

    /// Takes a frame that was sent back from the kernel, if there is one of this number.
    #[inline]
    pub(super) fn take_back_sent(&self, number: u64) -> Option<FrameIndex> {
        let entry = self.entry(number)?;
        if !TRUST_KERNEL {
            if entry.get() != Entry::of(Owner::Transmit) {
                return None;
            }
            entry.set(Entry::OURS);
        }
        Some(FrameIndex(number as u32))
    }

    /// Takes a frame that was lent to receive into back from the kernel, if there is one of this
    /// number and it is off the fill ring.
    #[inline]
    pub(super) fn take_back_lent(&self, number: u64, on_ring: OnFillRing) -> Option<FrameIndex> {
        let entry = self.entry(number)?;
        if !TRUST_KERNEL {
            if !on_ring.is_past(entry.get()) {
                return None;
            }
            entry.set(Entry::OURS);
        }
        Some(FrameIndex(number as u32))
    }

    /// Whether there is a frame of this number that was lent to receive into.
    pub(super) fn is_lent(&self, number: u64) -> bool {
        self.entry(number)
            .is_some_and(|entry| entry.get().owner() == Owner::Receive)
    }

    #[inline]
    fn entry(&self, number: u64) -> Option<&'s Cell<Entry>> {
        // In 64 bits, as addresses are: one far out of bounds must not wrap into them.
        if number >= self.slots.len() as u64 {
            return None;
        }
        Some(&self.slots.get(number as usize)?.entry)
    }

    /// Every frame and its owner, in order.
    pub(super) fn frames(&self) -> impl DoubleEndedIterator<Item = (FrameIndex, Owner)> + use<'s> {
        let owner = |(index, slot): (usize, &FrameSlot)| {
            (FrameIndex(index as u32), slot.entry.get().owner())
        };
        self.slots.iter().enumerate().map(owner)
    }
}

/// Short, however many frames there are: whoever prints a frame's UMEM or socket prints this.
impl fmt::Debug for Ledger<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("frames", &self.slots.len())
            .finish_non_exhaustive()
    }
}

/// How many places of the fill ring an [`Entry`] tells apart.
const PLACES: u32 = 1 << (u32::BITS - Entry::OWNER_BITS);

/// Whether the kernel's word goes for whose a frame is, once it is one: only to measure what the
/// ledger costs (`--cfg xskit_trust_kernel`). A frame may then have two owners, and no census is
/// true.
const TRUST_KERNEL: bool = cfg!(xskit_trust_kernel);

#[cfg(test)]
mod tests {
    use super::{Entry, Ledger, OnFillRing, Owner};
    use crate::ring::Cursor;
    use crate::umem::FrameSlot;

    /// Whether a frame with this entry comes back, with 4 entries on the fill ring from `first` on.
    fn comes_back(entry: Entry, first: u32) -> bool {
        let slots = [FrameSlot::new()];
        let ledger = Ledger::new(&slots);
        slots[0].entry.set(entry);
        let on_ring = OnFillRing::new(Cursor::new(first), 4);
        ledger.take_back_lent(0, on_ring).is_some()
    }

    #[test]
    fn a_loan_comes_back_once_its_place_is_passed() {
        for first in [0, 7, (1 << 30) - 2, 1 << 30, u32::MAX - 1] {
            let at = |ahead: u32| Entry::loan(Cursor::new(first).plus(ahead));
            assert!((0..4).all(|ahead| !comes_back(at(ahead), first)));
            for behind in [1, 2, 1000, 1 << 29] {
                assert!(comes_back(at(0u32.wrapping_sub(behind)), first));
            }
            for owner in [Owner::Ours, Owner::Transmit, Owner::Retired] {
                assert!(!comes_back(Entry::of(owner), first));
            }
        }
    }
}
