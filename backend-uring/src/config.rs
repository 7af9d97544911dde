//! How the backend is to wait and to submit.

use std::fmt;
use std::str::FromStr;

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
/// assert_eq!(config.wait.to_string().parse(), Ok(Wait::Multishot));
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
}

impl Default for UringConfig {
    fn default() -> Self {
        Self {
            wait: Wait::default(),
            sqpoll: None,
            entries: 256,
            napi_us: 50,
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
    /// Never sleeps: a wait returns at once. With busy polling (SO_BUSY_POLL) it drives the device.
    Busy,
    /// As [`Poll`](Self::Poll), on a ring that polls the device before it sleeps
    /// (`IORING_REGISTER_NAPI`, Linux 6.9).
    Napi,
}

impl Wait {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Block,
        Self::Poll,
        Self::Multishot,
        Self::Busy,
        Self::Napi,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Poll => "poll",
            Self::Multishot => "multishot",
            Self::Busy => "busy",
            Self::Napi => "napi",
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Wait {
    type Err = UnknownWait;

    fn from_str(name: &str) -> Result<Self, UnknownWait> {
        Self::ALL
            .into_iter()
            .find(|wait| wait.name() == name)
            .ok_or(UnknownWait)
    }
}

/// A name that is none of a [`Wait`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownWait;

impl fmt::Display for UnknownWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the ways to wait are block, poll, multishot, busy and napi")
    }
}

impl std::error::Error for UnknownWait {}

#[cfg(test)]
mod tests {
    use super::{UnknownWait, Wait};

    #[test]
    fn names_are_read_back() {
        for wait in Wait::ALL {
            assert_eq!(wait.to_string().parse(), Ok(wait));
        }
        assert_eq!("Poll".parse::<Wait>(), Err(UnknownWait));
    }
}
