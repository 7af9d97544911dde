//! The memory that a UMEM's book-keeping lives in.

use core::cell::{Cell, UnsafeCell};
use core::fmt;

use heapless::Vec;

use super::UmemError;
use super::ledger::{Entry, FrameIndex, Ledger};
use super::stash::Stash;

/// Book-keeping for up to `N` frames: the stash and the ledger, eight bytes per frame.
///
/// The core allocates nothing, so the caller says where this lives: on the stack or in a `Box`. The capacity stops here: [`Umem`](super::Umem) and everything above see a view.
///
/// ```
/// use xskit_core::umem::FrameStore;
/// let mut store = FrameStore::<4096>::new();
/// ```
pub struct FrameStore<const N: usize> {
    free: UnsafeCell<Vec<FrameIndex, N>>,
    entries: [Cell<Entry>; N],
}

impl<const N: usize> FrameStore<N> {
    /// An empty store.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            free: UnsafeCell::new(Vec::new()),
            entries: [const { Cell::new(Entry::OURS) }; N],
        }
    }

    /// Views of the stash and the ledger for `frames` frames, all of them in the stash.
    pub(super) fn start(&mut self, frames: u32) -> Result<(Stash<'_>, Ledger<'_>), UmemError> {
        let too_many = UmemError::TooManyFrames {
            frames,
            capacity: N,
        };
        let ledger = Ledger::new(self.entries.get(..frames as usize).ok_or(too_many)?);
        let stash = Stash::new(&self.free);
        stash.hold_all(ledger);
        Ok((stash, ledger))
    }
}

impl<const N: usize> Default for FrameStore<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> fmt::Debug for FrameStore<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameStore")
            .field("capacity", &N)
            .finish_non_exhaustive()
    }
}
