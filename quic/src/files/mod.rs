//! Static files, as one handler of HTTP requests.
//!
//! ```text
//! answer        request + root -> a response, perhaps with a span of a file
//!   asked       which part, which version, which encoding
//!     condition   If-Match and its kin -> go on, 304 or 412
//!     encoding    Accept-Encoding -> which compressed neighbours to look for
//!     range       "bytes=..." -> a span
//!     content_range  a span -> "bytes ...", and back for a client
//!   root        the only place that opens files; the kernel keeps it inside the directory
//!     name        a path, decoded: hidden or not, and where a directory is
//!     tag         entity tags
//! ```

mod answer;
mod asked;
mod condition;
mod content_range;
mod directory;
mod encoding;
mod name;
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

/// Serves the files below a directory to GET and HEAD: whole or in part (RFC 9110, section 14), on
/// conditions (section 13), `index.html` for a directory.
///
/// # Compressed neighbours
///
/// Nothing is compressed here. Where `x.js.br` (Brotli), `x.js.zst` (Zstandard) or `x.js.gz` (gzip)
/// stands beside `x.js`, a client whose `Accept-Encoding` (section 12.5.3) takes it gets that
/// file for `x.js`: the one with the highest weight, and of several the first in this order. It has an
/// entity tag and a date of its own, and conditions and ranges are about its bytes.
///
/// - A neighbour that was modified before the original is passed over, since it holds what the
///   original was. So compress after each change, and keep the date (`gzip -k`, `brotli -k` and
///   `zstd` do) or let it be the later one. A date is all that is compared: whoever replaces a file by
///   one with an older date must replace its neighbours, too.
/// - Each file has `vary: accept-encoding`, whether or not it has neighbours: who accepts no
///   encoding is answered without a look for them, and a neighbour may come to stand there while a cache
///   has the file. The files ending in `.br`, `.zst` and `.gz` have none, and are served as they are.
/// - Who refuses the file as it is (`identity;q=0`) and takes none of its neighbours gets status 406.
#[derive(Debug)]
pub struct Files {
    root: Root,
}

impl Files {
    /// The files below `root`. Names that begin with a dot are not served, but for `/.well-known`
    /// (RFC 8615), unless the [`Root`] says so.
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
    /// [`SetupError`]: the directory, the certificate or a setting can't be used.
    pub fn of_directory(
        directory: &Path,
        config: &ServerConfig,
        now: std::time::Instant,
    ) -> Result<Self, SetupError> {
        let files = Files::new(Root::open(directory)?);
        Self::new(config, Http::new(files, &HttpConfig::default())?, now)
    }
}
