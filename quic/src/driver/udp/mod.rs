//! The same endpoints over a kernel UDP socket: where AF_XDP can't be had, and to compare.
//!
//! A [`UdpDriver`] takes turns as a [`Driver`](super::Driver) does. The kernel joins datagrams that
//! came in a row (GRO), and cuts up those that leave in a row (GSO), so a system call moves up to 64
//! of them.
//!
//! ```text
//!   recvmmsg ─► buffer ─► cut at the stride ─► Endpoint::handle_datagram (opened in place)
//!   sendmsg  ◄─ outbox ◄─ as long as destination, source and size are one ◄─ Endpoint::poll_transmit
//! ```
//!
//! | file | holds |
//! | --- | --- |
//! | `turn.rs` | the driver and its turn |
//! | `outbox.rs` | datagrams on their way into one send |
//! | `kernel.rs` | the socket, its calls and their number |
//! | `error.rs` | why it can't be made, or can't go on |

mod error;
mod kernel;
mod outbox;
mod turn;

pub use error::UdpError;
pub use turn::{UdpCalls, UdpConfig, UdpDriver};
