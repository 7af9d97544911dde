//! The backend of direct, non-blocking system calls, through rustix.
//!
//! [`RustixBackend`] makes the calls of [`Backend`](xskit_core::Backend) one by one and counts
//! them; [`MmapMemory`] is a UMEM's memory, by `mmap(2)`. System calls made here: `socket`,
//! `setsockopt`, `getsockopt`, `mmap`, `munmap`, `bind`, `close`, `sendto`, `recvfrom`, `ppoll`,
//! and `madvise`, `mbind`, `nanosleep` and `fcntl` during set-up; with a [`Waker`], `eventfd`,
//! `read` and `write`.
//!
//! Only `socket` needs a capability, CAP_NET_RAW. A process that has it can make the call
//! ([`create_descriptor`]) for one that doesn't ([`RustixBackend::adopt`]).

mod backend;
mod descriptor;
mod memory;
mod option;
mod release;
mod waker;

pub use backend::{RustixBackend, RustixWait, create_descriptor};
pub use descriptor::DescriptorError;
pub use memory::{MmapMemory, PageSize};
pub use release::until_released;
pub use waker::Waker;
