//! Why a ring can't be created.

use std::fs;

use xskit_core::Errno;

/// Why a [`UringBackend`](crate::UringBackend) can't be created here. Each text says what to do
/// instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UringError {
    /// `kernel.io_uring_disabled` is set: 1 reserves io_uring for CAP_SYS_ADMIN and a group, 2
    /// disables it.
    #[error("{}", disabled(*level))]
    Disabled {
        /// The setting.
        level: u8,
    },
    /// A seccomp filter refused a call, as most containers' do.
    #[error(
        "{call}: {errno}: a seccomp filter refuses io_uring, as a container's may: {INSTEAD}, or allow the io_uring \
         calls in its profile"
    )]
    Filtered {
        /// The call.
        call: &'static str,
        /// Its errno, usually EPERM or ENOSYS.
        errno: Errno,
    },
    /// Something else refused a call: a security module, or a missing capability.
    #[error(
        "{call}: {errno}: refused, by a security module perhaps (with SQPOLL before Linux 5.13: CAP_SYS_NICE is \
         missing): {INSTEAD}"
    )]
    Refused {
        /// The call.
        call: &'static str,
        /// Its errno.
        errno: Errno,
    },
    /// The kernel has no io_uring.
    #[error("this kernel has no io_uring (Linux 5.1, CONFIG_IO_URING): {INSTEAD}")]
    Absent,
    /// The kernel's io_uring lacks a feature.
    #[error("this kernel's io_uring is too old: {missing} needs Linux {since}: {INSTEAD}")]
    TooOld {
        /// The feature.
        missing: &'static str,
        /// The first kernel that has it.
        since: &'static str,
    },
    /// The kernel has no memory for the ring, or RLIMIT_MEMLOCK is too low (before Linux 5.12).
    #[error(
        "the ring's memory was refused (ENOMEM): before Linux 5.12 it counts against RLIMIT_MEMLOCK, so raise \
         `ulimit -l`; or {INSTEAD}"
    )]
    Memory,
    /// No descriptor is left, in the process or the system.
    #[error("no descriptor for the ring ({errno}): close some, or raise `ulimit -n`")]
    Descriptors {
        /// EMFILE or ENFILE.
        errno: Errno,
    },
    /// A submission queue can't have that number of slots.
    #[error("a submission queue has 1 to 32768 slots, not {entries}: choose another number")]
    Entries {
        /// How many were asked for.
        entries: u32,
    },
    /// The ring can't poll devices.
    #[error(
        "the ring can't poll devices ({errno} from IORING_REGISTER_NAPI: Linux 6.9 with CONFIG_NET_RX_BUSY_POLL): \
         wait another way, or {INSTEAD}"
    )]
    Napi {
        /// The errno of `IORING_REGISTER_NAPI`.
        errno: Errno,
    },
    /// Any other failure.
    #[error("{call}: {errno}: {INSTEAD}")]
    Call {
        /// The call.
        call: &'static str,
        /// Its errno.
        errno: Errno,
    },
}

impl UringError {
    /// The cause behind what a call returned.
    pub(crate) fn of_call(call: &'static str, errno: Errno, host: &Host) -> Self {
        match errno {
            Errno::EPERM | Errno::EACCES | Errno::ENOSYS if host.is_filtered() => {
                match host.disabled() {
                    Some(level) if errno == Errno::EPERM => Self::Disabled { level },
                    _ => Self::Filtered { call, errno },
                }
            }
            Errno::EPERM | Errno::EACCES => match host.disabled() {
                Some(level) => Self::Disabled { level },
                None => Self::Refused { call, errno },
            },
            Errno::ENOSYS => Self::Absent,
            Errno::ENOMEM => Self::Memory,
            Errno::EMFILE | ENFILE => Self::Descriptors { errno },
            errno => Self::Call { call, errno },
        }
    }
}

/// What decides why io_uring was refused: the setting that disables it, and this thread's status.
#[derive(Debug)]
pub(crate) struct Host {
    disabled: Option<u8>,
    is_filtered: bool,
}

impl Host {
    /// Reads both. What can't be read counts as not set.
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

    /// Whether this thread has a seccomp filter.
    pub(crate) fn is_filtered(&self) -> bool {
        self.is_filtered
    }
}

/// The system has too many open files.
const ENFILE: Errno = Errno(libc::ENFILE);

const INSTEAD: &str = "use the rustix backend";

fn disabled(level: u8) -> String {
    if level == 1 {
        return format!(
            "io_uring is reserved for CAP_SYS_ADMIN and the group in kernel.io_uring_group \
             (kernel.io_uring_disabled is 1): join that group, or {INSTEAD}"
        );
    }
    format!(
        "io_uring is disabled on this host (kernel.io_uring_disabled is {level}): {INSTEAD}, or have the \
         administrator set it to 0"
    )
}

#[cfg(test)]
mod tests {
    use super::{Host, UringError};
    use xskit_core::Errno;

    #[test]
    fn each_cause_is_told_from_the_others() {
        let free = Host::of("0", "Seccomp:\t0");
        let caged = Host::of("0", "Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1");
        let disabled = Host::of("2\n", "Seccomp:\t0");
        let of = |errno, host| UringError::of_call("io_uring_setup", errno, host);
        let call = "io_uring_setup";
        let (eperm, enosys) = (Errno::EPERM, Errno::ENOSYS);
        assert_eq!(of(eperm, &disabled), UringError::Disabled { level: 2 });
        assert_eq!(of(eperm, &free), UringError::Refused { call, errno: eperm });
        for errno in [eperm, enosys] {
            assert_eq!(of(errno, &caged), UringError::Filtered { call, errno });
        }
        assert_eq!(of(enosys, &free), UringError::Absent);
        assert_eq!(of(Errno::ENOMEM, &free), UringError::Memory);
        let errno = Errno::EMFILE;
        assert_eq!(of(errno, &free), UringError::Descriptors { errno });
        let errno = Errno::EINVAL;
        assert_eq!(of(errno, &free), UringError::Call { call, errno });
    }

    #[test]
    fn what_can_be_done_instead_is_said() {
        let errno = Errno::EPERM;
        let call = "io_uring_setup";
        let without_a_ring = [
            UringError::Disabled { level: 1 },
            UringError::Disabled { level: 2 },
            UringError::Filtered { call, errno },
            UringError::Refused { call, errno },
            UringError::Absent,
            UringError::TooOld {
                missing: "x",
                since: "5.11",
            },
            UringError::Memory,
            UringError::Napi { errno },
            UringError::Call { call, errno },
        ];
        for error in without_a_ring {
            let text = error.to_string();
            assert!(text.contains("use the rustix backend"), "{text}");
        }
        let memory = UringError::Memory.to_string();
        assert!(memory.contains("ulimit -l"), "{memory}");
    }
}
