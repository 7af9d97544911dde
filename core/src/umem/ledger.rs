//! Which frames the kernel has, and since when.
#![allow(unsafe_code)]

use core::cell::Cell;
use core::fmt;

use super::FrameSlot;
use crate::ring::{Cursor, RingSize};

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

/// An [`Owner`] in the two lowest bits, and above them, for a frame that the kernel has, whose
/// socket's side of the kernel it is ([`SocketNumber`]). The other 24 bits are, for a frame that was
/// lent to receive into, the lowest of the fill ring's cursor at which its address stands.
///
/// A ring has at most 2^20 slots, so a cursor among its entries is told apart from all others. The
/// cursor of a loan that outlives 2^24 later ones may look like one of theirs: its packet is then
/// refused, at worst.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Entry(u32);

impl Entry {
    pub(super) const OURS: Self = Self::of(Owner::Ours);

    const RETIRED: Self = Self::of(Owner::Retired);

    const OWNER_BITS: u32 = 2;
    /// What says whose a frame is, without its place.
    const HOLDER_BITS: u32 = Self::OWNER_BITS + SocketNumber::BITS;

    #[inline]
    const fn of(owner: Owner) -> Self {
        Self(owner as u32)
    }

    /// With the kernel's side of a socket.
    #[inline]
    const fn with(socket: SocketNumber, owner: Owner) -> Self {
        Self((socket.0 as u32) << Self::OWNER_BITS | owner as u32)
    }

    /// To send, by this socket.
    #[inline]
    const fn sending(socket: SocketNumber) -> Self {
        Self::with(socket, Owner::Transmit)
    }

    /// Lent to receive into, at this place of this socket's fill ring.
    #[inline]
    pub(super) const fn loan(socket: SocketNumber, at: Cursor) -> Self {
        Self(at.word() << Self::HOLDER_BITS | Self::with(socket, Owner::Receive).0)
    }

    /// Lent at the place after this loan's.
    #[inline]
    pub(super) const fn next_loan(self) -> Self {
        Self(self.0.wrapping_add(1 << Self::HOLDER_BITS))
    }

    const fn owner(self) -> Owner {
        match self.0 & 3 {
            0 => Owner::Ours,
            1 => Owner::Receive,
            2 => Owner::Transmit,
            _ => Owner::Retired,
        }
    }

    /// Whether the kernel has the frame, by this socket.
    fn is_with(self, socket: SocketNumber) -> bool {
        let holder = self.0 & ((1 << Self::HOLDER_BITS) - 1);
        [Owner::Receive, Owner::Transmit]
            .map(|owner| Self::with(socket, owner).0)
            .contains(&holder)
    }
}

/// Which of a UMEM's open sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SocketNumber(u8);

impl SocketNumber {
    const BITS: u32 = 6;

    /// How many sockets may be open over one UMEM at a time.
    pub(crate) const COUNT: u32 = 1 << Self::BITS;

    /// The lowest number that is not in a set, which has a bit for each.
    pub(super) const fn lowest_free(set: u64) -> Option<Self> {
        let number = set.trailing_ones();
        if number < Self::COUNT {
            Some(Self(number as u8))
        } else {
            None
        }
    }

    /// The set of this number alone.
    pub(super) const fn bit(self) -> u64 {
        1 << self.0
    }
}

/// The entries of a socket's fill ring that the kernel has not taken, as far as we know: what a
/// loan's place is held against.
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
    pub(crate) const fn new(socket: SocketNumber, first: Cursor, count: u32) -> Self {
        Self {
            end: Entry::loan(socket, first.plus(count)),
            others: PLACES - count,
        }
    }

    /// Whether an entry is a loan by this socket, at another place than these.
    #[inline]
    const fn is_past(self, entry: Entry) -> bool {
        // The holder's bits are equal, and their difference nothing, only for a loan by this
        // socket. Whatever else they leave goes to the top, and is more than there are places.
        let ahead = entry.0.wrapping_sub(self.end.0);
        ahead.rotate_right(Entry::HOLDER_BITS) < self.others
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

    /// The kernel has a frame from now on, to receive into: its address goes to this loan's place of
    /// its socket's fill ring. It must be ours to lend, and of this UMEM.
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

    /// Takes a frame back that was sent by this socket, if there is one of this number.
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

    /// Takes a frame that was lent to receive into back from the kernel, if there is one of this
    /// number and it is off the fill ring.
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
        // SAFETY: bounds: a frame's index is less than the number of slots: the functions that make
        // one see to it, and it doesn't leave the UMEM whose ledger this is; alignment and lifetime
        // are the slice's; aliasing: a cell, on one thread.
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

/// Short, however many frames there are: whoever prints a frame's UMEM or socket prints this.
impl fmt::Debug for Ledger<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("frames", &self.slots.len())
            .finish_non_exhaustive()
    }
}

/// How many places of the fill ring an [`Entry`] tells apart.
const PLACES: u32 = 1 << (u32::BITS - Entry::HOLDER_BITS);

const _: () = assert!(RingSize::MAX.slots() < PLACES / 2);

/// Whether the kernel's word goes for whose a frame is, once it is one: only to measure what the
/// ledger costs (`--cfg xskit_trust_kernel`). A frame may then have two owners, and no census is
/// true.
const TRUST_KERNEL: bool = cfg!(xskit_trust_kernel);

#[cfg(test)]
mod tests {
    use super::{Entry, Ledger, OnFillRing, Owner, SocketNumber};
    use crate::ring::Cursor;
    use crate::umem::FrameSlot;

    const SOCKET: SocketNumber = SocketNumber(5);
    const OTHER: SocketNumber = SocketNumber(4);

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

    #[test]
    fn sockets_are_numbered_from_the_lowest_free_on() {
        let numbers = [0, 0b101, u64::MAX >> 1, u64::MAX].map(SocketNumber::lowest_free);
        let [first, second, last] = [0, 1, 63].map(|number| Some(SocketNumber(number)));
        assert_eq!(numbers, [first, second, last, None]);
        assert_eq!(SocketNumber(63).bit(), 1 << 63);
    }
}
