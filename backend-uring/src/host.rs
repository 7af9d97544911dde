//! What the host says of itself, to tell why io_uring was refused.

use std::fs;

/// The setting that disables io_uring, and this thread's status.
#[derive(Debug)]
pub(crate) struct Host {
    disabled: Option<u8>,
    is_filtered: bool,
}

impl Host {
    /// Reads both; what can't be read is taken as not set.
    pub(crate) fn now() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self::of(
            &read("/proc/sys/kernel/io_uring_disabled"),
            &read("/proc/thread-self/status"),
        )
    }

    pub(crate) fn of(setting: &str, status: &str) -> Self {
        let mode = status
            .lines()
            .find_map(|line| line.strip_prefix("Seccomp:"));
        Self {
            disabled: setting.trim().parse().ok().filter(|level| *level > 0),
            is_filtered: mode.is_some_and(|mode| mode.trim() == "2"),
        }
    }

    /// `kernel.io_uring_disabled` (Linux 6.6), unless it is zero.
    pub(crate) fn disabled(&self) -> Option<u8> {
        self.disabled
    }

    /// Whether a seccomp filter stands over this thread.
    pub(crate) fn is_filtered(&self) -> bool {
        self.is_filtered
    }
}
