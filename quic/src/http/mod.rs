//! Static files over HTTP/3: from a request's header fields to bytes on a stream.
//!
//! ```text
//! session     one connection's HTTP/3 state: events in, transfers out
//!   request   header fields -> a checked request, or 400
//!   response  request + root -> status, header fields, and perhaps a span of a file
//!     root    the only place that opens files; the kernel keeps it inside the directory
//!     range   "bytes=..." -> a span
//!   transfer  one response on its way, chunk by chunk as the stream has room
//!     chunk   file bytes, counted from when they are read until the peer has them
//! ```

mod chunk;
mod range;
mod request;
mod response;
mod root;
mod session;
mod transfer;

pub use range::ByteRange;
pub use root::{Root, RootError};

pub(crate) use chunk::{ChunkPool, MIN_READ_BYTES};
pub use session::HttpCounters;
pub(crate) use session::{Files, Session};
