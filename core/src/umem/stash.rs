//! The free frames, last in first out, so that the warm ones go out again first.
#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::fmt;

use heapless::vec::VecView;

use super::ledger::{FrameIndex, Ledger};

/// A stack of frame numbers in memory that a [`FrameStore`](super::FrameStore) holds.
///
/// `UnsafeCell` makes it `!Sync`: all of a UMEM's tokens stay on one thread.
#[derive(Clone, Copy)]
pub(super) struct Stash<'s> {
    free: &'s UnsafeCell<VecView<FrameIndex>>,
}

impl<'s> Stash<'s> {
    pub(super) fn new(free: &'s UnsafeCell<VecView<FrameIndex>>) -> Self {
        Self { free }
    }

    /// Every frame of a ledger is free, the first on top.
    pub(super) fn hold_all(&self, ledger: Ledger<'_>) {
        self.with(VecView::clear);
        self.push_many(ledger.frames().rev().map(|(index, _)| index));
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<FrameIndex> {
        self.with(VecView::pop)
    }

    /// Puts a frame back. The stash has room for all frames of its UMEM; one too many is refused.
    #[inline]
    pub(super) fn push(&self, index: FrameIndex) -> bool {
        self.with(|free| free.push(index).is_ok())
    }

    /// Shows the uppermost frames, at most `wanted`, the top one last, to `take`, which says how
    /// many of them, from the top, it takes.
    ///
    /// `take` must not come back to this stash.
    #[inline]
    pub(super) fn pop_many(&self, wanted: u32, take: impl FnOnce(&[FrameIndex]) -> usize) -> usize {
        self.with(|free| {
            let below = free.len().saturating_sub(wanted as usize);
            let taken = take(free.get(below..).unwrap_or_default());
            free.truncate(free.len().saturating_sub(taken));
            taken
        })
    }

    /// Puts the frames back that `frames` yields, at most as many as there is room for, which is
    /// all of a UMEM's. Returns how many.
    ///
    /// `frames` must not come back to this stash.
    #[inline]
    pub(super) fn push_many(&self, frames: impl Iterator<Item = FrameIndex>) -> u32 {
        self.with(|free| {
            let before = free.len();
            frames.for_each(|index| {
                // There is room for every frame; were there none, this one would stay out of use.
                let _ = free.push(index);
            });
            (free.len() - before) as u32
        })
    }

    #[inline]
    pub(super) fn len(&self) -> u32 {
        self.with(|free| free.len() as u32)
    }

    /// The one access to the stack. Private, and no `action` above calls out of this crate.
    #[inline]
    fn with<R>(&self, action: impl FnOnce(&mut VecView<FrameIndex>) -> R) -> R {
        // SAFETY: aliasing: the reference lives for one call of `action`, which never comes back
        // to this stash, and `UnsafeCell` keeps every copy of `self` on one thread; bounds,
        // alignment and lifetime are those of the reference that `new` was given.
        action(unsafe { &mut *self.free.get() })
    }
}

impl fmt::Debug for Stash<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stash").field("len", &self.len()).finish()
    }
}
