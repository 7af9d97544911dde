//! Why a socket could not be opened, and what to try.

use core::fmt;

use crate::backend::RingKind;
use crate::errno::Errno;
use crate::ring::LayoutError;
use crate::umem::SocketNumber;

/// A socket that could not be opened: the step that failed, and why.
///
/// ```
/// # use xskit_core::sim::{HeapMemory, SimNetwork, WireConfig};
/// # use xskit_core::umem::{FrameSize, FrameSlot, Umem};
/// # use xskit_core::{Socket, SocketConfig};
/// # let network = SimNetwork::new(WireConfig::perfect(), 1);
/// # let mut slots = vec![FrameSlot::new(); 64];
/// # let umem = Umem::new(HeapMemory::new(64 * 4096), &mut slots, FrameSize::DEFAULT)?;
/// # let backend = network.backend();
/// use xskit_core::Errno;
/// use xskit_core::socket::Step;
///
/// let refused = Socket::open(&backend, &umem, &SocketConfig::new(1, 7)).expect_err("one queue");
/// assert_eq!((refused.queue, refused.errno), (7, Errno::EINVAL));
/// assert!(matches!(refused.step, Step::Bind { .. }));
/// println!("{refused}"); // … queue 7 is not active on this interface: choose a lower one, or …
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct OpenError {
    /// The step that failed.
    pub step: Step,
    /// The kernel's error; zero if the step is not a system call.
    pub errno: Errno,
    /// Index of the interface asked for.
    pub ifindex: u32,
    /// The queue asked for.
    pub queue: u32,
}

/// A step of the set-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Another socket is open over the same UMEM.
    Claim,
    /// The UMEM has the most open sockets that it can have.
    TooMany,
    /// No frame of the UMEM is free, and some are out of use.
    Frames {
        /// How many the kernel had when earlier sockets were closed.
        retired: u32,
    },
    /// `socket(2)`.
    Create,
    /// `setsockopt(XDP_UMEM_REG)`.
    Register,
    /// `setsockopt` of a ring's size.
    Size(RingKind),
    /// `getsockopt(XDP_MMAP_OFFSETS)`.
    Offsets,
    /// `mmap(2)` of a ring.
    Map(RingKind),
    /// Reading a ring's layout.
    Layout(RingKind, LayoutError),
    /// `bind(2)`.
    Bind {
        /// Whether zero-copy mode was forced.
        zero_copy_forced: bool,
    },
    /// `bind(2)` of a socket that shares the UMEM of another.
    BindShared,
    /// `getsockopt(XDP_OPTIONS)`.
    Confirm,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.step {
            Step::Claim => f.write_str(
                "a socket is open over this UMEM already: call its Socket::open_shared, or use another \
                 UMEM",
            ),
            Step::TooMany => write!(
                f,
                "{} sockets are open over this UMEM, the most that it can have: use another UMEM",
                SocketNumber::COUNT
            ),
            Step::Frames { retired } => write!(
                f,
                "this UMEM has no free frame: the kernel had {retired} when their sockets were closed, and \
                 may still write to them; call Umem::replace_memory, or use another UMEM"
            ),
            Step::Create => write!(f, "socket(AF_XDP): {}{}", self.errno, self.create_hint()),
            Step::Register => {
                write!(
                    f,
                    "setsockopt(XDP_UMEM_REG): {}{}",
                    self.errno,
                    self.register_hint()
                )
            }
            Step::Size(ring) => write!(
                f,
                "setsockopt(2), size of the {} ring: {}{}",
                ring.name(),
                self.errno,
                self.size_hint()
            ),
            Step::Offsets => write!(
                f,
                "getsockopt(XDP_MMAP_OFFSETS): {}; Linux 5.4 or later is needed",
                self.errno
            ),
            Step::Map(ring) => {
                write!(
                    f,
                    "mmap(2) of the {} ring: {}; use smaller rings",
                    ring.name(),
                    self.errno
                )
            }
            Step::Layout(ring, error) => {
                write!(
                    f,
                    "the kernel's layout of the {} ring cannot be used: {error}",
                    ring.name()
                )
            }
            Step::Bind { zero_copy_forced } => self.write_bind(f, zero_copy_forced),
            Step::BindShared => self.write_bind_shared(f),
            Step::Confirm => write!(
                f,
                "getsockopt(XDP_OPTIONS): {}; Linux 5.3 or later is needed",
                self.errno
            ),
        }
    }
}

