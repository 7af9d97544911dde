//! The token that stands for the ownership of a frame.
#![allow(unsafe_code)]

use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut, Range};
use core::ptr;

use super::entry::{OnFillRing, SocketNumber};
use super::ledger::FrameIndex;
use super::pool::Pool;
use crate::abi::Desc;

/// One frame of a UMEM, owned by the program, with the packet in it as a `&mut [u8]`.
///
/// A frame is a range of bytes inside a fixed-size buffer. It derefs to that range, which for a
/// received frame is the packet, and for a fresh one is empty until [`set_range`](Self::set_range)
/// says where the packet goes. It cannot be copied. Sending it consumes it; dropping it puts it
/// back into the stash.
///
/// The range shrinks and grows at both ends without moving a byte, so headers are removed and
/// prepended in place:
///
/// ```
/// # use xskit_core::sim::HeapMemory;
/// # use xskit_core::umem::{FrameSize, FrameSlot, Umem};
/// # let mut slots = vec![FrameSlot::new(); 1];
/// # let umem = Umem::new(HeapMemory::new(4096), &mut slots, FrameSize::DEFAULT)?;
/// let mut frame = umem.alloc().expect("a free frame");
/// frame.set_range(256..256 + 9)?;
/// frame.copy_from_slice(b"old hello");
///
/// frame.shrink_front(4)?;
/// frame.grow_front(2)?;
/// frame[..2].copy_from_slice(b"> ");
/// assert_eq!(&frame[..], b"> hello");
///
/// frame.grow_back(1)?;
/// frame[7] = b'!';
/// assert_eq!((&frame[..], frame.range()), (&b"> hello!"[..], 258..266));
///
/// frame.truncate(6);
/// assert_eq!(&frame[..], b"> hell");
/// assert!(frame.shrink_back(7).is_err(), "longer than the packet");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
#[doc(alias = "FrameDesc")]
#[doc(alias = "xdp_desc")]
#[doc(alias = "xsk_umem__get_data")]
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
    /// Takes a free frame out of the stash, its range empty and at its start.
    #[inline]
    pub(crate) fn alloc(pool: &'u Pool<'u>) -> Option<Self> {
        let index = pool.alloc()?;
        let start = pool.frames().size().address(index.get());
        Some(Self::new(pool, index, start, 0))
    }

    /// Takes a frame back from the kernel with the packet that the descriptor names, as
    /// [`Pool::accept`] does.
    #[inline]
    pub(crate) fn accept(pool: &'u Pool<'u>, desc: Desc, on_ring: OnFillRing) -> Option<Self> {
        let index = pool.accept(desc, on_ring)?;
        Some(Self::new(pool, index, desc.addr, desc.len))
    }

    /// The token of a frame that has just come out of the stash, or back from the kernel.
    #[inline]
    fn new(pool: &'u Pool<'u>, index: FrameIndex, address: u64, len: u32) -> Self {
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

    /// The length of the packet in bytes. Does not touch the memory.
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

    /// Sets where the packet lies in the frame, in bytes.
    ///
    /// # Errors
    /// [`RangeError`] if the range leads out of the frame, or ends before it begins. The old range
    /// then stays.
    #[inline]
    pub fn set_range(&mut self, range: Range<usize>) -> Result<(), RangeError> {
        if range.start > range.end || range.end > self.capacity() {
            return Err(self.out_of_range());
        }
        self.address = self.start() + range.start as u64;
        self.len = (range.end - range.start) as u32;
        Ok(())
    }

    /// Removes `len_bytes` from the packet's front: a header that was read, for instance. The bytes
    /// stay in the frame, before the range.
    ///
    /// # Errors
    /// [`RangeError`] if the packet is shorter. The old range then stays.
    #[doc(alias = "skb_pull")]
    #[doc(alias = "bpf_xdp_adjust_head")]
    #[inline]
    pub fn shrink_front(&mut self, len_bytes: usize) -> Result<(), RangeError> {
        let Range { start, end } = self.range();
        self.set_range(start.saturating_add(len_bytes)..end)
    }

    /// Removes `len_bytes` from the packet's back: a checksum or padding, for instance.
    ///
    /// # Errors
    /// [`RangeError`] if the packet is shorter. The old range then stays.
    #[doc(alias = "bpf_xdp_adjust_tail")]
    #[inline]
    pub fn shrink_back(&mut self, len_bytes: usize) -> Result<(), RangeError> {
        let Range { start, end } = self.range();
        let end = end.checked_sub(len_bytes);
        self.set_range(start..end.ok_or(self.out_of_range())?)
    }

    /// Extends the packet by the `len_bytes` before it: room for a header, with the bytes that the
    /// frame has there.
    ///
    /// A received packet has 256 bytes before it (the kernel's XDP_PACKET_HEADROOM), unless an XDP
    /// program moved its start.
    ///
    /// # Errors
    /// [`RangeError`] if the frame has less room before the packet. The old range then stays.
    #[doc(alias = "skb_push")]
    #[doc(alias = "bpf_xdp_adjust_head")]
    #[inline]
    pub fn grow_front(&mut self, len_bytes: usize) -> Result<(), RangeError> {
        let Range { start, end } = self.range();
        let start = start.checked_sub(len_bytes);
        self.set_range(start.ok_or(self.out_of_range())?..end)
    }

    /// Extends the packet by the `len_bytes` after it, with the bytes that the frame has there.
    ///
    /// # Errors
    /// [`RangeError`] if the frame has less room after the packet. The old range then stays.
    #[doc(alias = "skb_put")]
    #[doc(alias = "bpf_xdp_adjust_tail")]
    #[inline]
    pub fn grow_back(&mut self, len_bytes: usize) -> Result<(), RangeError> {
        let Range { start, end } = self.range();
        self.set_range(start..end.saturating_add(len_bytes))
    }

    /// Shortens the packet to its first `len_bytes`. A packet that is not longer stays as it is, as
    /// with [`Vec::truncate`](https://doc.rust-lang.org/std/vec/struct.Vec.html#method.truncate).
    #[doc(alias = "skb_trim")]
    #[inline]
    pub fn truncate(&mut self, len_bytes: usize) {
        if len_bytes < self.len() {
            self.len = len_bytes as u32;
        }
    }

    fn out_of_range(&self) -> RangeError {
        RangeError {
            capacity: self.capacity(),
        }
    }

    /// The size of the whole frame in bytes.
    #[must_use]
    #[inline]
    pub fn capacity(&self) -> usize {
        self.pool.frame_size_bytes() as usize
    }

    /// The whole frame, whatever the range.
    #[doc(alias = "xsk_umem__get_data")]
    #[doc(alias = "headroom_mut")]
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

    /// Ends the token: the kernel owns the frame, and sends its range by this socket.
    #[inline]
    pub(crate) fn into_transmit(self, socket: SocketNumber) -> Desc {
        let frame = ManuallyDrop::new(self);
        frame.pool.send(socket, frame.index);
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

/// A range that leads out of its frame, or ends before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the range leads out of the frame of {capacity} bytes, or ends before it begins")]
#[non_exhaustive]
pub struct RangeError {
    /// The size of the frame in bytes.
    pub capacity: usize,
}
