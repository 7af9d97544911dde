//! The backend of io_uring submissions.
//!
//! [`UringBackend`] does what [`Backend`](xskit_core::Backend) asks for through an io_uring where
//! that can save a system call, and through [`RustixBackend`](xskit_rustix::RustixBackend) where
//! not.

mod backend;
mod config;
mod error;
mod host;
mod kick;
mod poll;
mod probe;
mod ring;
mod setup;
mod shutdown;
mod socket;
mod tag;
mod traffic;
mod wait;

pub use backend::UringBackend;
pub use config::{SqPoll, UnknownWait, UringConfig, Wait};
pub use error::UringError;
pub use setup::{Reason, Route, SetupReport};
pub use socket::UringSocket;
pub use xskit_rustix::{MmapMemory, PageSize};
