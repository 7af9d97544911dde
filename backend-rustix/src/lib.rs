//! The backend of direct, non-blocking system calls, through rustix.
//!
//! [`RustixBackend`] makes the calls of [`Backend`](xskit_core::Backend) one by one and counts
//! them; [`MmapMemory`] is a UMEM's memory, by `mmap(2)`. System calls made here: `socket`,
//! `setsockopt`, `getsockopt`, `mmap`, `munmap`, `bind`, `close`, `sendto`, `recvfrom`, `ppoll`,
//! and `madvise` and `nanosleep` during set-up.

mod backend;
mod memory;
mod option;
mod release;
mod wait;

pub use backend::RustixBackend;
pub use memory::{MmapMemory, PageSize};
pub use release::until_released;
pub use wait::Wait;
