//! Drivers, which run an endpoint over an AF_XDP socket, or over a kernel UDP socket.
//!
//! A [`Driver`] works in turns. In each it hands received packets to the endpoint, in the frames
//! that they came in, and has the endpoint write packets into the frames that they leave in. Then
//! it gives both kinds of frames back to the kernel. Between turns the caller does its own work,
//! and [`Driver::rest`] waits if there is nothing to do.
//!
//! ```text
//!   RX ring ─► Frame ─► parse headers ─► Endpoint::handle_datagram (opened in place)
//!   TX ring ◄─ Frame ◄─ write headers ◄─ Endpoint::poll_transmit   (sealed in place)
//! ```
//!
//! | file | holds |
//! | --- | --- |
//! | `sources.rs` | which datagrams are answered |
//! | `turn.rs` | the driver and its turn |
//! | `counters.rs` | what it counts |
//! | `error.rs` | why it can't continue |
//! | `udp/` | the driver over a kernel UDP socket (feature `udp`) |

mod counters;
mod error;
mod sources;
mod turn;
#[cfg(feature = "udp")]
mod udp;

pub use counters::{DriverCounters, RefusalCounts, UnanswerableCounts};
pub use error::DriverError;
pub use sources::{ReversePathCheck, Unanswerable};
pub use turn::{Driver, DriverConfig};
#[cfg(feature = "udp")]
pub use udp::{UdpCalls, UdpConfig, UdpDriver, UdpError};
