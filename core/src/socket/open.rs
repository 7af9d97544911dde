//! The set-up sequence, once for all backends.

use super::config::{SocketConfig, ZeroCopy};
use super::error::{OpenError, Step};
use super::handle::Handle;
use super::receiver::Receiver;
use super::socket::{Obtained, Socket};
use super::transmitter::Transmitter;
use super::tuning;
use super::wakeups::{Kicks, Wakes};
use crate::abi::{self, MmapOffsets, SockaddrXdp, UmemReg, bind_flags};
use crate::backend::{Backend, RingKind, SetOption};
use crate::errno::Errno;
use crate::ring::{CompletionRing, FillRing, RxRing, TxRing};
use crate::umem::{Memory, Pool, SocketNumber, Umem};

type StepResult<T> = Result<T, (Step, Errno)>;

impl<'u, B: Backend> Socket<'u, B> {
    /// Opens a socket over `umem`: creates it, registers the UMEM, sizes and maps the rings, fills
    /// the fill ring, binds, and reads back what was obtained. An error undoes what was done.
    ///
    /// # Errors
    /// [`OpenError`] names the step, the errno, and what to try.
    #[doc(alias = "xsk_socket__create")]
    #[doc(alias = "xsk_socket__create_opts")]
    pub fn open<'s: 'u, M: Memory>(
        backend: &'u B,
        umem: &'u Umem<'s, M>,
        config: &SocketConfig,
    ) -> Result<Self, OpenError> {
        const { Self::require_unmapped::<M>() }
        open(backend, umem.pool(), None, None, config)
    }

    /// Opens a socket as [`open`](Self::open) does, on a handle that the backend has already: of a
    /// socket that was created elsewhere and not used since. An error closes it.
    ///
    /// Creating a socket takes a capability; opening one on a handle takes none. The backends of a
    /// real kernel adopt a descriptor (`adopt`), which another process may have sent.
    ///
    /// # Errors
    /// [`OpenError`] names the step, the errno, and what to try. A socket that has a UMEM or is
    /// bound is refused at [`Step::Register`], one whose rings have sizes at [`Step::Size`].
    pub fn open_from<'s: 'u, M: Memory>(
        backend: &'u B,
        umem: &'u Umem<'s, M>,
        handle: B::Socket,
        config: &SocketConfig,
    ) -> Result<Self, OpenError> {
        const { Self::require_unmapped::<M>() }
        open(backend, umem.pool(), Some(handle), None, config)
    }

    const fn require_unmapped<M: Memory>() {
        assert!(
            M::IS_UNMAPPED || B::IS_SIMULATED,
            "memory that is not unmapped when dropped is for simulated kernels only"
        );
    }

    /// Opens another socket over the UMEM of this one: on another queue, or on another interface,
    /// of the network namespace that the calling thread is in. Linux 5.10.
    ///
    /// Each socket has its own four rings, and both use all frames: one that was received on either
    /// goes out on the other as it is, and comes back into the common stash. A frame that one
    /// socket gave to the kernel must come back by its rings: a descriptor of it on the other's is
    /// dropped and counted. Up to 64 sockets may be open over a UMEM at a time. Closing one,
    /// including this one, leaves the others open.
    ///
    /// The mode is this socket's: in zero-copy mode the other device must have it as well, in copy
    /// mode neither uses it. [`SocketConfig::zero_copy`] is ignored. Without
    /// [`SocketConfig::fill_frames`], half of the frames that are free at that time are lent to
    /// receive into.
    ///
    /// ```
    /// # use xskit_core::sim::{HeapMemory, SimNetwork, WireConfig};
    /// # use xskit_core::umem::{FrameSize, FrameSlot, Umem};
    /// # use xskit_core::{Socket, SocketConfig};
    /// # let network = SimNetwork::new(WireConfig::perfect(), 1);
    /// # let mut slots = vec![FrameSlot::new(); 64];
    /// # let umem = Umem::new(HeapMemory::new(64 * 4096), &mut slots, FrameSize::DEFAULT)?;
    /// # let backend = network.backend();
    /// let mut left = Socket::open(&backend, &umem, &SocketConfig::new(1, 0))?;
    /// let mut right = left.open_shared(&SocketConfig::new(2, 0))?;
    /// for packet in left.receive(64) {
    ///     right.send(packet).map_err(|refused| refused.kind)?;
    /// }
    /// right.flush()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`OpenError`] names the step, the errno, and what to try.
    #[doc(alias = "xsk_socket__create_shared")]
    #[doc(alias = "XDP_SHARED_UMEM")]
    pub fn open_shared(&self, config: &SocketConfig) -> Result<Self, OpenError> {
        self.open_beside(None, config)
    }

