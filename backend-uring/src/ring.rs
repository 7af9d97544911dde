//! The ring itself: entries in, completions out, and the one system call between.
#![allow(unsafe_code)]

use std::fmt;
use std::os::fd::RawFd;
use std::ptr;
use std::time::Duration;

use io_uring::register::Restriction;
use io_uring::squeue::{self, Flags};
use io_uring::types::{Fd, Napi, SubmitArgs, Timespec};
use io_uring::{Builder, EnterFlags, IoUring, Probe, cqueue, opcode};
use xskit_core::Errno;

use crate::config::{UringConfig, Wait};
use crate::tag::Tag;

/// The timeout of `io_uring_enter(2)` has passed.
pub(crate) const ETIME: Errno = Errno(libc::ETIME);

/// An io_uring with its two queues. It belongs to the thread that created it.
pub(crate) struct Ring {
    uring: IoUring,
    is_polled: bool,
}

/// An operation that refers to no memory of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// `send(2)` of no bytes, with MSG_DONTWAIT.
    Send(RawFd),
    /// `recv(2)` of no bytes, with MSG_DONTWAIT.
    Receive(RawFd),
    /// A poll for these events; with `multi`, it continues after the first.
    Poll { fd: RawFd, events: u32, multi: bool },
    /// Cancels what was submitted under this tag.
    Cancel(Tag),
    /// Nothing: to see whether submissions are allowed.
    Nothing,
}

/// The completion of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Completion {
    pub(crate) tag: Option<Tag>,
    pub(crate) result: i32,
    /// Whether the same submission completes again.
    pub(crate) more: bool,
}

