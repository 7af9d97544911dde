//! The set-up sequence. It stands here once, for every backend.

use super::handle::Handle;
use super::wakeups::{Kicks, Wakes};
use super::{
    Obtained, OpenError, Receiver, Socket, SocketConfig, Step, Transmitter, ZeroCopy, tuning,
};
use crate::abi::{self, MmapOffsets, SockaddrXdp, UmemReg};
use crate::backend::{Backend, RingKind, SetOption};
use crate::errno::Errno;
use crate::ring::{CompletionRing, FillRing, RxRing, TxRing};
use crate::umem::Pool;

type StepResult<T> = Result<T, (Step, Errno)>;

/// Opens a socket, step by step; the handle undoes what was done when a step fails.
pub(super) fn open<'u, B: Backend>(
    backend: &'u B,
    pool: &'u Pool<'u>,
    config: &SocketConfig,
) -> Result<Socket<'u, B>, OpenError> {
    try_open(backend, pool, config).map_err(|(step, errno)| OpenError {
        step,
        errno,
        ifindex: config.ifindex,
        queue: config.queue,
    })
}

fn try_open<'u, B: Backend>(
    backend: &'u B,
    pool: &'u Pool<'u>,
    config: &SocketConfig,
) -> StepResult<Socket<'u, B>> {
    require_frames(pool)?;
    let mut handle = Handle::create(backend, pool)?;
    register(&handle, pool)?;
    size_rings(&handle, config)?;
    let offsets = backend
        .offsets(handle.socket())
        .map_err(|errno| (Step::Offsets, errno))?;
    let mut receiver = map_receiver(&mut handle, pool, &offsets, config)?;
    let transmitter = map_transmitter(&mut handle, pool, &offsets, config)?;
    let filled = receiver.refill();
    if let Err(failure) = bind(&handle, config) {
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

/// A socket over a UMEM that is used up would neither receive nor send.
fn require_frames(pool: &Pool<'_>) -> StepResult<()> {
    if pool.free() > 0 || pool.is_claimed() {
        return Ok(());
    }
    match pool.census().retired {
        0 => Ok(()),
        retired => Err((Step::Frames { retired }, Errno(0))),
    }
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
) -> StepResult<Receiver<'u>> {
    let fill = FillRing::new(handle.map(RingKind::Fill, &offsets.fr, config.fill)?);
    let rx = RxRing::new(handle.map(RingKind::Rx, &offsets.rx, config.rx)?);
    Ok(Receiver::new(pool, fill, rx, config.fill_frames))
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
    Ok(Transmitter::new(pool, tx, completion))
}

fn bind<B: Backend>(handle: &Handle<'_, B>, config: &SocketConfig) -> StepResult<()> {
    let address = SockaddrXdp {
        family: abi::AF_XDP,
        flags: config.bind_flags(),
        ifindex: config.ifindex,
        queue_id: config.queue,
        shared_umem_fd: 0,
    };
    let bound = handle.bind(&address);
    let zero_copy_forced = config.zero_copy == ZeroCopy::Force;
    bound.map_err(|errno| (Step::Bind { zero_copy_forced }, errno))
}

/// Reads back whether the socket is in zero-copy mode.
fn confirm<B: Backend>(handle: &Handle<'_, B>) -> StepResult<bool> {
    let options = handle
        .backend()
        .options(handle.socket())
        .map_err(|errno| (Step::Confirm, errno))?;
    Ok(options.flags & abi::OPTIONS_ZEROCOPY != 0)
}
