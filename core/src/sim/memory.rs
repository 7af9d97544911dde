//! UMEM memory from the heap, for the simulated kernel only.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;

use crate::umem::Memory;

const PAGE: usize = 4096;

/// Zeroed, page-aligned heap memory.
///
/// For the simulated kernel, which writes only when called. A real kernel needs memory that is
/// unmapped rather than handed out again, which the backends provide.
#[derive(Debug)]
pub struct HeapMemory {
    start: NonNull<u8>,
    layout: Layout,
}

impl HeapMemory {
    /// `len_bytes` bytes, rounded up to whole pages, at least one.
    ///
    /// # Panics
    /// If the memory cannot be allocated.
    #[must_use]
    pub fn new(len_bytes: usize) -> Self {
        let len_bytes = len_bytes.max(1).next_multiple_of(PAGE);
        let layout = Layout::from_size_align(len_bytes, PAGE).expect("a sane length");
        // SAFETY: the layout's size is not zero.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) });
        Self {
            start: start.unwrap_or_else(|| handle_alloc_error(layout)),
            layout,
        }
    }
}

// SAFETY: the region belongs to the value for as long as it lives, is page-aligned by its layout
// and initialised by zeroing. It goes back to an allocator, as `IS_UNMAPPED` says.
unsafe impl Memory for HeapMemory {
    const IS_UNMAPPED: bool = false;

    fn region(&self) -> NonNull<[u8]> {
        NonNull::slice_from_raw_parts(self.start, self.layout.size())
    }
}

impl Drop for HeapMemory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and freed only here.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}
