//! The free frames, last in first out, so that the warm ones go out again first.
#![allow(unsafe_code)]

use core::cell::UnsafeCell;
use core::fmt;

use heapless::vec::VecView;

/// A stack of frame numbers in memory that a [`FrameStore`](super::FrameStore) holds.
///
/// `UnsafeCell` makes it `!Sync`: all of a UMEM's tokens stay on one thread.
#[derive(Clone, Copy)]
pub(super) struct Stash<'s> {
    free: &'s UnsafeCell<VecView<u32>>,
}

impl<'s> Stash<'s> {
    pub(super) fn new(free: &'s UnsafeCell<VecView<u32>>) -> Self {
        Self { free }
    }

    #[inline]
    pub(super) fn pop(&self) -> Option<u32> {
        self.with(VecView::pop)
    }

    /// Puts a frame back. The stash has room for all frames of its UMEM; one too many is refused.
    #[inline]
    pub(super) fn push(&self, index: u32) -> bool {
        self.with(|free| free.push(index).is_ok())
    }

    #[inline]
    pub(super) fn len(&self) -> u32 {
        self.with(|free| free.len() as u32)
    }

    /// The one access to the stack. Private, and no `action` above calls out of this file.
    #[inline]
    fn with<R>(&self, action: impl FnOnce(&mut VecView<u32>) -> R) -> R {
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
