//! A UMEM: the region with its book-keeping.

use core::mem::{self, ManuallyDrop};

use super::memory::Frames;
use super::{Census, Frame, FrameSize, FrameSlot, Memory, Pool};

/// A region cut into frames, all of which start in the stash.
///
/// Sockets and frames borrow it, so it can be dropped only after them. If a socket was leaked
/// (`mem::forget`), the kernel may still write to the region, which is then leaked too.
///
/// One socket is opened over it, and up to 63 more that share it
/// ([`Socket::open_shared`](crate::Socket::open_shared)). Frames that the kernel had when a socket
/// was closed are out of use from then on, so the next one has fewer, until
/// [`replace_memory`](Self::replace_memory) brings new ones.
///
/// ```
/// use xskit_core::sim::HeapMemory; // or a backend's memory, by `mmap(2)`
/// use xskit_core::umem::{FrameSize, FrameSlot, Umem};
///
/// let mut slots = vec![FrameSlot::new(); 64];
/// let umem = Umem::new(HeapMemory::new(64 * 4096), &mut slots, FrameSize::DEFAULT)?;
/// let frame = umem.alloc().expect("a free frame");
/// assert_eq!((umem.free(), umem.census().application), (63, 1));
/// drop(frame);
/// assert_eq!(umem.free(), 64);
/// # Ok::<(), xskit_core::umem::UmemError>(())
/// ```
#[doc(alias = "xsk_umem")]
#[doc(alias = "xsk_umem__delete")]
#[derive(Debug)]
pub struct Umem<'s, M: Memory> {
    memory: ManuallyDrop<M>,
    pool: Pool<'s>,
}

impl<'s, M: Memory> Umem<'s, M> {
    /// Cuts `memory` into frames of `size`, kept track of in `slots`.
    ///
    /// Bytes after the last whole frame, and slots after the last frame's, stay unused.
    ///
    /// # Errors
    /// [`UmemError::NoFrame`] if the memory is smaller than a frame, [`UmemError::TooManyFrames`]
    /// if it holds more frames than there are slots.
    #[doc(alias = "xsk_umem__create")]
    #[doc(alias = "xsk_umem__create_opts")]
    pub fn new(memory: M, slots: &'s mut [FrameSlot], size: FrameSize) -> Result<Self, UmemError> {
        let frames = Frames::new(memory.region(), size);
        if frames.count() == 0 {
            return Err(UmemError::NoFrame { size });
        }
        let too_many = UmemError::TooManyFrames {
            frames: frames.count(),
            slots: slots.len(),
        };
        let slots = slots.get(..frames.count() as usize).ok_or(too_many)?;
        Ok(Self {
            memory: ManuallyDrop::new(memory),
            pool: Pool::new(frames, slots),
        })
    }

    /// Takes a frame out of the stash, its range empty and at its start; `None` if all are in use.
    #[must_use]
    #[inline]
    pub fn alloc(&self) -> Option<Frame<'_>> {
        Frame::alloc(&self.pool)
    }

    /// How many frames there are.
    #[must_use]
    pub fn frame_count(&self) -> u32 {
        self.pool.frames().count()
    }

    /// How large each frame is.
    #[must_use]
    pub fn frame_size(&self) -> FrameSize {
        self.pool.frames().size()
    }

    /// How many frames are in the stash.
    #[must_use]
    pub fn free(&self) -> u32 {
        self.pool.free()
    }

    /// Who owns how many frames. Walks the whole ledger.
    #[must_use]
    pub fn census(&self) -> Census {
        self.pool.census()
    }

    /// The memory itself, for what its type reports about it (huge pages, for instance).
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.memory
    }

    /// Replaces the memory: every frame is free again, including those that were out of use.
    ///
    /// The bytes of retired frames cannot be used again: a duplicate of a closed socket's
    /// descriptor keeps the kernel writing to them. Nothing reports whether there is a duplicate,
    /// nor when a device in zero-copy mode is done. The kernel has no claim to fresh memory. The
    /// present memory is dropped, as with the UMEM. Pages that the kernel has pinned stay pinned,
    /// and count against RLIMIT_MEMLOCK, until the last descriptor of the last socket is closed.
    ///
    /// Sockets and frames borrow the UMEM, so none exist at this point.
    ///
    /// # Errors
    /// [`UmemError::OtherFrames`] if the memory holds another number of frames. The present memory
    /// then stays.
    pub fn replace_memory(&mut self, memory: M) -> Result<(), UmemError> {
        let frames = Frames::new(memory.region(), self.frame_size());
        if frames.count() != self.frame_count() {
            return Err(UmemError::OtherFrames {
                frames: frames.count(),
                present: self.frame_count(),
            });
        }
        // A leaked socket may still receive into the present memory, which then stays.
        let is_leaked = self.pool.is_claimed();
        self.pool.restart(frames);
        let present = mem::replace(&mut self.memory, ManuallyDrop::new(memory));
        if !is_leaked {
            drop(ManuallyDrop::into_inner(present));
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn pool(&self) -> &Pool<'s> {
        &self.pool
    }
}

impl<M: Memory> Drop for Umem<'_, M> {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        if !self.pool.is_claimed() {
            // SAFETY: `memory` is dropped only here, and not used afterwards. No socket of ours is
            // open over it, and no frame lives, since both borrow `self`. Pages that the kernel
            // still uses stay pinned, by the contract of `Memory`.
            unsafe { ManuallyDrop::drop(&mut self.memory) }
        }
    }
}

/// Memory that cannot be cut into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UmemError {
    /// The memory is smaller than one frame.
    #[error("the memory holds no frame of {} bytes: allocate more", size.bytes())]
    NoFrame {
        /// The size of a frame.
        size: FrameSize,
    },
    /// There are fewer slots than the memory holds frames.
    #[error(
        "the memory holds {frames} frames, but there are {slots} slots to keep track of them: use one per frame, \
         or less memory"
    )]
    TooManyFrames {
        /// How many frames the memory holds.
        frames: u32,
        /// How many slots there are.
        slots: usize,
    },
    /// The replacement holds another number of frames than the present memory.
    #[error(
        "the memory holds {frames} frames, but the memory that it replaces holds {present}: allocate as much"
    )]
    OtherFrames {
        /// How many frames the replacement holds.
        frames: u32,
        /// How many the present memory holds.
        present: u32,
    },
}
