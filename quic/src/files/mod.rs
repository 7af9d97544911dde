//! Static files, as a handler of HTTP requests.
//!
//! ```text
//! answer        request + root -> a response, perhaps with a span of a file
//!   asked       the range, version and encoding asked for
//!     condition   If-Match and the like -> proceed, 304 or 412
//!     encoding    Accept-Encoding -> which compressed neighbours to look for
//!     range       "bytes=..." -> a span
//!     content_range  a span -> "bytes ...", and back for a client
//!   root        a path -> an open file
//!     open        the only place that opens files; the kernel confines it to the directory
//!     name        a decoded path: whether it is hidden, and where its directory is
//!     tag         entity tags
//! ```

mod answer;
mod asked;
mod condition;
mod content_range;
mod encoding;
mod name;
mod open;
mod range;
mod root;
mod tag;

use std::path::Path;
use std::time::SystemTime;

pub use content_range::ContentRange;
pub use range::ByteRange;
pub use root::{Root, RootError};

use crate::http::{Handler, Http, HttpConfig, Reply, Request};
use crate::server::Server;
use crate::{ServerConfig, SetupError};

/// Serves the files below a directory to GET and HEAD, with ranges (RFC 9110, section 14) and
/// preconditions (section 13), and `index.html` for a directory.
///
/// # Compressed neighbours
///
/// The server compresses nothing itself. If `x.js.br` (Brotli), `x.js.zst` (Zstandard) or `x.js.gz`
/// (gzip) exists beside `x.js`, a client whose `Accept-Encoding` (section 12.5.3) allows it gets
/// that file for `x.js`: the one with the highest weight, and at equal weight the first in this
/// order. It has its own entity tag and date, and preconditions and ranges apply to its bytes.
///
/// - A neighbour that is older than the original is skipped, because it holds an earlier version.
///   So compress after each change, and keep the date (`gzip -k`, `brotli -k` and `zstd` do) or let
///   it be later. Only dates are compared: if you replace a file by one with an older date, replace
///   its neighbours, too.
/// - Each file has `vary: accept-encoding`, even without neighbours: they are not looked up for
///   clients that accept no encoding, and one may be added while a cache has the file. Files ending
///   in `.br`, `.zst` and `.gz` don't have it, and are served unchanged.
/// - A client that refuses the unencoded file (`identity;q=0`) and accepts none of its neighbours
///   gets status 406.
#[derive(Debug)]
pub struct Files {
    root: Root,
}

impl Files {
    /// Serves the files below `root`. Names that begin with a dot are not served, except for
    /// `/.well-known` (RFC 8615), unless [`Root::with_dotfiles`] allows them.
    #[must_use]
    pub fn new(root: Root) -> Self {
        Self { root }
    }
}

impl Handler for Files {
    type Exchange = ();

    fn request(&mut self, request: &Request<'_>, reply: &mut Reply<'_>) {
        reply.respond(answer::answer(request, &self.root, SystemTime::now()));
    }
}

/// A server of static files.
pub type FileServer<L> = Server<L, Http<Files>>;

impl<L: Copy + PartialEq> FileServer<L> {
    /// Serves the files below this directory, with default bounds.
    ///
    /// # Errors
    ///
    /// [`SetupError::Root`] if the directory can't be used, [`SetupError::Http`] if quiche refuses
    /// a setting of HTTP/3, and those of [`Server::new`].
    pub fn of_directory(
        directory: &Path,
        config: &ServerConfig,
        now: std::time::Instant,
    ) -> Result<Self, SetupError> {
        let files = Files::new(Root::open(directory)?);
        Self::new(config, Http::new(files, &HttpConfig::default())?, now)
    }
}
