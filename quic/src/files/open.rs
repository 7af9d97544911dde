//! `Directory`: opens files below a directory, and nothing outside it.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::encoding::Encoding;
use super::tag::{TagKey, Version};

/// Retries if a concurrent rename keeps the kernel from verifying that a `..` stays inside
/// (EAGAIN).
const RENAME_RETRIES: usize = 8;

/// Attempts to open a file that is replaced between the check and the open.
const REPLACED_RETRIES: usize = 8;

/// The most files that are remembered.
const MAX_KNOWN: usize = 1024;

#[cfg(test)]
thread_local! {
    /// Calls of `openat2`.
    pub(super) static OPENED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// The directory that the root's path led to at the last lookup.
#[derive(Debug)]
pub(super) struct Directory {
    fd: OwnedFd,
    identity: Identity,
    /// The directory that it led to later, which could not be opened.
    refused: Option<Identity>,
    /// Files that were served, by their paths below the directory.
    known: HashMap<PathBuf, Known>,
}

/// A regular file, open for reading.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) fd: OwnedFd,
    pub(super) stat: Stat,
    pub(super) version: Version,
}

/// Why there is no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The path is not valid: 400.
    Malformed,
    /// There is nothing to serve: 404.
    NotFound,
    /// Outside the root, or not readable: 403.
    Forbidden,
    /// Out of file descriptors or memory: 503.
    Busy,
    /// Anything else, such as an I/O error: 500.
    Failed,
}

/// The state of a file when it was last served.
#[derive(Debug)]
struct Known {
    state: State,
    version: Version,
}

/// What distinguishes the versions of files.
#[derive(Debug, PartialEq, Eq)]
struct State {
    file: Identity,
    size: i64,
    /// Seconds and nanoseconds.
    modified: (i64, u64),
    changed: (i64, u64),
}

/// Device and inode: they identify a file while it is open.
type Identity = (u64, u64);

impl Directory {
    pub(super) fn open(path: &Path) -> Result<Self, Errno> {
        let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        let identity = identity(&rustix::fs::fstat(&fd)?);
        Ok(Self {
            fd,
            identity,
            refused: None,
            known: HashMap::new(),
        })
    }

    /// Checks that the kernel can confine paths to the directory.
    pub(super) fn is_confining(&self) -> Result<(), Errno> {
        self.open_beneath(Path::new("."), OFlags::PATH).map(drop)
    }

    /// Switches to the directory that the path leads to now. The old one stays if there is none (as
    /// while a symlink is replaced), or if it can't be opened.
    pub(super) fn follow(&mut self, path: &Path) {
        let Ok(now) = rustix::fs::stat(path).map(|stat| identity(&stat)) else {
            return;
        };
        if now == self.identity || Some(now) == self.refused {
            return;
        }
        match Self::open(path) {
            Ok(directory) => {
                tracing::info!(path = %path.display(), "the root is another directory now");
                *self = directory;
            }
            Err(error) => {
                tracing::warn!(
                    path = %path.display(),
                    error = %std::io::Error::from(error),
                    "open(2) of what the root is now; the old directory is still served"
                );
                self.refused = Some(now);
            }
        }
    }

    /// Opens a regular file for reading; `None` for a directory.
    ///
    /// The file's type is checked before opening: opening a FIFO unblocks its writer, and opening a
    /// device may have any effect. A path that was a regular file before is opened at once. If
    /// something else has taken its place, that is opened once, without waiting, and checked first
    /// from then on.
    pub(super) fn file(
        &mut self,
        relative: &Path,
        tags: &TagKey,
    ) -> Result<Option<Opened>, Missing> {
        if let Some((path, known)) = self.known.remove_entry(relative) {
            // It becomes known again once it was opened.
            let (fd, stat) = self.open_to_read(relative)?;
            if is_regular(&stat) {
                let known = known.of(&stat, tags);
                let version = known.version.clone();
                self.known.insert(path, known);
                return Ok(Some(Opened { fd, stat, version }));
            }
        }
        for _ in 0..REPLACED_RETRIES {
            let there = self.open_beneath(relative, OFlags::PATH).map_err(missing)?;
            let stat = rustix::fs::fstat(&there).map_err(missing)?;
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                return Ok(None);
            }
            // Only regular files have bytes at an offset.
            if !is_regular(&stat) {
                return Err(Missing::NotFound);
            }
            let (fd, opened) = self.open_to_read(relative)?;
            if identity(&opened) == identity(&stat) {
                let version = self.remember(relative, &opened, tags);
                let stat = opened;
                return Ok(Some(Opened { fd, stat, version }));
            }
        }
        Err(Missing::Busy)
    }

    /// Opens without blocking, whatever the file's type.
    fn open_to_read(&self, relative: &Path) -> Result<(OwnedFd, Stat), Missing> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = self.open_beneath(relative, flags).map_err(missing)?;
        let stat = rustix::fs::fstat(&fd).map_err(missing)?;
        Ok((fd, stat))
    }

    fn remember(&mut self, relative: &Path, stat: &Stat, tags: &TagKey) -> Version {
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        let known = Known::new(stat, tags);
        let version = known.version.clone();
        self.known.insert(relative.to_owned(), known);
        version
    }

    /// The first of these encodings of a file that exists beside it and isn't older. One that can't
    /// be opened is skipped, because the file itself can be served.
    pub(super) fn neighbour(
        &mut self,
        file: &Path,
        original: &Opened,
        mut wanted: impl Iterator<Item = Encoding>,
        tags: &TagKey,
    ) -> Option<(Opened, Encoding)> {
        wanted.find_map(|encoding| {
            let neighbour = self
                .file(&encoding.of_neighbour(file), tags)
                .ok()
                .flatten()?;
            let is_older = modified(&neighbour.stat) < modified(&original.stat);
            (!is_older).then_some((neighbour, encoding))
        })
    }

    /// A single `openat2`: the kernel refuses `..` and symlinks that lead out of the root (EXDEV).
    fn open_beneath(&self, relative: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let mut tries = RENAME_RETRIES;
        #[cfg(test)]
        OPENED.with(|opened| opened.set(opened.get() + 1));
        loop {
            match rustix::fs::openat2(self.fd.as_fd(), relative, flags, Mode::empty(), resolve) {
                Err(Errno::AGAIN | Errno::INTR) if tries > 0 => tries -= 1,
                result => return result,
            }
        }
    }
}

impl Known {
    fn new(stat: &Stat, tags: &TagKey) -> Self {
        Self {
            state: State::of(stat),
            version: tags.version(stat),
        }
    }

    /// Updates it to the file's present state.
    fn of(self, stat: &Stat, tags: &TagKey) -> Self {
        match self.state == State::of(stat) {
            true => self,
            false => Self::new(stat, tags),
        }
    }
}

impl State {
    fn of(stat: &Stat) -> Self {
        Self {
            file: identity(stat),
            size: stat.st_size,
            modified: modified(stat),
            changed: (stat.st_ctime, stat.st_ctime_nsec),
        }
    }
}

fn is_regular(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

fn identity(stat: &Stat) -> Identity {
    (stat.st_dev, stat.st_ino)
}

/// Seconds and nanoseconds.
fn modified(stat: &Stat) -> (i64, u64) {
    (stat.st_mtime, stat.st_mtime_nsec)
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
