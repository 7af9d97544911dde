//! The socket: its set-up and shutdown in order, and the cycle of its frames.
//!
//! [`Socket`] holds two halves and the kernel's handle. [`RxHalf`] has the fill and the RX ring,
//! [`TxHalf`] the TX and the completion ring. Dropping a socket closes the handle before it
//! releases the UMEM.

mod accounting;
mod config;
mod error;
mod half;
mod handle;
mod open;
mod patience;
mod receiver;
mod reservation;
mod send_error;
#[allow(clippy::module_inception)]
mod socket;
mod transmitter;
mod tuning;
mod wait;
mod wakeups;

pub use accounting::Accounting;
pub use config::{BusyPoll, SocketConfig, ZeroCopy};
pub use error::{OpenError, Step};
pub use half::{RxHalf, TxHalf};
pub use patience::Patience;
pub use receiver::Received;
pub use reservation::Reservation;
pub use send_error::{SendError, SendErrorKind};
#[cfg(feature = "sim")]
#[doc(hidden)]
pub use socket::SocketCursors;
pub use socket::{Obtained, PacketCounts, Socket};
pub use tuning::BusyPolling;
