//! QUIC and HTTP/3 over AF_XDP: a sans-IO endpoint over quiche and the driver that runs it, or one
//! over the kernel's UDP (feature `udp`).
//!
//! ```text
//!            driver       frames, rings, waiting: the only part that does network I/O
//!               |
//!     Endpoint: handle_datagram, poll_transmit, poll_timeout, handle_timeout
//!               |
//!     +---------+---------+
//!   server              client::Connection
//!     | admission         | handshake, ack clock
//!     | connection        |
//!     |                   |
//!   Application         Client   http: HTTP/3, or a protocol of your own
//!     |                   |
//!   Handler             requests, events
//!     |                   |      of HTTP requests; files: those of a directory, or your own
//!     +------ quiche -----+      QUIC (RFC 9000), HTTP/3 (RFC 9114), TLS by BoringSSL
//! ```
//!
//! # No I/O here
//!
//! [`Server`] and [`Client`] have no sockets, threads or sleeps. The caller passes each received
//! UDP payload as a `&mut [u8]`, which is decrypted in place, and lends a `&mut [u8]` in which the
//! next payload is written and sealed. Over AF_XDP both are frames of the UMEM, so no packet is
//! copied between the rings and quiche. ([`Files`] does read its files.)
//!
//! ```text
//! loop {
//!     for each received payload:  endpoint.handle_datagram(now, payload, from, to, link)
//!     if poll_timeout() <= now:   endpoint.handle_timeout(now)
//!     while let Some(transmit) =  endpoint.poll_transmit(now, frame):  send it
//!     wait for a payload, or until poll_timeout()
//! }
//! ```
//!
//! The type of `link` is what the driver needs to answer on the link layer: MAC addresses and VLAN
//! tags, or `()` over a kernel socket. The server learns it per client address from authentic
//! datagrams, and returns it with each [`Transmit`].
//!
//! A driver runs one [`Endpoint`]. A server is one endpoint for all its clients. A client is one
//! connection; [`client::Connections`] makes one endpoint of any number.
//!
//! # Time
//!
//! This crate's own timers use the `now` that they are given. quiche's loss detection, idle
//! timeouts and acknowledgement delays call `Instant::now()` themselves, so `now` must be the real
//! time: a simulated clock can't drive a whole connection.
//!
//! # What bounds what
//!
//! | resource | bound |
//! | --- | --- |
//! | connections | [`ServerConfig::max_connections`]; beyond that, CONNECTION_REFUSED to proven addresses |
//! | connections of one host, of one network | [`ServerConfig::max_connections_per_host`] and [`ServerConfig::max_connections_per_network`], counted once the address is proven |
//! | connections without progress | [`ServerConfig::request_timeout`] without a request, [`ServerConfig::response_timeout`] without the client sending more of a request or taking more of a response; none while the application must act |
//! | half-open handshakes | [`ServerConfig::handshake_timeout`], then CONNECTION_REFUSED, within what may be sent to an unproven address; beyond [`ServerConfig::retry_above_half_open`], Retry, which keeps no state |
//! | packets under a connection's keys | [`ServerConfig::max_packets_sent`] sent, 2^36 that failed to authenticate; then AEAD_LIMIT_REACHED |
//! | log lines that peers cause | 10, then one per second; the others are counted |
//! | a request's record for an access log | 2.6 KB until its response is over, if [`Http::on_response`] is used |
//! | datagrams in a burst | 16, or what the congestion window allows in 2 ms, at most 128; unbounded if the round trip is at most 2 ms |
//! | answers without a connection | 64 waiting; the rest is dropped and counted |
//! | stateless resets | 100 at once, then one per 10 ms; smaller than the packet that is answered, and at most 42 bytes |
//! | bytes sent to an unproven address | three times what it sent, padding included; the rest waits until it sends more or proves its address |
//! | early data (0-RTT) that is acted on | each at most once: 262,144 connection ids of the last minutes are remembered, three per connection; beyond that, it waits for the end of the handshake. All clients whose address is unproven count as one host for open files |
//! | requests of a connection | [`TransportConfig::max_streams`], with 16 KiB of header fields each, then status 431; beyond 128 KiB, H3_EXCESSIVE_LOAD |
//! | cancelled requests | [`HttpConfig::max_requests_given_up`], and more with complete responses and with time; then H3_EXCESSIVE_LOAD |
//! | unidirectional streams of a connection | 16 at once, 1,000 in total; then H3_EXCESSIVE_LOAD |
//! | request bodies | the [`Handler`] reads or refuses them ([`Files`] refuses them); unread, a client sends at most [`TransportConfig::stream_window_bytes`] per request and [`TransportConfig::connection_window_bytes`] per connection |
//! | response bodies in memory | left to the [`Handler`]; a streamed one has room for 64 KiB ([`Reply::room`]), but anything beyond is kept, too |
//! | file bytes in memory | [`HttpConfig::max_body_bytes_held`] per connection and [`HttpConfig::max_total_body_bytes_held`] per server, counted from the read until the acknowledgement; in addition, 8 MiB of buffers for reuse |
//! | open files | one per response under way, and [`HttpConfig::max_open_files`] in total; a host may have a quarter and a network half of those left; then status 503 |
//! | queued unreliable datagrams | [`TransportConfig::datagrams_queued`] in each direction of a connection; the rest is dropped |
//! | a client's request without progress in either direction | [`ClientConfig::progress_timeout`] |
//! | a client's streamed request body | room for 64 KiB ([`Client::room`]), but anything beyond is kept, too |
//! | interim responses that a client reports | 16 per request; the others are skipped |
//!
//! # Files
//!
//! Paths are opened by `openat2` with `RESOLVE_BENEATH` (Linux 5.6) relative to the root
//! directory's descriptor: the kernel refuses `..` and symlinks that lead outside. See [`Root`].
//! Compressed files beside the originals are served to clients that accept the encoding. See
//! [`Files`].

mod black_hole;
pub mod cert;
pub mod client;
mod diagnostics;
pub mod driver;
mod endpoint;
mod error;
mod files;
mod header;
mod http;
mod identity;
mod key_use;
mod notices;
mod pacer;
mod printable;
#[cfg(feature = "qlog")]
mod qlog;
mod quic;
pub mod server;
mod timers;
mod transport;

pub use client::{Client, ClientConfig};
pub use diagnostics::{Diagnostics, KeyLog};
pub use endpoint::{Endpoint, Transmit};
pub use error::SetupError;
pub use files::{ByteRange, ContentRange, FileServer, Files, Root, RootError};
pub use http::{
    Body, Ending, Fields, Handler, Head, HeldBytes, Http, HttpCommon, HttpConfig, HttpCounters,
    Incoming, LoneExchange, Piece, Reply, Request, RequestKey, Response, Served, Session,
};
pub use identity::{Identity, IdentityError};
pub use notices::Notices;
pub use printable::Printable;
#[cfg(feature = "qlog")]
pub use qlog::QlogDirectory;
pub use quic::{QuicConnection, StreamBuffers};
pub use quiche;
pub use server::{Application, Server, ServerConfig, Worker};
pub use transport::{
    Congestion, MAX_UDP_PAYLOAD_BYTES, MIN_UDP_PAYLOAD_BYTES, TransportConfig, udp_payload_for_mtu,
};
