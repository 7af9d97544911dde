//! Static files over HTTP/3: from a request's header fields to bytes on a stream.
//!
//! ```text
//! session     one connection's HTTP/3 state: events in, transfers out
//!   request   header fields -> a checked request, or 400
//!   response  request + root -> status, header fields, and perhaps a span of a file
//!     root    the only place that opens files; the kernel keeps it inside the directory
//!       name  a path, decoded: hidden or not, and where a directory is
//!       tag   entity tags
//!     condition  If-Match and its kin -> go on, 304 or 412
//!     range   "bytes=..." -> a span
//!     content_range  a span -> "bytes ...", and back for a client
//!   open_files  how many files the client may have open
//!   credit    how many requests the client may still give up
//!   transfer  one response on its way, chunk by chunk as the stream has room
//!     memory  how many file bytes the connection may hold now
//!     chunk   file bytes, counted from when they are read until the peer has them
//! ```

mod chunk;
mod condition;
mod content_range;
mod credit;
mod memory;
mod name;
mod open_files;
mod range;
mod request;
mod response;
mod root;
mod session;
mod tag;
mod transfer;

pub use content_range::ContentRange;
pub use range::ByteRange;
pub use root::{Root, RootError};

pub(crate) use chunk::{ChunkPool, MIN_READ_BYTES};
pub(crate) use memory::Bounds;
pub(crate) use open_files::{Account, FileCount, OpenFiles};
pub use session::HttpCounters;
pub(crate) use session::{Files, Session};
