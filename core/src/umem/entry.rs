//! A frame's entry in the ledger: its owner, in 32 bits.

use crate::ring::{Cursor, RingSize};

/// The owner of a frame, against which the kernel's word is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Owner {
    /// The program: the frame is in the stash, or a [`Frame`](super::Frame) stands for it.
    #[default]
    Ours,
    /// The kernel, to receive into: on the fill ring, in the kernel's hands, or on the RX ring.
    Receive,
    /// The kernel, to send: on the TX ring, in the kernel's hands, or on the completion ring.
    Transmit,
    /// No owner: the kernel had it when its socket was closed, and may still write to it.
    Retired,
}

/// An [`Owner`] in the two lowest bits. For a frame that the kernel has, the next six are the
/// number of the socket whose rings passed it to the kernel ([`SocketNumber`]). For a frame that is
/// lent to receive into, the other 24 are the lowest bits of the fill ring's cursor at its address.
///
/// A ring has at most 2^20 slots, so these bits tell the cursors of its entries apart. The cursor
/// of a loan that outlives 2^24 later ones may look like one of theirs: at worst its packet is then
/// refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Entry(u32);

impl Entry {
    pub(super) const OURS: Self = Self::of(Owner::Ours);

    pub(super) const RETIRED: Self = Self::of(Owner::Retired);

    const OWNER_BITS: u32 = 2;
    /// The bits of the owner and the socket, without those of the place.
    const HOLDER_BITS: u32 = Self::OWNER_BITS + SocketNumber::BITS;

    #[inline]
    pub(super) const fn of(owner: Owner) -> Self {
        Self(owner as u32)
    }

    /// With the kernel, by this socket.
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

/// The number of a socket among those open over its UMEM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SocketNumber(u8);

impl SocketNumber {
    const BITS: u32 = 6;

    /// How many sockets may be open over one UMEM at a time.
    pub(crate) const COUNT: u32 = 1 << Self::BITS;

    /// The lowest number that is not in `set`, which has a bit for each.
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

/// The entries of a socket's fill ring that the kernel has not taken, as far as we know. A loan's
/// place is compared with them.
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
        // Only a loan by this socket has equal holder's bits, whose difference is zero. Any other
        // difference is rotated to the top, and exceeds the number of places.
        let ahead = entry.0.wrapping_sub(self.end.0);
        ahead.rotate_right(Entry::HOLDER_BITS) < self.others
    }
}

/// The number of the fill ring's places that an [`Entry`] tells apart.
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
