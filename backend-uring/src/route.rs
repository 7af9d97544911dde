//! Which way each part of the set-up takes: through the ring, or by a direct call.

use std::fmt;

use xskit_core::Errno;

/// Which way each part of the set-up takes. Reading options, mapping and closing are always direct
/// calls: a ring's `getsockopt` knows the level SOL_SOCKET only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetupReport {
    /// `socket(2)`, or IORING_OP_SOCKET.
    pub socket: Route,
    /// `setsockopt(2)`, or IORING_OP_URING_CMD.
    pub options: Route,
    /// `bind(2)`, or IORING_OP_BIND.
    pub bind: Route,
}

/// The way a part of the set-up takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Through the ring.
    Submission,
    /// By the system call.
    Direct(Reason),
}

/// Why a direct call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The kernel's io_uring has no such operation.
    Absent {
        /// The first kernel that has it.
        since: &'static str,
    },
    /// The ring refused, and the direct call worked.
    Refused(Errno),
    /// A kernel thread takes the submissions (SQPOLL). It stays in the namespaces that the program
    /// had when it created the ring.
    Polled,
    /// The kernel refused to report the operations of its io_uring.
    Unprobed(Errno),
}

impl SetupReport {
    pub(crate) fn direct(reason: Reason) -> Self {
        let route = Route::Direct(reason);
        Self {
            socket: route,
            options: route,
            bind: route,
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Submission => f.write_str("submitted"),
            Self::Direct(Reason::Absent { since }) => {
                write!(f, "called directly (submitted since Linux {since})")
            }
            Self::Direct(Reason::Refused(errno)) => {
                write!(f, "called directly (the ring returned {errno})")
            }
            Self::Direct(Reason::Polled) => f.write_str("called directly (because of SQPOLL)"),
            Self::Direct(Reason::Unprobed(errno)) => {
                write!(f, "called directly (no probe: {errno})")
            }
        }
    }
}

impl fmt::Display for SetupReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            socket,
            options,
            bind,
        } = self;
        write!(f, "socket {socket}, options {options}, bind {bind}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Reason, Route, SetupReport};
    use xskit_core::Errno;

    #[test]
    fn a_report_reads_well() {
        let report = SetupReport {
            socket: Route::Submission,
            options: Route::Direct(Reason::Refused(Errno::EOPNOTSUPP)),
            bind: Route::Direct(Reason::Absent { since: "6.11" }),
        };
        assert_eq!(
            report.to_string(),
            "socket submitted, options called directly (the ring returned EOPNOTSUPP (95)), \
             bind called directly (submitted since Linux 6.11)"
        );
    }
}
