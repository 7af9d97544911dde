//! Which frames the kernel has.
#![allow(unsafe_code)]

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

/// The number of a frame that there is.
///
/// Made in this file only, for the ledger of one UMEM; it stays in that UMEM's stash and tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct FrameIndex(u32);

impl FrameIndex {
    #[inline]
    pub(super) fn get(self) -> u32 {
        self.0
    }
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
    /// A ledger by which all frames are ours. There are at most 2^32.
    pub(super) fn new(owners: &'s [Cell<Owner>]) -> Self {
        owners.iter().for_each(|owner| owner.set(Owner::Ours));
        Self { owners }
    }

    /// Says who has a frame from now on. It must be ours to say, and of this UMEM.
    #[inline]
    pub(super) fn give(&self, frame: FrameIndex, to: Owner) {
        if TRUST_KERNEL {
            return;
        }
        debug_assert!((frame.0 as usize) < self.owners.len());
        // SAFETY: bounds: a frame's index is less than the number of owners: both functions that
        // make one see to it, and it doesn't leave the UMEM whose ledger this is; alignment and
        // lifetime are the slice's; aliasing: a cell, on one thread.
        unsafe { self.owners.get_unchecked(frame.0 as usize) }.set(to);
    }

    /// Takes a frame back from the kernel, if there is one of this number and it is `from`'s.
    #[inline]
    pub(super) fn take_back(&self, number: u64, from: Owner) -> Option<FrameIndex> {
        // In 64 bits, as addresses are: one far out of bounds must not wrap into them.
        if number >= self.owners.len() as u64 {
            return None;
        }
        let owner = self.owners.get(number as usize)?;
        if !TRUST_KERNEL {
            if owner.get() != from {
                return None;
            }
            owner.set(Owner::Ours);
        }
        Some(FrameIndex(number as u32))
    }

    /// Every frame and its owner, in order.
    pub(super) fn frames(&self) -> impl DoubleEndedIterator<Item = (FrameIndex, Owner)> + use<'s> {
        let owner = |(index, owner): (usize, &Cell<Owner>)| (FrameIndex(index as u32), owner.get());
        self.owners.iter().enumerate().map(owner)
    }
}

/// Whether the kernel's word goes for whose a frame is, once it is one: only to measure what the
/// ledger costs (`--cfg xskit_trust_kernel`). A frame may then have two owners, and no census is
/// true.
const TRUST_KERNEL: bool = cfg!(xskit_trust_kernel);
