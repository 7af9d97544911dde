//! How the backend is to wait and to submit.

/// What a [`UringBackend`](crate::UringBackend) is to be.
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
    /// Whether a thread of the kernel takes the submissions, and how long it looks for them.
    pub sqpoll: Option<SqPoll>,
    /// Slots of the submission queue, from 1 to 32768; the kernel makes it a power of two. Fuller
    /// queues are handed over early.
    pub entries: u32,
    /// How long a wait polls the device before it sleeps, in microseconds, with [`Wait::Napi`].
    pub napi_us: u32,
    /// Whether other threads than the one that made the backend may use it, in turns. The kernel then
    /// runs completions as they come, where it would leave them to the next wait (DEFER_TASKRUN).
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

/// A thread of the kernel that takes submissions (`IORING_SETUP_SQPOLL`; Linux 5.13, or 5.11 with
/// CAP_SYS_NICE). It keeps a core busy while it looks for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SqPoll {
    /// After how long without a submission it sleeps, in milliseconds; the next one wakes it by a
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
    /// A poll entry that reports once; one `io_uring_enter(2)` submits it with everything else
    /// that is pending, and waits.
    Poll,
    /// A poll entry that goes on reporting: armed once a socket, later waits submit nothing.
    /// Linux 5.13.
    Multishot,
    /// Never sleeps: a wait returns at once. With busy polling the program's flushes drive the device.
    Busy,
    /// As [`Poll`](Self::Poll), on a ring that polls the device before it sleeps
    /// (`IORING_REGISTER_NAPI`, Linux 6.9).
    Napi,
}
