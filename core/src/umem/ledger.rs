//! The ledger: which frames the kernel has, by which socket, and since when.
#![allow(unsafe_code)]

use core::cell::Cell;
use core::fmt;

use static_assertions::assert_eq_size;

use super::entry::{Entry, OnFillRing, Owner, SocketNumber};

/// The number of an existing frame.
///
/// Made only in this file, for the ledger of one UMEM, whose stash and tokens it never leaves. The
/// first, which every UMEM has, also fills slots that are not in use yet.
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

/// Eight bytes of book-keeping. A UMEM takes one slot per frame.
///
/// The core allocates nothing, so the caller decides where slots live: in a `Vec`, or in an array.
/// Their content has no meaning until a [`Umem`](super::Umem) has them.
///
/// ```
/// use xskit_core::umem::FrameSlot;
/// let mut many = vec![FrameSlot::new(); 4096];
/// let mut few = [const { FrameSlot::new() }; 64];
/// # let _ = (many.as_mut_slice(), few.as_mut_slice());
/// ```
#[derive(Clone)]
#[repr(C)]
pub struct FrameSlot {
    /// The frame's entry in the ledger.
    pub(super) entry: Cell<Entry>,
    /// A place in the stash.
    pub(super) free: Cell<FrameIndex>,
}

assert_eq_size!(FrameSlot, [u8; 8]);

impl FrameSlot {
    /// A slot of no frame yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            free: Cell::new(FrameIndex::FIRST),
            entry: Cell::new(Entry::OURS),
        }
    }
}

impl Default for FrameSlot {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for FrameSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameSlot").finish_non_exhaustive()
    }
}

/// One [`Entry`] per frame, in the first halves of the [`FrameSlot`]s.
///
/// A frame of ours is given away without a look: a token, or a place in the stash, is the proof. A
/// frame that the kernel gives back is looked up first.
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

    /// The frame is ours again, without the kernel's word. It must be of this UMEM, and not in the
    /// kernel's hands.
    pub(super) fn take_back(&self, frame: FrameIndex) {
        self.write(frame, Entry::OURS);
    }

    /// The frame is out of use from now on.
    pub(super) fn retire(&self, frame: FrameIndex) {
        self.write(frame, Entry::RETIRED);
    }

    /// The kernel has a frame from now on, to send by this socket. It must be ours to give, and of
    /// this UMEM.
    #[inline]
    pub(super) fn send(&self, socket: SocketNumber, frame: FrameIndex) {
        self.write(frame, Entry::sending(socket));
    }

    /// The kernel has a frame from now on, to receive into: its address goes to the loan's place on
    /// the socket's fill ring. It must be ours to lend, and of this UMEM.
    #[inline]
    pub(super) fn lend(&self, frame: FrameIndex, loan: Entry) {
        self.write(frame, loan);
    }

    #[inline]
    fn write(&self, frame: FrameIndex, entry: Entry) {
        if TRUST_KERNEL {
            return;
        }
        self.entry(frame).set(entry);
    }

    /// Takes back the frame of this number, if there is one that was sent by this socket.
    #[inline]
    pub(super) fn take_back_sent(&self, socket: SocketNumber, number: u64) -> Option<FrameIndex> {
        let frame = self.frame(number)?;
        if !TRUST_KERNEL {
            let entry = self.entry(frame);
            if entry.get() != Entry::sending(socket) {
                return None;
            }
            entry.set(Entry::OURS);
        }
        Some(frame)
    }

    /// Takes back the frame of this number, if there is one that was lent to receive into and is
    /// off the fill ring.
    #[inline]
    pub(super) fn take_back_lent(&self, number: u64, on_ring: OnFillRing) -> Option<FrameIndex> {
        let frame = self.frame(number)?;
        if !TRUST_KERNEL {
            let entry = self.entry(frame);
            if !on_ring.is_past(entry.get()) {
                return None;
            }
            entry.set(Entry::OURS);
        }
        Some(frame)
    }

    /// Whether there is a frame of this number that was lent to receive into, by this socket.
    pub(super) fn is_lent(&self, socket: SocketNumber, number: u64) -> bool {
        self.frame(number).is_some_and(|frame| {
            let entry = self.entry(frame).get();
            entry.is_with(socket) && entry.owner() == Owner::Receive
        })
    }

    /// The frame of a number that the kernel gave, if there is one.
    #[inline]
    fn frame(&self, number: u64) -> Option<FrameIndex> {
        // In 64 bits, as addresses are: one far out of bounds must not wrap into them.
        (number < self.slots.len() as u64).then_some(FrameIndex(number as u32))
    }

    /// A frame's entry. The frame must be of this UMEM.
    #[inline]
    fn entry(&self, frame: FrameIndex) -> &'s Cell<Entry> {
        debug_assert!((frame.0 as usize) < self.slots.len());
        // SAFETY: bounds: a frame's index is less than the number of slots, as the functions that
        // make one ensure, and it does not leave the UMEM whose ledger this is; alignment and
        // lifetime: the slice's; aliasing: a cell, on one thread.
        &unsafe { self.slots.get_unchecked(frame.0 as usize) }.entry
    }

    /// Every frame, in order.
    pub(super) fn frames(&self) -> impl DoubleEndedIterator<Item = FrameIndex> + use<> {
        (0..self.slots.len() as u32).map(FrameIndex)
    }

    /// The owner of every frame, in order.
    pub(super) fn owners(&self) -> impl Iterator<Item = Owner> + use<'s> {
        self.slots.iter().map(|slot| slot.entry.get().owner())
    }

    /// The frames that the kernel has by this socket, and what for, in order.
    pub(super) fn with(
        &self,
        socket: SocketNumber,
    ) -> impl Iterator<Item = (FrameIndex, Owner)> + use<'s> {
        let entries = self.slots.iter().map(|slot| slot.entry.get()).enumerate();
        entries
            .filter(move |(_, entry)| entry.is_with(socket))
            .map(|(index, entry)| (FrameIndex(index as u32), entry.owner()))
    }
}

