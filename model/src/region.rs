//! The UMEM's memory, which a test can read and write as the kernel does.
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};

use xskit_core::sim::HeapMemory;
use xskit_core::umem::Memory;

use crate::config::FRAME_BYTES;
use crate::stamp::{Bytes, Stamp};

/// Memory for exactly this many frames, although the heap gives whole pages.
#[derive(Debug)]
pub(crate) struct Region {
    memory: HeapMemory,
    frames: usize,
}

impl Region {
    pub(crate) fn new(frames: u32) -> Self {
        let frames = frames as usize;
        Self {
            memory: HeapMemory::new(frames * size_of::<Bytes>()),
            frames,
        }
    }

    /// The start address.
    pub(crate) fn address(&self) -> usize {
        self.memory.region().addr().get()
    }

    /// Copies all bytes of a frame, as a kernel reads them.
    pub(crate) fn read(&self, frame: u32, into: &mut Bytes) {
        let from = self.frame(frame);
        // SAFETY: bounds: `frame` checks them; alignment of bytes is 1; lifetime: the memory is
        // `self`'s; aliasing: tokens are of the same thread, as they aren't `Send`, and this crate
        // holds no slice of one across a call.
        unsafe { ptr::copy_nonoverlapping(from.as_ptr(), into.as_mut_ptr(), into.len()) }
    }

    /// Fills a frame, as a kernel that receives a packet does.
    pub(crate) fn write(&self, frame: u32, stamp: Stamp) {
        let mut bytes = [0; FRAME_BYTES as usize];
        stamp.fill(&mut bytes);
        let to = self.frame(frame);
        // SAFETY: as in `read`.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to.as_ptr(), bytes.len()) }
    }

    fn frame(&self, frame: u32) -> NonNull<u8> {
        let frame = frame as usize;
        assert!(frame < self.frames, "frame {frame} of {}", self.frames);
        // SAFETY: the frame lies inside the region, so does its start.
        unsafe { self.memory.region().cast().add(frame * size_of::<Bytes>()) }
    }
}

// SAFETY: the region is the start of the heap memory's, which is page-aligned, initialised, this
// value's own and stays where it is; it goes back to an allocator, as `IS_UNMAPPED` says. `read`
// and `write` stand in for the kernel, which the UMEM shares the region with.
unsafe impl Memory for Region {
    const IS_UNMAPPED: bool = HeapMemory::IS_UNMAPPED;

    fn region(&self) -> NonNull<[u8]> {
        let start = self.memory.region().cast();
        NonNull::slice_from_raw_parts(start, self.frames * size_of::<Bytes>())
    }
}
