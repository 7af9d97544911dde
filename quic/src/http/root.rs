//! `Root`: the directory that is served. Nothing outside of it can be opened through it.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use percent_encoding::percent_decode_str;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// The last second that an HTTP date can name: the end of the year 9999 (RFC 9110, section 5.6.7).
const LAST_HTTP_SECOND: u64 = 253_402_300_799;

/// The directory to serve can't be used.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// It can't be opened as a directory.
    #[error(
        "can't serve files from {path}: open(2): {source}; --root must name a readable directory"
    )]
    Open {
        /// The directory.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The kernel, or a filter in front of it, has no `openat2`.
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

/// An open directory whose files are served.
#[derive(Debug)]
pub struct Root {
    dir: OwnedFd,
}

/// A regular file under the root, and what was known of it when it was opened.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) fd: OwnedFd,
    pub(crate) size: u64,
    /// Changes whenever size, modification time or inode do.
    pub(crate) etag: String,
    pub(crate) modified: SystemTime,
    pub(crate) content_type: String,
}

/// Why there is no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The path can't be one: 400.
    Malformed,
    /// Nothing there that can be served: 404.
    NotFound,
    /// Outside of the root, or not readable: 403.
    Forbidden,
    /// Out of file descriptors or memory: 503.
    Busy,
    /// Anything else, such as an I/O error: 500.
    Failed,
}

/// What a directory is answered with.
const INDEX: &str = "index.html";

/// Tries when a rename elsewhere keeps the kernel from being sure that a `..` stays inside.
const RENAME_RETRIES: usize = 8;

impl Root {
    /// Opens the directory, and makes sure that the kernel can confine paths to it.
    ///
    /// # Errors
    ///
    /// [`RootError`]: not a readable directory, or no `openat2` (Linux 5.6).
    pub fn open(path: &Path) -> Result<Self, RootError> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| RootError::Open {
            path: path.to_owned(),
            source: e.into(),
        })?;
        let root = Self { dir };
        root.open_beneath(Path::new("."))
            .map_err(|e| RootError::Beneath {
                path: path.to_owned(),
                source: e.into(),
            })?;
        Ok(root)
    }

    /// Opens the document that a request's `:path` names. The query is dropped, percent-encoding
    /// undone once, and a directory stands for its `index.html`.
    pub(crate) fn document(&self, request_path: &str) -> Result<Document, Missing> {
        let path = request_path.split(['?', '#']).next().unwrap_or_default();
        let decoded: Vec<u8> = percent_decode_str(path.trim_start_matches('/')).collect();
        // A decoded slash in front would make the path absolute.
        let skip = decoded.iter().take_while(|b| **b == b'/').count();
        let relative = match decoded.get(skip..) {
            None | Some([]) => Path::new("."),
            Some(name) if name.contains(&0) => return Err(Missing::Malformed),
            Some(name) => Path::new(OsStr::from_bytes(name)),
        };
        match self.regular(relative)? {
            Some(document) => Ok(document),
            None => self
                .regular(&relative.join(INDEX))?
                .ok_or(Missing::NotFound),
        }
    }

    /// `None` for a directory.
    fn regular(&self, relative: &Path) -> Result<Option<Document>, Missing> {
        let fd = self.open_beneath(relative).map_err(missing)?;
        let stat = rustix::fs::fstat(&fd).map_err(missing)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => return Ok(None),
            FileType::RegularFile => {}
            // A FIFO or a device has no bytes at an offset.
            _ => return Err(Missing::NotFound),
        }
        let seconds = u64::try_from(stat.st_mtime).unwrap_or(0);
        let nanos = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        Ok(Some(Document {
            fd,
            size,
            etag: format!("\"{:x}-{seconds:x}.{nanos:x}-{size:x}\"", stat.st_ino),
            modified: UNIX_EPOCH + Duration::new(seconds.min(LAST_HTTP_SECOND), nanos),
            content_type: content_type(relative),
        }))
    }

    /// One `openat2`: the kernel refuses `..` and symlinks that lead out of the root (EXDEV).
    /// Non-blocking, so that opening a FIFO doesn't wait for a writer.
    fn open_beneath(&self, relative: &Path) -> Result<OwnedFd, Errno> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let mut tries = RENAME_RETRIES;
        loop {
            match rustix::fs::openat2(&self.dir, relative, flags, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) if tries > 0 => tries -= 1,
                result => return result,
            }
        }
    }
}

