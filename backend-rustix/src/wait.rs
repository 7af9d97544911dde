//! How the backend waits.

use std::fmt;
use std::str::FromStr;

/// How [`RustixBackend`](crate::RustixBackend) waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// `ppoll(2)` on the sockets: the thread sleeps until a packet comes.
    #[default]
    Block,
    /// Never: a wait returns at once, so that the program looks at its rings again. Without busy
    /// polling that takes no system call; with it (SO_BUSY_POLL), each look drives the device by a
    /// `recvfrom(2)` of nothing. Every 65,536th look asks whether the interface is still there.
    Busy,
}

impl Wait {
    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Busy => "busy",
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
        [Self::Block, Self::Busy]
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
        f.write_str(
            "the rustix backend waits by `block` or `busy`; the others are the uring backend's",
        )
    }
}

impl std::error::Error for UnknownWait {}

#[cfg(test)]
mod tests {
    use super::{UnknownWait, Wait};

    #[test]
    fn names_are_read_back() {
        for wait in [Wait::Block, Wait::Busy] {
            assert_eq!(wait.to_string().parse(), Ok(wait));
        }
        assert_eq!("multishot".parse::<Wait>(), Err(UnknownWait));
    }
}
