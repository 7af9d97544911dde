//! `Root`: the directory that is served. Nothing outside it can be opened through it.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::io::Errno;

use super::encoding::Encoding;
use super::name::Name;
use super::open::{Directory, Missing, Opened};
use super::tag::TagKey;

/// The last second that an HTTP date can express: the end of the year 9999 (RFC 9110, section
/// 5.6.7).
const LAST_HTTP_SECOND: u64 = 253_402_300_799;

/// The directory to serve can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootError {
    /// It can't be opened as a directory, or not entered.
    #[error(
        "can't serve files from {path}: {call}: {source}; name a directory that this user may read \
         and enter"
    )]
    Open {
        /// The directory.
        path: PathBuf,
        /// The system call.
        call: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// `openat2` is missing (before Linux 5.6), or a seccomp filter forbids it.
    #[error(
        "can't serve files from {path}: openat2(2): {source}; serving needs Linux 5.6 or later, \
         and a sandbox that lets openat2 through, because the kernel then keeps every path \
         inside the directory"
    )]
    Beneath {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// A directory whose files are served.
///
/// Its path is looked up per request, so that switching a symlink to another directory, as
/// deployments do, takes effect at once.
#[derive(Debug)]
pub struct Root {
    /// Absolute, so that it survives a change of the working directory.
    path: PathBuf,
    current: Mutex<Directory>,
    tags: TagKey,
    dotfiles: bool,
}

/// The result of looking up a request's path.
#[derive(Debug)]
pub(crate) enum Found {
    /// A file.
    Document(Document),
    /// A directory that has an index, requested without a slash at the end. Holds the path with
    /// one.
    Directory(String),
}

/// An open regular file under the root, and its state when it was opened.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) fd: OwnedFd,
    pub(crate) size: u64,
    /// A strong entity tag, with its quotes.
    pub(crate) etag: String,
    pub(crate) modified: SystemTime,
    /// The original's type, if this is an encoded neighbour.
    pub(crate) content_type: String,
    /// The encoding, if this is a neighbour.
    pub(crate) encoding: Option<Encoding>,
    /// Whether neighbours are looked up for clients that accept one.
    pub(crate) may_be_encoded: bool,
}

/// The file that is served for a directory.
const INDEX: &str = "index.html";

impl Root {
    /// Opens the directory, and checks that the kernel can confine paths to it.
    ///
    /// # Errors
    ///
    /// [`RootError::Open`] if it is not a directory that this user may read and enter, and
    /// [`RootError::Beneath`] if `openat2` is missing (before Linux 5.6) or forbidden by a seccomp
    /// filter.
    pub fn open(path: &Path) -> Result<Self, RootError> {
        let failed = |call, source| RootError::Open {
            path: path.to_owned(),
            call,
            source,
        };
        let open = |source| failed("open(2)", source);
        let absolute = std::path::absolute(path).map_err(open)?;
        let directory = Directory::open(&absolute).map_err(|errno| open(errno.into()))?;
        directory.is_confining().map_err(|errno| match errno {
            Errno::NOSYS | Errno::PERM => RootError::Beneath {
                path: path.to_owned(),
                source: errno.into(),
            },
            _ => failed("openat2(2)", errno.into()),
        })?;
        Ok(Self {
            path: absolute,
            current: Mutex::new(directory),
            tags: TagKey::of_this_machine(),
            dotfiles: false,
        })
    }

    /// Sets whether names that begin with a dot are served. By default only those below
    /// `/.well-known` are (RFC 8615).
    #[must_use]
    pub fn with_dotfiles(mut self, dotfiles: bool) -> Self {
        self.dotfiles = dotfiles;
        self
    }

    /// Looks up a request's `:path`. The query is dropped, the path is percent-decoded once, and a
    /// directory stands for its `index.html`. A file is replaced by its neighbour with the first of
    /// the `wanted` encodings that exists.
    pub(crate) fn find(
        &self,
        request_path: &str,
        wanted: impl Iterator<Item = Encoding>,
    ) -> Result<Found, Missing> {
        let name = Name::parse(request_path).ok_or(Missing::Malformed)?;
        if name.is_hidden() && !self.dotfiles {
            return Err(Missing::NotFound);
        }
        let mut directory = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        directory.follow(&self.path);
        if let Some(opened) = directory.file(name.path(), &self.tags)? {
            let document = self.select(&mut directory, name.path(), opened, wanted);
            return Ok(Found::Document(document));
        }
        let index = name.path().join(INDEX);
        let opened = directory
            .file(&index, &self.tags)?
            .ok_or(Missing::NotFound)?;
        if name.ends_as_directory() {
            let document = self.select(&mut directory, &index, opened, wanted);
            Ok(Found::Document(document))
        } else {
            Ok(Found::Directory(name.with_slash()))
        }
    }

    /// The file, or the neighbour that the client prefers.
    fn select(
        &self,
        directory: &mut Directory,
        name: &Path,
        opened: Opened,
        wanted: impl Iterator<Item = Encoding>,
    ) -> Document {
        if Encoding::is_of(name) {
            return describe(name, opened, None, false);
        }
        match directory.neighbour(name, &opened, wanted, &self.tags) {
            Some((neighbour, encoding)) => describe(name, neighbour, Some(encoding), true),
            None => describe(name, opened, None, true),
        }
    }
}

fn describe(
    name: &Path,
    opened: Opened,
    encoding: Option<Encoding>,
    may_be_encoded: bool,
) -> Document {
    let stat = &opened.stat;
    let seconds = u64::try_from(stat.st_mtime).unwrap_or(0);
    let nanos = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    Document {
        size: u64::try_from(stat.st_size).unwrap_or(0),
        etag: opened.version.tag(encoding),
        modified: UNIX_EPOCH + Duration::new(seconds.min(LAST_HTTP_SECOND), nanos),
        content_type: content_type(name),
        fd: opened.fd,
        encoding,
        may_be_encoded,
    }
}

fn content_type(path: &Path) -> String {
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    // Browsers guess the charset of text without one, and often guess wrong.
    if mime.type_() == mime_guess::mime::TEXT && mime.get_param("charset").is_none() {
        return format!("{mime}; charset=utf-8");
    }
    mime.to_string()
}

#[cfg(test)]
mod tests;
