//! Memory without an allocator: statics, each lent once.

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use xskit_core::umem::Memory;

/// Zeroed pages.
#[repr(C, align(4096))]
pub struct Area<const N: usize> {
    bytes: UnsafeCell<[u8; N]>,
    is_lent: AtomicBool,
}

// SAFETY: the bytes are reached only through `lend`, which gives them to one caller.
unsafe impl<const N: usize> Sync for Area<N> {}

impl<const N: usize> Area<N> {
    /// An area that is not lent yet.
    pub const fn zeroed() -> Self {
        Self {
            bytes: UnsafeCell::new([0; N]),
            is_lent: AtomicBool::new(false),
        }
    }

    /// The start and the length in bytes, on the first call only.
    pub fn lend(&'static self) -> Option<NonNull<[u8]>> {
        let start = NonNull::new(self.bytes.get().cast::<u8>())?;
        (!self.is_lent.swap(true, Ordering::Relaxed))
            .then(|| NonNull::slice_from_raw_parts(start, N))
    }
}

/// An area for a UMEM.
pub struct StaticMemory(NonNull<[u8]>);

impl StaticMemory {
    /// Takes the area, if it is free.
    pub fn new<const N: usize>(area: &'static Area<N>) -> Option<Self> {
        area.lend().map(Self)
    }
}

// SAFETY: a static stays where it is, zeroed and page-aligned, and was lent only to this value.
unsafe impl Memory for StaticMemory {
    const IS_UNMAPPED: bool = false;

    fn region(&self) -> NonNull<[u8]> {
        self.0
    }
}
