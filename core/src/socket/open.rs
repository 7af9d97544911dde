//! The set-up sequence. It stands here once, for every backend.

use super::handle::Handle;
use super::wakeups::{Kicks, Wakes};
use super::{
    Obtained, OpenError, Receiver, Socket, SocketConfig, Step, Transmitter, ZeroCopy, tuning,
};
use crate::abi::{self, MmapOffsets, SockaddrXdp, UmemReg, bind_flags};
use crate::backend::{Backend, RingKind, SetOption};
use crate::errno::Errno;
use crate::ring::{CompletionRing, FillRing, RxRing, TxRing};
use crate::umem::{Pool, SocketNumber};

type StepResult<T> = Result<T, (Step, Errno)>;

/// Opens a socket, step by step; the handle undoes what was done when a step fails.
///
/// Over a UMEM that a socket is open over, it takes that socket: the kernel knows the UMEM by it. Without
/// a handle that is `given`, it has one made.
pub(super) fn open<'u, B: Backend>(
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
    let filled = receiver.refill();
    if let Err(failure) = bind(&handle, shared, config) {
        handle.disown(&mut receiver, config.rx);
        return Err(failure);
    }
    let zero_copy = confirm(&handle)?;
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
        wakes: Wakes::new(filled),
    })
}

/// A UMEM is registered once. A socket over one that is used up would neither receive nor send.
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
    // The mode is that of the socket that is bound already, and the kernel refuses to be told any.
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
