//! `DriverError`: why a driver can't continue.

use xskit_core::Errno;

/// Why a driver can't continue. The text explains the errno and what to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// A kick failed for good ([`Errno::is_transient`] is false).
    #[error("kick (send) of the AF_XDP socket: {0}{hint}", hint = hint(*.0))]
    Kick(Errno),
    /// A wait failed.
    #[error("wait (poll) for the AF_XDP socket: {0}{hint}", hint = hint(*.0))]
    Wait(Errno),
}

impl DriverError {
    /// The kernel's errno.
    #[must_use]
    pub const fn errno(&self) -> Errno {
        match *self {
            Self::Kick(errno) | Self::Wait(errno) => errno,
        }
    }
}

fn hint(errno: Errno) -> String {
    errno
        .kick_hint()
        .map_or_else(String::new, |hint| format!(": {hint}"))
}

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
