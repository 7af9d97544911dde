//! Who owns which frame.

use core::cell::Cell;

/// The owner of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Owner {
    /// Nobody: it waits in the stash.
    #[default]
    Stash,
    /// The program, by a [`Frame`](super::Frame).
    Application,
    /// The kernel, to receive into: on the fill ring, in the kernel's hands, or on the RX ring.
    Receive,
    /// The kernel, to send: on the TX ring, in the kernel's hands, or on the completion ring.
    Transmit,
    /// Nobody any more: the kernel had it when its socket was closed, and may still write to it.
    Retired,
}

/// One [`Owner`] a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ledger<'s> {
    owners: &'s [Cell<Owner>],
}

impl<'s> Ledger<'s> {
    pub(super) fn new(owners: &'s [Cell<Owner>]) -> Self {
        Self { owners }
    }

    /// Passes frame `index` from one owner to the other.
    ///
    /// False, and nothing is changed, when there is no such frame or it isn't `from`'s.
    #[inline]
    pub(super) fn pass(&self, index: u32, from: Owner, to: Owner) -> bool {
        match self.owners.get(index as usize) {
            Some(owner) if owner.get() == from => {
                owner.set(to);
                true
            }
            _ => false,
        }
    }

    /// Every frame's owner, in order.
    pub(super) fn owners(&self) -> impl Iterator<Item = Owner> + 's {
        self.owners.iter().map(Cell::get)
    }
}
