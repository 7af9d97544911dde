//! `UdpError`: why a UDP driver can't be made, or can't continue.

use xskit_core::Errno;

/// Why a [`UdpDriver`](super::UdpDriver) can't be made, or can't continue. A datagram that the
/// kernel does not send is no error: it is counted as
/// [`unsendable`](crate::driver::DriverCounters::unsendable).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UdpError {
    /// The named system call of the set-up failed.
    #[error("{0} of the UDP socket: {1}{hint}", hint = hint(*.1))]
    Setup(&'static str, Errno),
    /// Receiving failed.
    #[error("recvmmsg of the UDP socket: {0}{hint}", hint = hint(*.0))]
    Receive(Errno),
    /// A wait failed.
    #[error("poll of the UDP socket: {0}{hint}", hint = hint(*.0))]
    Wait(Errno),
}

impl UdpError {
    /// The kernel's errno.
    #[must_use]
    pub const fn errno(&self) -> Errno {
        match *self {
            Self::Setup(_, errno) | Self::Receive(errno) | Self::Wait(errno) => errno,
        }
    }
}

fn hint(errno: Errno) -> &'static str {
    match errno {
        Errno::ENOSYS | Errno::EPERM | Errno::EACCES => {
            ": a seccomp filter or a security module forbids it: allow the call to this process"
        }
        Errno::ENOPROTOOPT => {
            ": the kernel, or an emulation of it, has no such option: run on Linux itself"
        }
        Errno::ENOMEM | Errno::ENOBUFS => ": the kernel is out of memory: try again later",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_names_call_errno_and_remedy() {
        let text = UdpError::Receive(Errno::ENOSYS).to_string();
        for word in ["recvmmsg", "ENOSYS (38)", "seccomp", "allow"] {
            assert!(text.contains(word), "no {word:?} in {text}");
        }
        let text = UdpError::Setup("getsockname", Errno(71)).to_string();
        assert_eq!(text, "getsockname of the UDP socket: errno 71");
    }
}
