//! The memory that a UMEM's book-keeping lives in.

use core::cell::Cell;
use core::fmt;

use static_assertions::assert_eq_size;

use super::ledger::{Entry, FrameIndex};

/// Eight bytes of book-keeping, of which a UMEM takes one for each frame.
///
/// The core allocates nothing, so the caller says where they live: in a `Vec`, or in an array. They
/// say nothing until a [`Umem`](super::Umem) has them.
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
