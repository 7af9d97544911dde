//! The backend of direct, non-blocking system calls, through rustix.
//!
//! [`RustixBackend`] makes the calls of [`Backend`](xskit_core::Backend) one by one and counts
//! them; [`MmapMemory`] is a UMEM's memory, by `mmap(2)`. System calls made here: `socket`,
//! `setsockopt`, `getsockopt`, `mmap`, `munmap`, `bind`, `close`, `sendto`, `recvfrom`, `ppoll`,
//! and `madvise` and `nanosleep` during set-up; with a [`Waker`], `eventfd`, `read` and `write`.

mod backend;
mod memory;
mod option;
mod release;
mod wait;
mod waker;

pub use backend::RustixBackend;
pub use memory::{MmapMemory, PageSize};
pub use release::until_released;
pub use wait::Wait;
pub use waker::Waker;
