//! Why a driver can't go on.

use std::fmt;

use xskit_core::Errno;

/// Why a driver can't go on. The text says what the errno means, and what to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverError {
    /// A kick failed for good ([`Errno::is_transient`] is false).
    Kick(Errno),
    /// A wait failed.
    Wait(Errno),
}

impl DriverError {
    /// What the kernel returned.
    #[must_use]
    pub const fn errno(&self) -> Errno {
        match *self {
            Self::Kick(errno) | Self::Wait(errno) => errno,
        }
    }
}

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match self {
            Self::Kick(_) => "kick (send) of the AF_XDP socket",
            Self::Wait(_) => "wait (poll) for the AF_XDP socket",
        };
        write!(f, "{step}: {}", self.errno())?;
        match self.errno().kick_hint() {
            Some(hint) => write!(f, ": {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for DriverError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_step_errno_meaning_and_remedy() {
        let text = DriverError::Kick(Errno::EINVAL).to_string();
        for word in ["kick", "EINVAL (22)", "zero-copy", "attach a program"] {
            assert!(text.contains(word), "no {word:?} in {text}");
        }
        let text = DriverError::Wait(Errno(71)).to_string();
        assert_eq!(text, "wait (poll) for the AF_XDP socket: errno 71");
    }
}
