//! Which frames the kernel has.

use core::cell::Cell;

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

/// One [`Owner`] a frame.
///
/// What is ours is given away without a look: a token, or a place in the stash, is the proof. What
/// the kernel gives back is looked up first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ledger<'s> {
    owners: &'s [Cell<Owner>],
}

impl<'s> Ledger<'s> {
    pub(super) fn new(owners: &'s [Cell<Owner>]) -> Self {
        Self { owners }
    }

    /// Says who has a frame from now on. It must be ours to say.
    #[inline]
    pub(super) fn give(&self, index: u32, to: Owner) {
        if TRUST_KERNEL {
            return;
        }
        // Frames of ours are in the ledger; were one not, nothing could ever take it back.
        if let Some(owner) = self.owners.get(index as usize) {
            owner.set(to);
        }
    }

    /// Takes a frame back from the kernel: its number, if there is such a frame and it is `from`'s.
    #[inline]
    pub(super) fn take_back(&self, number: u64, from: Owner) -> Option<u32> {
        if TRUST_KERNEL {
            return Some(number as u32);
        }
        // In 64 bits, as an address has them: one far out of bounds must not wrap into them.
        if number >= self.owners.len() as u64 {
            return None;
        }
        let owner = self.owners.get(number as usize)?;
        if owner.get() != from {
            return None;
        }
        owner.set(Owner::Ours);
        Some(number as u32)
    }

    /// Every frame's owner, in order.
    pub(super) fn owners(&self) -> impl Iterator<Item = Owner> + 's {
        self.owners.iter().map(Cell::get)
    }
}

/// Whether the kernel's word goes unchecked: only to measure what the ledger costs
/// (`--cfg xskit_trust_kernel`). Nothing is sound then if the kernel errs, and no census is true.
const TRUST_KERNEL: bool = cfg!(xskit_trust_kernel);
