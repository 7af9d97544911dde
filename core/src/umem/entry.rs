//! Whose a frame is, in 32 bits.

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

    pub(super) const RETIRED: Self = Self::of(Owner::Retired);

    const OWNER_BITS: u32 = 2;
    /// What says whose a frame is, without its place.
    const HOLDER_BITS: u32 = Self::OWNER_BITS + SocketNumber::BITS;

    #[inline]
    pub(super) const fn of(owner: Owner) -> Self {
        Self(owner as u32)
    }

    /// With the kernel's side of a socket.
    #[inline]
    pub(super) const fn with(socket: SocketNumber, owner: Owner) -> Self {
        Self((socket.0 as u32) << Self::OWNER_BITS | owner as u32)
    }

    /// To send, by this socket.
    #[inline]
    pub(super) const fn sending(socket: SocketNumber) -> Self {
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

    pub(super) const fn owner(self) -> Owner {
        match self.0 & 3 {
            0 => Owner::Ours,
            1 => Owner::Receive,
            2 => Owner::Transmit,
            _ => Owner::Retired,
        }
    }

    /// Whether the kernel has the frame, by this socket.
    pub(super) fn is_with(self, socket: SocketNumber) -> bool {
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
    pub(super) const fn is_past(self, entry: Entry) -> bool {
        // The holder's bits are equal, and their difference nothing, only for a loan by this
        // socket. Whatever else they leave goes to the top, and is more than there are places.
        let ahead = entry.0.wrapping_sub(self.end.0);
        ahead.rotate_right(Entry::HOLDER_BITS) < self.others
    }
}

/// How many places of the fill ring an [`Entry`] tells apart.
const PLACES: u32 = 1 << (u32::BITS - Entry::HOLDER_BITS);

const _: () = assert!(RingSize::MAX.slots() < PLACES / 2);

#[cfg(test)]
mod tests {
    use super::SocketNumber;

    #[test]
    fn sockets_are_numbered_from_the_lowest_free_on() {
        let numbers = [0, 0b101, u64::MAX >> 1, u64::MAX].map(SocketNumber::lowest_free);
        let [first, second, last] = [0, 1, 63].map(|number| Some(SocketNumber(number)));
        assert_eq!(numbers, [first, second, last, None]);
        assert_eq!(SocketNumber(63).bit(), 1 << 63);
    }
}