/// The submission queue has no slot left: hand it over first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Ring {
    /// `io_uring_setup(2)`: creates a ring that is restricted to the operations of sockets, in the
    /// best way to run completions that this kernel has: on the next wait only (DEFER_TASKRUN,
    /// Linux 6.1), without interrupting the thread (COOP_TASKRUN, 5.19), or at once.
    ///
    /// The thread that submitted a poll runs its completion. With `any_thread` another may wait for
    /// it, while that one is busy elsewhere and has to be interrupted.
    pub(crate) fn new(config: &UringConfig) -> Result<Self, Errno> {
        let mut ways: &[fn(&mut Builder) -> &mut Builder] = if config.sqpoll.is_some() {
            &[
                |b| b.setup_single_issuer().setup_submit_all(),
                |b| b.setup_submit_all(),
                |builder| builder,
            ]
        } else {
            &[
                |b| {
                    b.setup_single_issuer()
                        .setup_defer_taskrun()
                        .setup_taskrun_flag()
                        .setup_submit_all()
                },
                |b| {
                    b.setup_coop_taskrun()
                        .setup_taskrun_flag()
                        .setup_submit_all()
                },
                |b| b.setup_submit_all(),
                |builder| builder,
            ]
        };
        if config.any_thread {
            // The others of both lists are for one thread.
            let of_any = ways.len().saturating_sub(2);
            ways = ways.get(of_any..).unwrap_or_default();
        }
        let mut refused = Errno::EINVAL;
        for way in ways {
            let mut builder = IoUring::builder();
            way(&mut builder);
            if let Some(sqpoll) = config.sqpoll {
                builder.setup_sqpoll(sqpoll.idle_ms);
            }
            match restricted(&builder, config).or_else(|_| builder.build(config.entries)) {
                Ok(uring) => {
                    let is_polled = config.sqpoll.is_some();
                    return Ok(Self { uring, is_polled });
                }
                Err(error) => refused = errno(&error),
            }
            // EINVAL: the kernel does not know a flag.
            if refused != Errno::EINVAL {
                break;
            }
        }
        Err(refused)
    }

    /// Whether a kernel thread takes the submissions (SQPOLL).
    pub(crate) fn is_polled(&self) -> bool {
        self.is_polled
    }

    /// The features that the kernel reported at set-up.
    pub(crate) fn features(&self) -> &io_uring::Parameters {
        self.uring.params()
    }

    /// `io_uring_register(IORING_REGISTER_PROBE)`: the operations that the kernel has. Linux 5.6.
    pub(crate) fn probe(&self) -> Result<Probe, Errno> {
        let mut probe = Probe::new();
        self.uring
            .submitter()
            .register_probe(&mut probe)
            .map_err(|error| errno(&error))?;
        Ok(probe)
    }

    /// `io_uring_register(IORING_REGISTER_NAPI)`: waits poll the sockets' devices for `us`
    /// microseconds before they sleep. Linux 6.9.
    pub(crate) fn register_napi(&self, us: u32) -> Result<(), Errno> {
        let mut napi = Napi::new()
            .set_busy_poll_timeout(us)
            .set_prefer_busy_poll(true);
        self.uring
            .submitter()
            .register_napi(&mut napi)
            .map_err(|error| errno(&error))
    }

    /// Puts a request on the submission queue. With `quiet`, only a failure is completed.
    #[inline]
    pub(crate) fn push(&mut self, request: Request, tag: Tag, quiet: bool) -> Result<(), Full> {
        let mut entry = entry_of(request).user_data(tag.number());
        if quiet {
            entry = entry.flags(Flags::SKIP_SUCCESS);
        }
        // SAFETY: no request names memory: sends and receives have no bytes, and a poll or a cancel
        // has only numbers. The descriptor is the socket's still when the kernel comes to look it
        // up: a `UringSocket` doesn't close it when it is dropped, `Backend::close` only once
        // nothing of it is left on the queue, and `Accounts::own` lets through none of another
        // backend, which could close it while it lies on this queue.
        unsafe { self.push_entry(&entry) }
    }

    /// Puts an entry on the submission queue.
    ///
    /// # Safety
    /// Memory that the entry names must stay as the operation needs it until its completion has
    /// come, or this ring is gone.
    #[inline]
    pub(crate) unsafe fn push_entry(&mut self, entry: &squeue::Entry) -> Result<(), Full> {
        // SAFETY: by the caller's promise.
        unsafe { self.uring.submission().push(entry) }.map_err(|_| Full)
    }

    /// How many entries the kernel has not taken yet.
    #[inline]
    pub(crate) fn pending(&mut self) -> u32 {
        self.uring.submission().len() as u32
    }

    /// Whether the kernel must be called without a wait: for what is on the queue, if no kernel
    /// thread is awake to take it, or for completions that had no room. Deferred completions
    /// (TASKRUN) are left to the next call.
    ///
    /// Every submission is stored to the queue's tail before (`Release`, when the queue is let go
    /// of); `need_wakeup` puts a full fence between that store and its load, which pairs with the
    /// fence between the thread's store of the flag and its last load of the tail. Without it, both
    /// could miss the other's store, and the submission would lie there while the thread sleeps.
    #[inline]
    pub(crate) fn wants_enter(&mut self) -> bool {
        let is_polled = self.is_polled;
        let queue = self.uring.submission();
        queue.cq_overflow() || (!queue.is_empty() && (!is_polled || queue.need_wakeup()))
    }

    /// `io_uring_enter(2)`: submits everything, and waits for `wanted` completions, for at most
    /// `timeout` (without limit if `None`).
    ///
    /// # Errors
    /// The errno of `io_uring_enter(2)`, unless something was submitted: ETIME after the timeout;
    /// EINTR for a signal; EAGAIN if there is no memory for requests; EBUSY if completions have no
    /// room.
    pub(crate) fn enter(&mut self, wanted: u32, timeout: Option<Duration>) -> Result<u32, Errno> {
        let is_polled = self.is_polled;
        let (submitter, queue, _) = self.uring.split();
        let mut flags = EnterFlags::EXT_ARG;
        flags.set(
            EnterFlags::GETEVENTS,
            wanted > 0 || queue.cq_overflow() || queue.taskrun(),
        );
        flags.set(EnterFlags::SQ_WAKEUP, is_polled && queue.need_wakeup());
        let pending = queue.len() as u32;
        drop(queue);
        let time = timeout.map(Timespec::from);
        let mut arguments = SubmitArgs::new();
        if let Some(time) = &time {
            arguments = arguments.timespec(time);
        }
        // SAFETY: EXT_ARG says that the argument is an `io_uring_getevents_arg`, which `SubmitArgs`
        // is; it and the time that it points to are locals that outlive the call, and the kernel
        // only reads them.
        unsafe { submitter.enter(pending, wanted, flags.bits(), Some(&arguments)) }
            .map(|taken| taken as u32)
            .map_err(|error| errno(&error))
    }

    /// `io_uring_enter(IORING_ENTER_SQ_WAIT)`, Linux 5.10: waits until the kernel's thread has
    /// taken something off the submission queue, and wakes it if it sleeps.
    ///
    /// # Errors
    /// The errno of `io_uring_enter(2)`: EOWNERDEAD if the thread is gone.
    pub(crate) fn wait_for_room(&mut self) -> Result<(), Errno> {
        let (submitter, queue, _) = self.uring.split();
        let mut flags = EnterFlags::SQ_WAIT;
        flags.set(EnterFlags::SQ_WAKEUP, queue.need_wakeup());
        drop(queue);
        // SAFETY: without an argument the call refers to no memory but the ring's own.
        unsafe { submitter.enter::<libc::sigset_t>(0, 0, flags.bits(), None) }
            .map(drop)
            .map_err(|error| errno(&error))
    }

    /// Takes the completions off the completion queue.
    #[inline]
    pub(crate) fn reap(&mut self, mut each: impl FnMut(Completion)) {
        for entry in self.uring.completion() {
            each(Completion {
                tag: Tag::of(entry.user_data()),
                result: entry.result(),
                more: cqueue::more(entry.flags()),
            });
        }
    }
}

