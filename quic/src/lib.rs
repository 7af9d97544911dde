//! QUIC and HTTP/3 over AF_XDP: a sans-IO endpoint over quiche and the driver that runs it, or one over
//! the kernel's UDP (feature `udp`).
//!
//! ```text
//!            driver       frames, rings, waiting: the only part that does any I/O on the network
//!               |
//!     handle_datagram, poll_transmit, poll_timeout, handle_timeout
//!               |
//!     +---------+---------+
//!   server              client::Connection
//!     | admission         | handshake, ack clock
//!     | connection        |
//!     |                   |
//!   Application         Client   http: HTTP/3, or a protocol of your own
//!     |                   |
//!   Handler             requests, events
//!     |                   |      of HTTP's requests; files: those of a directory, or your own
//!     +------ quiche -----+      QUIC (RFC 9000), HTTP/3 (RFC 9114), TLS by BoringSSL
//! ```
//!
//! # No I/O here
//!
//! [`Server`] and [`Client`] have no sockets, threads or sleeps. The caller hands them each
//! UDP payload as a `&mut [u8]`, which is decrypted where it lies, and gives them a `&mut [u8]`
//! in which the next payload is written and sealed. Over AF_XDP both are frames of the UMEM,
//! so no packet is copied between the ring and quiche. ([`Files`] does read its files.)
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
//! `L`, the type of `link`, is whatever the driver needs to answer on the link layer: MAC
//! addresses and VLAN tags, or `()` over a kernel socket. The server learns it per client
//! address from authentic datagrams, and gives it back with each [`Transmit`].
//!
//! A driver runs one endpoint. A server is one for all its clients; a client is one connection, and
//! [`client::Connections`] makes one endpoint of any number.
//!
//! # Time
//!
//! This crate's own timers go by the `now` that they are given. quiche's loss detection,
//! idle timeouts and acknowledgement delays call `Instant::now()` themselves, so `now` must
//! be the real time: a simulated clock can't drive a whole connection.
//!
//! # What bounds what
//!
//! | resource | bound |
//! | --- | --- |
//! | connections | [`ServerConfig::max_connections`]; beyond, CONNECTION_REFUSED to proven addresses |
//! | connections of one host, of one network | [`ServerConfig::max_connections_per_host`] and [`ServerConfig::max_connections_per_network`], counted once the address is proven |
//! | connections that come to nothing | [`ServerConfig::request_timeout`] without a request, [`ServerConfig::response_timeout`] without the client sending more of a request or taking more of a response; while the application thinks, none |
//! | half-open handshakes | [`ServerConfig::handshake_timeout`], then CONNECTION_REFUSED as far as the address is proven; beyond [`ServerConfig::retry_above_half_open`], Retry, which keeps no state |
//! | packets under a connection's keys | [`ServerConfig::max_packets_sent`] sent, 2^36 that didn't open; then AEAD_LIMIT_REACHED |
//! | log lines that peers cause | 10, and another one each second; the others are counted |
//! | what is kept of a request for an access log | 2.6 KB until its response is over, if [`Http::on_response`] is used |
//! | datagrams at once | 16, or what the congestion window allows in 2 ms, 128 at most; without a bound where the round trip is shorter |
//! | answers without a connection | 64 waiting, the rest dropped and counted |
//! | stateless resets | 100 at once, and another one each 10 ms; smaller than the packet that is answered, and 42 bytes at most |
//! | bytes sent to an unproven address | three times what it sent, padding included; the rest waits until it sends more, or proves its address |
//! | early data (0-RTT) that is acted on | each at most once: 262,144 connection ids of the last minutes are known, three a connection; beyond, it waits for the end of the handshake. Clients whose address is not proven have open files as one host does |
//! | requests of a connection | [`TransportConfig::max_streams`], and 16 KiB of header fields each, then status 431; beyond 128 KiB, H3_EXCESSIVE_LOAD |
//! | requests given up | [`HttpConfig::max_requests_given_up`], more as responses are taken and time goes by; then H3_EXCESSIVE_LOAD |
//! | unidirectional streams of a connection | 16 at once, 1,000 in all; then H3_EXCESSIVE_LOAD |
//! | request bodies | a [`Handler`]'s to read or refuse ([`Files`] refuses them); of what it leaves unread a client sends at most [`TransportConfig::stream_window_bytes`] a request and [`TransportConfig::connection_window_bytes`] a connection |
//! | response bodies in memory | a [`Handler`]'s to bound; a streamed one has room for 64 KiB ([`Reply::room`]), and what is written beyond waits all the same |
//! | file bytes in memory | [`HttpConfig::max_body_bytes_held`] a connection and [`HttpConfig::max_total_body_bytes_held`] a server, counted from when they are read until they are acknowledged; besides, 8 MiB of buffers for reuse |
//! | files open | one a response under way, and [`HttpConfig::max_open_files`], of which a host may have a quarter and a network half of what is left; beyond, 503 |
//! | unreliable datagrams that wait | [`TransportConfig::datagrams_queued`] in each direction of a connection; the rest is dropped |
//! | a client's request without progress, either way | [`ClientConfig::progress_timeout`] |
//! | a client's streamed request body | room for 64 KiB ([`Client::room`]); what is written beyond waits all the same |
//! | interim responses that a client is told of | 16 a request; the others are skipped |
//!
//! # Files
//!
//! Paths are opened by `openat2` with `RESOLVE_BENEATH` (Linux 5.6) under the root directory's
//! descriptor: the kernel itself refuses `..` and symlinks that lead outside. See [`Root`]. Files that
//! stand compressed beside the original are served to who accepts the encoding: see [`Files`].

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
