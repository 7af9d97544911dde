//! Static files, as one handler of HTTP requests.
//!
//! ```text
//! answer        request + root -> a response, perhaps with a span of a file
//!   asked       which part, and which version
//!     condition   If-Match and its kin -> go on, 304 or 412
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