    /// Opens another socket over the UMEM of this one, as [`open_shared`](Self::open_shared) does,
    /// on a handle that the backend has already, as [`open_from`](Self::open_from) does.
    ///
    /// # Errors
    /// [`OpenError`] names the step, the errno, and what to try.
    pub fn open_shared_from(
        &self,
        handle: B::Socket,
        config: &SocketConfig,
    ) -> Result<Self, OpenError> {
        self.open_beside(Some(handle), config)
    }

    fn open_beside(
        &self,
        given: Option<B::Socket>,
        config: &SocketConfig,
    ) -> Result<Self, OpenError> {
        let (backend, pool) = (self.handle.backend(), self.transmitter.pool);
        open(backend, pool, given, Some(self.handle.socket()), config)
    }
}

/// Opens a socket, step by step; the handle undoes what was done when a step fails.
///
/// `shared` is a socket that is open over the UMEM already: the kernel identifies the UMEM by it.
/// Without a `given` handle, the backend creates one.
fn open<'u, B: Backend>(
    backend: &'u B,
    pool: &'u Pool<'u>,
    given: Option<B::Socket>,
    shared: Option<&B::Socket>,
    config: &SocketConfig,
) -> Result<Socket<'u, B>, OpenError> {
    try_open(backend, pool, given, shared, config).map_err(|(step, errno)| OpenError {
        step,
        errno,
        ifindex: config.ifindex,
        queue: config.queue,
    })
}

fn try_open<'u, B: Backend>(
    backend: &'u B,
    pool: &'u Pool<'u>,
    given: Option<B::Socket>,
    shared: Option<&B::Socket>,
    config: &SocketConfig,
) -> StepResult<Socket<'u, B>> {
    let place = match shared {
        None => require_unused(pool).and_then(|()| claim(pool)),
        Some(_) => claim(pool),
    };
    let mut handle = Handle::create(backend, pool, place, given)?;
    if shared.is_none() {
        register(&handle, pool)?;
    }
    size_rings(&handle, config)?;
    let offsets = backend
        .offsets(handle.socket())
        .map_err(|errno| (Step::Offsets, errno))?;
    let target = config.fill_frames.unwrap_or_else(|| {
        let frames = match shared {
            None => pool.frame_count(),
            Some(_) => pool.free(),
        };
        frames.div_ceil(2)
    });
    let mut receiver = map_receiver(&mut handle, pool, &offsets, config, target)?;
    let transmitter = map_transmitter(&mut handle, pool, &offsets, config)?;
    // Some zero-copy drivers want a filled ring at `bind(2)`. A socket that shares a UMEM has none
    // until it is bound, and through a duplicate of its descriptor another could be registered: our
    // frames would be offsets into that.
    let mut filled = match shared {
        None => receiver.refill(),
        Some(_) => 0,
    };
    if let Err(failure) = bind(&handle, shared, config) {
        handle.disown(&mut receiver, config.rx);
        return Err(failure);
    }
    let zero_copy = confirm(&handle)?;
    let wakes = Wakes::new(filled);
    if shared.is_some() {
        filled = receiver.refill();
    }
    let kick_budget = (!zero_copy).then(|| tuning::kick_budget(&handle, config));
    let busy_poll = tuning::busy_poll(&handle, config);
    Ok(Socket {
        receiver,
        transmitter,
        handle,
        obtained: Obtained {
            zero_copy,
            filled,
            kick_budget,
            busy_poll,
        },
        kicks: Kicks::new(kick_budget),
        wakes,
    })
}

