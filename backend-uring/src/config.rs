//! How the backend waits and submits.

/// Configuration of a [`UringBackend`](crate::UringBackend).
///
/// ```
/// use xskit_uring::{SqPoll, UringConfig, Wait};
///
/// let config = UringConfig {
///     wait: Wait::Multishot,
///     sqpoll: Some(SqPoll::default()),
///     ..UringConfig::default()
/// };
/// assert_eq!(config.entries, 256);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UringConfig {
    /// How to wait for packets.
    pub wait: Wait,
    /// If given, a kernel thread takes the submissions.
    pub sqpoll: Option<SqPoll>,
    /// Slots of the submission queue, from 1 to 32768; the kernel rounds up to a power of two. A
    /// full queue is handed over early.
    pub entries: u32,
    /// How long a wait polls the device before it sleeps, in microseconds, with [`Wait::Napi`].
    pub napi_us: u32,
    /// Whether threads other than the creator's may use the backend, one at a time. The kernel then
    /// runs completions as they come, for which it interrupts the thread, instead of leaving them
    /// to the next wait (DEFER_TASKRUN).
    pub any_thread: bool,
}

impl Default for UringConfig {
    fn default() -> Self {
        Self {
            wait: Wait::default(),
            sqpoll: None,
            entries: 256,
            napi_us: 50,
            any_thread: false,
        }
    }
}

/// A kernel thread that takes submissions (`IORING_SETUP_SQPOLL`; Linux 5.13, or 5.11 with
/// CAP_SYS_NICE). It keeps a core busy while it polls the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqPoll {
    /// Milliseconds without a submission after which it sleeps. The next submission wakes it by a
    /// system call.
    pub idle_ms: u32,
}

impl Default for SqPoll {
    fn default() -> Self {
        Self { idle_ms: 100 }
    }
}

/// How to wait for packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// `ppoll(2)` on the sockets, beside the ring.
    #[default]
    Block,
    /// A one-shot poll; one `io_uring_enter(2)` submits it with everything else that is pending,
    /// and waits.
    Poll,
    /// A multishot poll, armed once per socket: later waits submit nothing. Linux 5.13.
    Multishot,
    /// Never sleeps: a wait returns at once. With busy polling the program's flushes drive the
    /// device.
    Busy,
    /// As [`Poll`](Self::Poll), on a ring that polls the device before it sleeps
    /// (`IORING_REGISTER_NAPI`, Linux 6.9).
    Napi,
}
