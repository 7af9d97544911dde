//! Why there is no socket.

use std::fmt;

use xskit_core::Errno;
use xskit_core::ring::RingSizeError;
use xskit_core::umem::{FrameSizeError, UmemError};

use crate::memory::DescriptorError;

/// Why a socket could not be opened. Each says what to try.
///
/// ```
/// use xskit::{OpenError, Socket};
///
/// let refused = Socket::builder("eth77").frames(64).open().expect_err("no such interface");
/// assert!(matches!(refused, OpenError::Interface { .. }));
/// println!("{refused}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no interface of this name.
    Interface {
        /// The name.
        name: String,
        /// What the look-up returned.
        errno: Errno,
    },
    /// The size of the rings.
    RingSize(RingSizeError),
    /// The size of the frames.
    FrameSize(FrameSizeError),
    /// The memory of the frames could not be mapped.
    Memory {
        /// How much was asked for.
        len_bytes: usize,
        /// What `mmap(2)` returned.
        errno: Errno,
    },
    /// The memory of the frames can't be that of this NUMA node.
    NumaNode {
        /// The node.
        node: u32,
        /// What `mbind(2)` returned.
        errno: Errno,
    },
    /// The memory can't be cut into frames.
    Umem(UmemError),
    /// The descriptor that was given is not an AF_XDP socket's, or was used before.
    Descriptor(DescriptorError),
    /// There is no io_uring.
    #[cfg(feature = "backend-uring")]
    Uring(xskit_uring::UringError),
    /// [`Sockets::open`](crate::Sockets::open) was given no builder.
    NoSocket,
    /// A step of the set-up failed.
    Socket(xskit_core::socket::OpenError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface { name, errno } => write!(
                f,
                "there is no interface {name:?} ({errno}): `ip link` lists those of this network namespace"
            ),
            Self::RingSize(error) => error.fmt(f),
            Self::FrameSize(error) => error.fmt(f),
            Self::Memory { len_bytes, errno } => write!(
                f,
                "mmap of {len_bytes} bytes for the frames: {errno}: use fewer or smaller frames"
            ),
            Self::NumaNode { node, errno } => write!(
                f,
                "mbind of the frames to NUMA node {node}: {errno}: name one that there is and that this process may use \
                 (/sys/devices/system/node, cpuset.mems), or none"
            ),
            Self::Umem(error) => error.fmt(f),
            Self::Descriptor(error) => error.fmt(f),
            #[cfg(feature = "backend-uring")]
            Self::Uring(error) => error.fmt(f),
            Self::NoSocket => f.write_str("no socket to open: give at least one builder"),
            Self::Socket(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Interface { .. }
            | Self::Memory { .. }
            | Self::NumaNode { .. }
            | Self::NoSocket => None,
            Self::RingSize(error) => Some(error),
            Self::FrameSize(error) => Some(error),
            Self::Umem(error) => Some(error),
            Self::Descriptor(error) => Some(error),
            #[cfg(feature = "backend-uring")]
            Self::Uring(error) => Some(error),
            Self::Socket(error) => Some(error),
        }
    }
}
