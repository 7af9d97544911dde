//! The token that is the ownership of a frame.
#![allow(unsafe_code)]

use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut, Range};
use core::ptr;

use super::Pool;
use super::ledger::FrameIndex;
use crate::abi::Desc;

/// One frame of a UMEM, owned by the program: the packet in it is a `&mut [u8]` away.
///
/// A frame is a range of bytes inside a fixed-size buffer. It derefs to that range, which for a
/// received frame is the packet, and for a fresh one is empty until
/// [`set_range`](Self::set_range) says where the packet goes. It can't be copied; sending it or
/// giving it to the kernel consumes it; dropping it puts it back into the stash.
///
/// ```compile_fail,E0382
/// fn twice<'u, B: xskit_core::Backend>(
///     socket: &mut xskit_core::Socket<'u, B>,
///     frame: xskit_core::umem::Frame<'u>,
/// ) {
///     let _ = socket.send(frame);
///     let _ = socket.send(frame); // used after it was handed to the kernel
/// }
/// ```
pub struct Frame<'u> {
    pool: &'u Pool<'u>,
    /// Ours in the pool's ledger, and not in its stash.
    index: FrameIndex,
    /// Where the range starts, in bytes from the start of the UMEM, as descriptors have it. It is
    /// in frame `index`, or just at its end, and so are all `len` bytes from there.
    address: u64,
    len: u32,
}

impl<'u> Frame<'u> {
    /// The token of a frame that has just come out of the stash, or back from the kernel.
    #[inline]
    pub(super) fn new(pool: &'u Pool<'u>, index: FrameIndex, address: u64, len: u32) -> Self {
        Self {
            pool,
            index,
            address,
            len,
        }
    }

    /// Where the packet lies in the frame, in bytes.
    #[must_use]
    #[inline]
    pub fn range(&self) -> Range<usize> {
        let start = (self.address - self.start()) as usize;
        start..start + self.len as usize
    }

    /// How long the packet is, in bytes. As through the slice, without looking at the memory.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether the range is empty.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Says where the packet lies in the frame.
    ///
    /// # Errors
    /// [`RangeError`] when the range leads out of the frame; the old range stays.
    #[inline]
    pub fn set_range(&mut self, range: Range<usize>) -> Result<(), RangeError> {
        if range.start > range.end || range.end > self.capacity() {
            return Err(RangeError {
                capacity: self.capacity(),
            });
        }
        self.address = self.start() + range.start as u64;
        self.len = (range.end - range.start) as u32;
        Ok(())
    }

    /// The size of the whole frame in bytes.
    #[must_use]
    #[inline]
    pub fn capacity(&self) -> usize {
        self.pool.frame_size_bytes() as usize
    }

    /// The whole frame, whatever the range.
    #[must_use]
    #[inline]
    pub fn buffer_mut(&mut self) -> &mut [u8] {
        // SAFETY: the range is the whole frame of a valid index; `&mut self` of the one token
        // makes this the only reference; the pool's region outlives `'u`, and so `self`.
        unsafe {
            self.pool
                .frames()
                .bytes_mut(self.start(), self.pool.frame_size_bytes())
        }
    }

    /// The address of the frame's first byte.
    #[inline]
    fn start(&self) -> u64 {
        self.pool.frames().size().address(self.index.get())
    }

    /// The frame's number in its UMEM, for logs and tests.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index.get()
    }

    /// Whether this frame is of the UMEM that `pool` keeps.
    #[inline]
    pub(crate) fn is_of(&self, pool: &Pool<'_>) -> bool {
        ptr::addr_eq(self.pool, pool)
    }

    /// Ends the token: the kernel owns the frame, to send what is in its range.
    #[inline]
    pub(crate) fn into_transmit(self) -> Desc {
        let frame = ManuallyDrop::new(self);
        frame.pool.send(frame.index);
        Desc {
            addr: frame.address,
            len: frame.len,
            options: 0,
        }
    }
}

impl Deref for Frame<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: the range lies inside the frame of a valid index (both are invariants of the
        // token); `&self` of the one token excludes writers; the region outlives `self`.
        unsafe { self.pool.frames().bytes(self.address, self.len) }
    }
}

impl DerefMut for Frame<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `deref`, and `&mut self` makes this the only reference.
        unsafe { self.pool.frames().bytes_mut(self.address, self.len) }
    }
}

impl Drop for Frame<'_> {
    #[inline]
    fn drop(&mut self) {
        self.pool.give_back(self.index);
    }
}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("index", &self.index())
            .field("range", &self.range())
            .finish()
    }
}

/// A range that leads out of its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeError {
    /// The size of the frame in bytes.
    pub capacity: usize,
}

impl fmt::Display for RangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the range leads out of the frame of {} bytes",
            self.capacity
        )
    }
}

impl core::error::Error for RangeError {}
