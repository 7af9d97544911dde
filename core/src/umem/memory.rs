//! Raw memory for a UMEM, and the bytes of one frame in it.
#![allow(unsafe_code)]

use core::ptr::NonNull;
use core::slice;

use super::FrameSize;

/// The owner of a memory region for a UMEM.
///
/// # Safety
/// For as long as the value lives, [`region`](Self::region) must return the same page-aligned,
/// initialised, readable and writable bytes, even after the value was moved, and nothing else in
/// the program may touch them.
///
/// Dropping it must return the pages to the operating system, as `munmap(2)` does, which leaves
/// alone those that the kernel has pinned. If it returns them to an allocator, which hands them out
/// again, [`IS_UNMAPPED`](Self::IS_UNMAPPED) must be false.
pub unsafe trait Memory {
    /// Whether dropping the value unmaps the region. Only simulated kernels take other memory.
    const IS_UNMAPPED: bool = true;

    /// The region's start, and its length in bytes.
    fn region(&self) -> NonNull<[u8]>;
}

/// Where the frames of a region lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frames {
    base: NonNull<u8>,
    size: FrameSize,
    count: u32,
}

impl Frames {
    pub(super) fn new(region: NonNull<[u8]>, size: FrameSize) -> Self {
        let count = u32::try_from(region.len() >> size.shift()).unwrap_or(u32::MAX);
        Self {
            base: region.cast(),
            size,
            count,
        }
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    #[inline]
    pub(super) fn size(&self) -> FrameSize {
        self.size
    }

    /// The address to register with the kernel. From here on the kernel may write there.
    pub(super) fn exposed_address(&self) -> u64 {
        self.base.as_ptr().expose_provenance() as u64
    }

    /// The `len` bytes from `address` on.
    ///
    /// # Safety
    /// They must lie in one frame of a region that lives for `'a`, and the caller must be that
    /// frame's only owner for all of `'a`.
    #[inline]
    pub(super) unsafe fn bytes<'a>(&self, address: u64, len: u32) -> &'a [u8] {
        // SAFETY: bounds by the caller's promise, inside the region; alignment of bytes is 1;
        // lifetime and aliasing by the caller's promise to be the frame's one owner.
        unsafe { slice::from_raw_parts(self.at(address), len as usize) }
    }

    /// The `len` bytes from `address` on, to write.
    ///
    /// # Safety
    /// As [`bytes`](Self::bytes), and no other reference into the frame may live.
    #[inline]
    pub(super) unsafe fn bytes_mut<'a>(&self, address: u64, len: u32) -> &'a mut [u8] {
        // SAFETY: as in `bytes`; the caller also promises that this is the only reference.
        unsafe { slice::from_raw_parts_mut(self.at(address), len as usize) }
    }

    /// # Safety
    /// `address` must be at most the region's length.
    #[inline]
    unsafe fn at(&self, address: u64) -> *mut u8 {
        // SAFETY: the address is inside the region or just past its end, by the caller's promise;
        // the length fits an isize, and so a usize, since the region is one allocation.
        unsafe { self.base.as_ptr().add(address as usize) }
    }
}