/// Short for any number of frames: printing a UMEM or a socket prints this.
impl fmt::Debug for Ledger<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("frames", &self.slots.len())
            .finish_non_exhaustive()
    }
}

/// Whether the kernel is believed about the owner of a frame that exists: only for measuring the
/// cost of the ledger (`--cfg xskit_trust_kernel`). A frame may then have two owners, and a census
/// is wrong.
const TRUST_KERNEL: bool = cfg!(xskit_trust_kernel);

#[cfg(test)]
mod tests {
    use super::{Entry, FrameSlot, Ledger, OnFillRing, Owner, SocketNumber};
    use crate::ring::Cursor;

    const SOCKET: SocketNumber = SocketNumber::lowest_free(0b1_1111).unwrap();
    const OTHER: SocketNumber = SocketNumber::lowest_free(0b1111).unwrap();

    fn ledger_of(slots: &[FrameSlot; 1], entry: Entry) -> Ledger<'_> {
        let ledger = Ledger::new(slots);
        slots[0].entry.set(entry);
        ledger
    }

    /// Whether a frame with this entry comes back, with 4 entries on the fill ring from `first` on.
    fn comes_back(entry: Entry, first: u32) -> bool {
        let slots = [FrameSlot::new()];
        let on_ring = OnFillRing::new(SOCKET, Cursor::new(first), 4);
        ledger_of(&slots, entry)
            .take_back_lent(0, on_ring)
            .is_some()
    }

    #[test]
    fn a_loan_comes_back_once_its_place_is_passed() {
        for first in [0, 7, (1 << 24) - 2, 1 << 24, (1 << 30) - 2, u32::MAX - 1] {
            let at = |ahead: u32| Cursor::new(first).plus(ahead);
            assert!((0..4).all(|ahead| !comes_back(Entry::loan(SOCKET, at(ahead)), first)));
            let loan = Entry::loan(SOCKET, at(0)).next_loan();
            assert_eq!(loan, Entry::loan(SOCKET, at(1)));
            for behind in [1, 2, 1000, 1 << 23] {
                let place = at(0u32.wrapping_sub(behind));
                assert!(comes_back(Entry::loan(SOCKET, place), first));
                assert!(!comes_back(Entry::loan(OTHER, place), first));
            }
            for owner in [Owner::Ours, Owner::Transmit, Owner::Retired] {
                assert!(!comes_back(Entry::of(owner), first));
                assert!(!comes_back(Entry::with(SOCKET, owner), first));
            }
        }
    }

    #[test]
    fn a_frame_comes_back_by_the_socket_that_has_it() {
        let slots = [FrameSlot::new()];
        let ledger = ledger_of(&slots, Entry::sending(SOCKET));
        assert!(ledger.take_back_sent(OTHER, 0).is_none());
        assert!(ledger.take_back_sent(SOCKET, 0).is_some());
        assert!(ledger.take_back_sent(SOCKET, 0).is_none(), "once");

        ledger_of(&slots, Entry::loan(SOCKET, Cursor::new(9)));
        assert!(ledger.is_lent(SOCKET, 0) && !ledger.is_lent(OTHER, 0));
    }
}
