//! The parts that sockets borrow: the frames and the backend.

use std::os::fd::OwnedFd;

use self_cell::{MutBorrow, self_cell};
use xskit_core::SocketConfig;
use xskit_core::umem::{FrameSize, FrameSlot, Umem};

use crate::backend::AnyBackend;
use crate::error::OpenError;
use crate::memory::MmapMemory;

type CoreUmem<'s> = Umem<'s, MmapMemory>;
pub(super) type CoreSocket<'u> = xskit_core::Socket<'u, AnyBackend>;

self_cell!(
    /// A UMEM with its book-keeping.
    struct Frames {
        owner: MutBorrow<Vec<FrameSlot>>,
        #[covariant]
        dependent: CoreUmem,
    }
);

/// The parts that sockets borrow.
pub(super) struct Ground {
    pub(super) backend: AnyBackend,
    frames: Frames,
}

impl Ground {
    pub(super) fn new(
        backend: AnyBackend,
        memory: MmapMemory,
        size: FrameSize,
    ) -> Result<Self, OpenError> {
        let frames = memory.len_bytes() / size.bytes() as usize;
        let slots = MutBorrow::new(vec![FrameSlot::new(); frames]);
        let frames = Frames::try_new(slots, |slots| Umem::new(memory, slots.borrow_mut(), size))?;
        Ok(Self { backend, frames })
    }

    pub(super) fn umem(&self) -> &CoreUmem<'_> {
        self.frames.borrow_dependent()
    }

    /// Opens a socket, on a descriptor that was created elsewhere if there is one.
    pub(super) fn open(
        &self,
        descriptor: Option<OwnedFd>,
        config: &SocketConfig,
    ) -> Result<CoreSocket<'_>, OpenError> {
        let (backend, umem) = (&self.backend, self.umem());
        Ok(match descriptor {
            None => CoreSocket::open(backend, umem, config)?,
            Some(descriptor) => {
                CoreSocket::open_from(backend, umem, backend.adopt(descriptor)?, config)?
            }
        })
    }

    /// Opens another socket beside one that this opened.
    pub(super) fn open_beside<'u>(
        &self,
        first: &CoreSocket<'u>,
        descriptor: Option<OwnedFd>,
        config: &SocketConfig,
    ) -> Result<CoreSocket<'u>, OpenError> {
        Ok(match descriptor {
            None => first.open_shared(config)?,
            Some(descriptor) => first.open_shared_from(self.backend.adopt(descriptor)?, config)?,
        })
    }
}