/// The operations of sockets: set-up, traffic, and the end of both.
const OPERATIONS: [u8; 8] = [
    opcode::Socket::CODE,
    opcode::SetSockOpt::CODE,
    opcode::Bind::CODE,
    opcode::Send::CODE,
    opcode::Recv::CODE,
    opcode::PollAdd::CODE,
    opcode::AsyncCancel::CODE,
    opcode::Nop::CODE,
];

/// `IORING_REGISTER_PROBE` and `IORING_REGISTER_NAPI` of linux/io_uring.h.
const REGISTER_PROBE: u8 = 8;
const REGISTER_NAPI: u8 = 27;

/// A ring that opens no file and makes no connection, whatever is written to its queue
/// (`IORING_REGISTER_RESTRICTIONS`, Linux 5.10). Submissions bypass a seccomp filter, and under
/// SQPOLL they run with the privileges that the process had when it created the ring, even if it
/// has dropped them since.
fn restricted(builder: &Builder, config: &UringConfig) -> std::io::Result<IoUring> {
    let uring = builder.clone().setup_r_disabled().build(config.entries)?;
    let submitter = uring.submitter();
    let mut probe = Probe::new();
    submitter.register_probe(&mut probe)?;
    // An operation that the kernel doesn't know is an error (EINVAL).
    let known = OPERATIONS.into_iter().filter(|op| probe.is_supported(*op));
    let mut allowed: Vec<_> = known.map(Restriction::sqe_op).collect();
    allowed.push(Restriction::register_op(REGISTER_PROBE));
    if config.wait == Wait::Napi {
        allowed.push(Restriction::register_op(REGISTER_NAPI));
    }
    allowed.push(Restriction::sqe_flags_allowed(Flags::SKIP_SUCCESS.bits()));
    submitter.register_restrictions(&mut allowed)?;
    submitter.register_enable_rings()?;
    Ok(uring)
}

#[inline]
fn entry_of(request: Request) -> squeue::Entry {
    match request {
        Request::Send(fd) => opcode::Send::new(Fd(fd), ptr::null(), 0)
            .flags(libc::MSG_DONTWAIT)
            .build(),
        Request::Receive(fd) => opcode::Recv::new(Fd(fd), ptr::null_mut(), 0)
            .flags(libc::MSG_DONTWAIT)
            .build(),
        Request::Poll { fd, events, multi } => {
            opcode::PollAdd::new(Fd(fd), events).multi(multi).build()
        }
        Request::Cancel(tag) => opcode::AsyncCancel::new(tag.number()).build(),
        Request::Nothing => opcode::Nop::new().build(),
    }
}

fn errno(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EINVAL, Errno)
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("is_polled", &self.is_polled)
            .field("entries", &self.uring.params().sq_entries())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use io_uring::opcode;
    use io_uring::types::Fd;

    use super::Ring;
    use crate::config::{SqPoll, UringConfig};
    use crate::tag::Tag;

    #[test]
    fn a_ring_opens_no_file() {
        for sqpoll in [None, Some(SqPoll::default())] {
            let config = UringConfig {
                sqpoll,
                ..UringConfig::default()
            };
            let mut ring = Ring::new(&config).expect("a ring");
            let path = c"/dev/null".as_ptr();
            let open = opcode::OpenAt::new(Fd(libc::AT_FDCWD), path).build();
            let write = opcode::Write::new(Fd(2), ptr::null(), 0).build();
            for entry in [open, write] {
                // SAFETY: the path is static, and nothing is written.
                let pushed = unsafe { ring.push_entry(&entry.user_data(Tag::TRIAL.number())) };
                assert!(pushed.is_ok());
                ring.enter(1, None).expect("entered");
                let mut results = Vec::new();
                ring.reap(|completion| results.push(completion.result));
                assert_eq!(results, [-libc::EACCES]);
            }
        }
    }
}
