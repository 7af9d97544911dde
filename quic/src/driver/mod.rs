//! The drivers: one runs an endpoint over one AF_XDP socket, one over one kernel UDP socket.
//!
//! A [`Driver`] takes turns. In each it hands what arrived to the endpoint, in the frames it came
//! in, and has the endpoint write what it has to send into the frames it leaves in; then it gives
//! both kinds back to the kernel. Between turns the caller does its own work, and [`Driver::rest`]
//! waits when there is nothing to do.
//!
//! ```text
//!   RX ring ─► Frame ─► parse headers ─► Endpoint::handle_datagram (opened in place)
//!   TX ring ◄─ Frame ◄─ write headers ◄─ Endpoint::poll_transmit   (sealed in place)
//! ```
//!
//! | file | holds |
//! | --- | --- |
//! | `sources.rs` | whose datagrams are answered |
//! | `turn.rs` | the driver and its turn |
//! | `counters.rs` | what it counts |
//! | `error.rs` | why it can't go on |
//! | `udp/` | the driver over a kernel UDP socket (feature `udp`) |

mod counters;
mod error;
mod sources;
mod turn;
#[cfg(feature = "udp")]
mod udp;

pub use crate::endpoint::Endpoint;
pub use counters::{DriverCounters, RefusalCounts, UnanswerableCounts};
pub use error::DriverError;
pub use sources::{ReversePathCheck, Unanswerable};
pub use turn::{Driver, DriverConfig};
#[cfg(feature = "udp")]
pub use udp::{UdpCalls, UdpConfig, UdpDriver, UdpError};
