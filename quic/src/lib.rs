//! QUIC and HTTP/3 over AF_XDP: a sans-IO endpoint over quiche and the driver that runs it.

pub mod cert;
pub mod client;
pub mod driver;
mod error;
mod http;
mod identity;
pub mod server;
mod stream_buffer;
mod transmit;
mod transport;

pub use client::{Client, ClientConfig};
pub use error::SetupError;
pub use http::{ByteRange, Root, RootError};
pub use identity::{Identity, IdentityError};
pub use server::{Server, ServerConfig};
pub use transmit::Transmit;
pub use transport::{
    Congestion, MAX_UDP_PAYLOAD_BYTES, MIN_UDP_PAYLOAD_BYTES, TransportConfig, udp_payload_for_mtu,
};
