//! HTTP/3 over a server's connections: from a request's header fields to bytes on a stream.
//!
//! ```text
//! application   HTTP/3 as an application of the server, its bounds, and what all connections share
//!   session     one connection's HTTP/3 state: events in, responses out
//!     request   header fields -> a checked request, or 400
//!     handler   answers it, by
//!       reply     the way back, and
//!       incoming  the request's body as it arrives
//!     response  status, header fields, body
//!     exchange  a request until its response is over
//!     transfer  a response on its way, as the stream has room
//!       priority    which response goes first
//!       open_files  how many files the client may have open
//!       memory      how many file bytes the connection may hold
//!       chunk       file bytes, counted from the read until the acknowledgement
//!     lone      a request by another transport than QUIC
//!     record    the outcome of a request, for an access log
//!     credit    how many requests the client may still cancel
//! ```

mod application;
mod chunk;
mod counters;
mod credit;
mod exchange;
mod handler;
mod incoming;
mod lone;
mod memory;
mod open_files;
mod priority;
mod record;
mod reply;
mod request;
mod response;
mod session;
mod transfer;

pub use application::{Http, HttpCommon, HttpConfig};
pub use counters::HttpCounters;
pub use handler::Handler;
pub use incoming::Incoming;
pub use lone::{Head, HeldBytes, LoneExchange, Piece};
pub use record::{Ending, Served};
pub use reply::Reply;
pub(crate) use request::{BadRequest, utf8};
pub use request::{Fields, Request, RequestKey};
pub use response::{Body, Response};
pub use session::Session;
