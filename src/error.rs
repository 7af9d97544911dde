//! Why a socket could not be opened.

use xskit_core::Errno;
use xskit_core::ring::RingSizeError;
use xskit_core::umem::{FrameSizeError, UmemError};

use crate::memory::DescriptorError;

/// Why a socket could not be opened. The text has the remedy, where one is known.
///
/// ```
/// use xskit::{OpenError, Socket};
///
/// let refused = Socket::builder("eth77").frames(64).open().expect_err("no such interface");
/// assert!(matches!(refused, OpenError::Interface { .. }));
/// println!("{refused}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no interface of this name (ENODEV), or it can't be looked up.
    #[error(
        "interface {name:?} can't be looked up: {errno}; `ip link` lists those of this network namespace"
    )]
    Interface {
        /// The name.
        name: String,
        /// The error of the look-up.
        errno: Errno,
    },
    /// The size of the rings is invalid.
    #[error(transparent)]
    RingSize(#[from] RingSizeError),
    /// The size of the frames is invalid.
    #[error(transparent)]
    FrameSize(#[from] FrameSizeError),
    /// The memory of the frames could not be mapped.
    #[error("mmap(2) of {len_bytes} bytes for the frames: {errno}: use fewer or smaller frames")]
    Memory {
        /// The length asked for.
        len_bytes: usize,
        /// The error of `mmap(2)`.
        errno: Errno,
    },
    /// The memory of the frames could not be bound to this NUMA node.
    #[error(
        "mbind(2) of the frames to NUMA node {node}: {errno}: name one that exists and that this process may use \
         (/sys/devices/system/node, cpuset.mems), or none"
    )]
    NumaNode {
        /// The node.
        node: u32,
        /// The error of `mbind(2)`.
        errno: Errno,
    },
    /// The memory cannot be cut into frames.
    #[error(transparent)]
    Umem(#[from] UmemError),
    /// The given descriptor is not an AF_XDP socket's, or was used before.
    #[error(transparent)]
    Descriptor(#[from] DescriptorError),
    /// The io_uring could not be set up.
    #[cfg(feature = "backend-uring")]
    #[error(transparent)]
    Uring(#[from] xskit_uring::UringError),
    /// [`Sockets::open`](crate::Sockets::open) was given no builder.
    #[error("no socket to open: give at least one builder")]
    NoSocket,
    /// A step of the set-up failed.
    #[error(transparent)]
    Socket(#[from] xskit_core::socket::OpenError),
}