fn missing(errno: Errno) -> Missing {
    match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::NXIO | Errno::NODEV => {
            Missing::NotFound
        }
        Errno::XDEV | Errno::LOOP | Errno::ACCESS | Errno::PERM => Missing::Forbidden,
        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => Missing::Busy,
        Errno::INVAL => Missing::Malformed,
        _ => Missing::Failed,
    }
}

fn content_type(path: &Path) -> String {
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    // Text without a charset is guessed at by browsers, and guessed wrong.
    if mime.type_() == mime_guess::mime::TEXT && mime.get_param("charset").is_none() {
        return format!("{mime}; charset=utf-8");
    }
    mime.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn tree() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("sub/empty")).unwrap();
        fs::write(dir.path().join("secret"), "outside").unwrap();
        fs::write(root.join("a b.txt"), "hello").unwrap();
        fs::write(root.join("sub/index.html"), "<p>").unwrap();
        fs::write(root.join("%41"), "percent").unwrap();
        symlink("../secret", root.join("out")).unwrap();
        symlink("/etc/passwd", root.join("absolute")).unwrap();
        symlink("a b.txt", root.join("inside")).unwrap();
        symlink("loop", root.join("loop")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, root.join("fifo"), Mode::RUSR | Mode::WUSR).unwrap();
        let opened = Root::open(&root).unwrap();
        (dir, opened)
    }

    #[test]
    fn documents_are_found() {
        let (_dir, root) = tree();
        let file = root.document("/a%20b.txt?x=1#y").unwrap();
        assert_eq!(
            (file.size, file.content_type.as_str()),
            (5, "text/plain; charset=utf-8")
        );
        assert_eq!(root.document("//a b.txt").unwrap().size, 5);
        assert_eq!(root.document("/inside").unwrap().size, 5);
        assert_eq!(root.document("/sub/../a b.txt").unwrap().size, 5);
        for directory in ["/sub", "/sub/", "/sub/empty/.."] {
            let index = root.document(directory).unwrap();
            assert_eq!(
                index.content_type, "text/html; charset=utf-8",
                "{directory}"
            );
        }
    }

    #[test]
    fn decoding_happens_once() {
        let (_dir, root) = tree();
        assert_eq!(root.document("/%2541").unwrap().size, 7);
        assert_eq!(
            root.document("/%252e%252e/secret").unwrap_err(),
            Missing::NotFound
        );
    }

    #[test]
    fn nothing_outside_can_be_reached() {
        let (_dir, root) = tree();
        for path in [
            "/../secret",
            "/%2e%2e/secret",
            "/..%2fsecret",
            "/sub/../../secret",
            "/out",
            "/absolute",
            "/%2f../secret",
            "/loop",
            "/sub/../../../../../../../../etc/passwd",
        ] {
            assert_eq!(
                root.document(path).unwrap_err(),
                Missing::Forbidden,
                "{path}"
            );
        }
        assert_eq!(
            root.document("/%2fetc/passwd").unwrap_err(),
            Missing::NotFound
        );
        assert_eq!(root.document("/a%00b").unwrap_err(), Missing::Malformed);
    }

    #[test]
    fn only_regular_files_are_documents() {
        let (_dir, root) = tree();
        let long = format!("/{}", "x".repeat(300));
        for path in [
            "/fifo",
            "/",
            "/sub/empty",
            "/nothing",
            "/a b.txt/",
            "/a b.txt/x",
            &long,
        ] {
            assert_eq!(
                root.document(path).unwrap_err(),
                Missing::NotFound,
                "{path}"
            );
        }
    }

    #[test]
    fn the_tag_changes_with_the_file() {
        let (dir, root) = tree();
        let tag = || root.document("/inside").unwrap().etag;
        let before = tag();
        assert_eq!(before, tag());
        fs::write(dir.path().join("root/a b.txt"), "longer than before").unwrap();
        assert_ne!(before, tag());
    }

    #[test]
    fn a_root_must_be_a_directory() {
        let (dir, _root) = tree();
        for path in ["nothing", "secret"] {
            let error = Root::open(&dir.path().join(path)).unwrap_err();
            assert!(error.to_string().contains(path), "{error}");
        }
    }
}
