//! A socket that a process with CAP_NET_RAW created, received as a descriptor.

use std::os::fd::OwnedFd;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{AddressFamily, sockopt};
use xskit_core::Errno;
use xskit_core::abi::UmemReg;
use xskit_core::backend::{Backend, RingKind, SetOption};

use crate::RustixBackend;

/// Why a descriptor can't be opened as a socket. Most texts say what to pass instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptorError {
    /// The descriptor is not a socket.
    #[error("getsockopt(SO_DOMAIN): {errno}: the descriptor is not a socket: {INSTEAD}")]
    NotSocket {
        /// The errno of `getsockopt(SO_DOMAIN)`, usually ENOTSOCK.
        errno: Errno,
    },
    /// The socket is of another address family.
    #[error(
        "getsockopt(SO_DOMAIN): the descriptor's socket has address family {family}, not AF_XDP ({}): {INSTEAD}",
        AddressFamily::XDP.as_raw()
    )]
    OtherFamily {
        /// What SO_DOMAIN is instead of AF_XDP (44).
        family: u16,
    },
    /// The socket has a UMEM already.
    #[error(
        "setsockopt(XDP_UMEM_REG): {}: the descriptor's socket has a UMEM already: {ANEW}",
        Errno::EBUSY
    )]
    HasUmem,
    /// The socket is bound already.
    #[error(
        "setsockopt(XDP_RX_RING): {}: the descriptor's socket is bound already: {ANEW}",
        Errno::EBUSY
    )]
    Bound,
    /// Another call failed.
    #[error("{call} of the descriptor: {errno}")]
    Call {
        /// The call.
        call: &'static str,
        /// Its errno.
        errno: Errno,
    },
}

const INSTEAD: &str = "pass one that socket(AF_XDP) returned";
const ANEW: &str = "each socket needs its own descriptor, fresh from socket(AF_XDP)";

impl RustixBackend {
    /// Takes a socket that another process created, as
    /// [`create_descriptor`](crate::create_descriptor) does, for
    /// [`Socket::open_from`](xskit_core::Socket::open_from). Sets its close-on-exec flag.
    ///
    /// Neither this nor opening it needs a capability.
    ///
    /// # Errors
    /// [`NotSocket`](DescriptorError::NotSocket) and [`OtherFamily`](DescriptorError::OtherFamily)
    /// if it is not an AF_XDP socket; [`HasUmem`](DescriptorError::HasUmem) and
    /// [`Bound`](DescriptorError::Bound) if it was in use; [`Call`](DescriptorError::Call) if
    /// another call failed. The descriptor is then closed.
    pub fn adopt(&self, descriptor: OwnedFd) -> Result<OwnedFd, DescriptorError> {
        let domain = self.setup(sockopt::socket_domain(&descriptor));
        match domain.map_err(|errno| DescriptorError::NotSocket { errno })? {
            // This family has one type and one protocol.
            AddressFamily::XDP => {}
            other => {
                let family = other.as_raw();
                return Err(DescriptorError::OtherFamily { family });
            }
        }
        self.require_unused(&descriptor)?;
        let call = "fcntl(FD_CLOEXEC)";
        self.setup(fcntl_setfd(&descriptor, FdFlags::CLOEXEC))
            .map_err(|errno| DescriptorError::Call { call, errno })?;
        Ok(descriptor)
    }

    /// Makes calls that fail in any case: with EBUSY if the socket has a UMEM or is bound, with
    /// EINVAL if it has neither (`xsk_setsockopt`, net/xdp/xsk.c).
    fn require_unused(&self, socket: &OwnedFd) -> Result<(), DescriptorError> {
        let no_umem = SetOption::UmemReg(UmemReg::default());
        let no_ring = SetOption::RingSize(RingKind::Rx, 0);
        match self.set_option(socket, no_umem) {
            Err(Errno::EBUSY) => match self.set_option(socket, no_ring) {
                Err(Errno::EBUSY) => Err(DescriptorError::Bound),
                _ => Err(DescriptorError::HasUmem),
            },
            Err(Errno::EINVAL) | Ok(()) => Ok(()),
            Err(errno) => Err(DescriptorError::Call {
                call: "setsockopt(XDP_UMEM_REG)",
                errno,
            }),
        }
    }
}