/// A UMEM is registered once. A socket over a UMEM without a free frame would neither receive nor
/// send.
fn require_unused(pool: &Pool<'_>) -> StepResult<()> {
    if pool.is_claimed() {
        return Err((Step::Claim, Errno(0)));
    }
    if pool.free() > 0 {
        return Ok(());
    }
    match pool.census().retired {
        0 => Ok(()),
        retired => Err((Step::Frames { retired }, Errno(0))),
    }
}

/// A place among the sockets of the UMEM.
fn claim(pool: &Pool<'_>) -> StepResult<SocketNumber> {
    pool.claim().ok_or((Step::TooMany, Errno(0)))
}

fn register<B: Backend>(handle: &Handle<'_, B>, pool: &Pool<'_>) -> StepResult<()> {
    let (addr, len) = pool.extent();
    let chunk_size = pool.frame_size_bytes();
    let reg = UmemReg {
        addr,
        len,
        chunk_size,
        headroom: 0,
        flags: 0,
        tx_metadata_len: 0,
    };
    handle
        .set_option(SetOption::UmemReg(reg))
        .map_err(|errno| (Step::Register, errno))
}

fn size_rings<B: Backend>(handle: &Handle<'_, B>, config: &SocketConfig) -> StepResult<()> {
    let sizes = [
        (RingKind::Fill, config.fill),
        (RingKind::Completion, config.completion),
        (RingKind::Rx, config.rx),
        (RingKind::Tx, config.tx),
    ];
    for (ring, size) in sizes {
        handle
            .set_option(SetOption::RingSize(ring, size.slots()))
            .map_err(|errno| (Step::Size(ring), errno))?;
    }
    Ok(())
}

fn map_receiver<'u, B: Backend>(
    handle: &mut Handle<'u, B>,
    pool: &'u Pool<'u>,
    offsets: &MmapOffsets,
    config: &SocketConfig,
    target: u32,
) -> StepResult<Receiver<'u>> {
    let fill = FillRing::new(handle.map(RingKind::Fill, &offsets.fr, config.fill)?);
    let rx = RxRing::new(handle.map(RingKind::Rx, &offsets.rx, config.rx)?);
    Ok(Receiver::new(pool, handle.number(), fill, rx, target))
}

fn map_transmitter<'u, B: Backend>(
    handle: &mut Handle<'u, B>,
    pool: &'u Pool<'u>,
    offsets: &MmapOffsets,
    config: &SocketConfig,
) -> StepResult<Transmitter<'u>> {
    let tx = TxRing::new(handle.map(RingKind::Tx, &offsets.tx, config.tx)?);
    let completion =
        CompletionRing::new(handle.map(RingKind::Completion, &offsets.cr, config.completion)?);
    Ok(Transmitter::new(pool, handle.number(), tx, completion))
}

fn bind<B: Backend>(
    handle: &Handle<'_, B>,
    shared: Option<&B::Socket>,
    config: &SocketConfig,
) -> StepResult<()> {
    // The mode is that of the bound socket, and the kernel refuses flags for it.
    let flags = match shared {
        None => config.bind_flags(),
        Some(_) => bind_flags::SHARED_UMEM,
    };
    let address = SockaddrXdp {
        family: abi::AF_XDP,
        flags,
        ifindex: config.ifindex,
        queue_id: config.queue,
        shared_umem_fd: 0,
    };
    let bound = handle.bind(&address, shared);
    let step = match shared {
        None => Step::Bind {
            zero_copy_forced: config.zero_copy == ZeroCopy::Force,
        },
        Some(_) => Step::BindShared,
    };
    bound.map_err(|errno| (step, errno))
}

/// Reads back whether the socket is in zero-copy mode.
fn confirm<B: Backend>(handle: &Handle<'_, B>) -> StepResult<bool> {
    let options = handle
        .backend()
        .options(handle.socket())
        .map_err(|errno| (Step::Confirm, errno))?;
    Ok(options.flags & abi::OPTIONS_ZEROCOPY != 0)
}