impl OpenError {
    /// An error of `socket(2)`, before the interface and the queue are known: both are 0.
    #[must_use]
    pub const fn of_creation(errno: Errno) -> Self {
        Self {
            step: Step::Create,
            errno,
            ifindex: 0,
            queue: 0,
        }
    }

    fn create_hint(&self) -> &'static str {
        match self.errno {
            Errno::EPERM => {
                "; CAP_NET_RAW is needed: run as root, grant the capability, or have a process that has it \
                 create the socket and send its descriptor (open_from)"
            }
            Errno::EAFNOSUPPORT => "; this kernel is built without CONFIG_XDP_SOCKETS",
            Errno::EMFILE => "; too many files are open: raise the limit (ulimit -n)",
            _ => "",
        }
    }

    fn register_hint(&self) -> &'static str {
        match self.errno {
            Errno::ENOBUFS => {
                "; the UMEM is over the limit of locked memory: use fewer frames, raise the limit \
                 (ulimit -l), or grant CAP_IPC_LOCK"
            }
            Errno::EINVAL => {
                "; the kernel refuses this UMEM: the frame size must be 2048 or 4096 bytes, no \
                 larger than a page, and the memory page-aligned"
            }
            Errno::ENOMEM => "; out of memory: use fewer frames",
            Errno::EBUSY => {
                "; the given socket has a UMEM already, or is bound: give each socket its own descriptor, \
                 from a socket(AF_XDP) that was not used before"
            }
            _ => "",
        }
    }

    fn size_hint(&self) -> &'static str {
        match self.errno {
            // Every `RingSize` is a power of two.
            Errno::EINVAL | Errno::EBUSY => {
                "; the given socket has rings already, or is bound: give each socket its own descriptor, \
                 from a socket(AF_XDP) that was not used before"
            }
            _ => "; use a smaller power of two",
        }
    }

    fn write_bind_shared(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.errno {
            Errno::EINVAL => write!(
                f,
                "bind(2) to queue {} of interface {}, sharing a UMEM: {}; the socket that owns the UMEM has this \
                 queue, or the queue is not active on this interface: choose another one, or activate more \
                 (ethtool -L); Linux 5.10 or later is needed",
                self.queue, self.ifindex, self.errno
            ),
            Errno::EOPNOTSUPP => write!(
                f,
                "bind(2) to queue {} of interface {}, sharing a UMEM: {}; the UMEM's first socket is in zero-copy \
                 mode, and this driver has none: open the first in copy mode (ZeroCopy::Refuse). Or the \
                 backend cannot share a UMEM",
                self.queue, self.ifindex, self.errno
            ),
            _ => self.write_bind(f, false),
        }
    }

    fn write_bind(&self, f: &mut fmt::Formatter<'_>, zero_copy_forced: bool) -> fmt::Result {
        let Self {
            errno,
            ifindex,
            queue,
            ..
        } = self;
        write!(
            f,
            "bind(2) to queue {queue} of interface {ifindex}: {errno}"
        )?;
        match *errno {
            Errno::EBUSY => write!(
                f,
                "; queue {queue} is already bound by another socket: end that program, or choose \
                 another queue"
            ),
            Errno::EINVAL => write!(
                f,
                "; queue {queue} is not active on this interface: choose a lower one, or activate \
                 more (ethtool -L)"
            ),
            Errno::EOPNOTSUPP if zero_copy_forced => f.write_str(
                "; the driver has no zero-copy mode: leave zero-copy to the kernel, or refuse it",
            ),
            Errno::ENODEV => f.write_str("; there is no such interface"),
            Errno::ENETDOWN => f.write_str("; the interface is down: ip link set … up"),
            Errno::EPERM => f.write_str("; CAP_NET_RAW is needed in the interface's namespace"),
            Errno::ENOBUFS => f.write_str(
                "; the UMEM is over the limit of locked memory: use fewer frames, raise the limit \
                 (ulimit -l), or grant CAP_IPC_LOCK",
            ),
            _ => Ok(()),
        }
    }
}
