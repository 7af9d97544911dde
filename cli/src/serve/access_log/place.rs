//! `Place`: where the log's file is, kept open for when the process may no longer walk there.

use std::ffi::{OsStr, OsString};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Stat, fstat, openat, statat};
use rustix::io::Errno;

use crate::report;
use crate::root;

/// Where the file is.
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// Opened before the change of user.
    pub(super) directory: OwnedFd,
    name: OsString,
    /// The directory also holds what is served, which must not become writable for the log.
    pub(super) holds_root: bool,
}

impl Place {
    pub(super) fn find(path: &Path, served: &Path) -> anyhow::Result<Self> {
        let name = path.file_name().map(OsStr::to_owned);
        let name =
            name.with_context(|| format!("--access-log {}: names no file", path.display()))?;
        root::refuse("--access-log", path, served)?;
        let parent = root::parent(path);
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, parent, flags, Mode::empty()).map_err(|errno| {
            anyhow!(
                "--access-log {}: open(2) of its directory: {errno}; name a file in a directory \
                 that exists and that this user may enter",
                path.display()
            )
        })?;
        let holds_root = root::is_within(served, parent);
        if holds_root {
            report::say(format_args!(
                "xskit: note: --access-log {}: SIGHUP won't reopen it, because its directory also \
                 holds --root, which must not become writable; put it in a directory of its own",
                path.display()
            ));
        }
        Ok(Self {
            path: path.to_owned(),
            directory,
            name,
            holds_root,
        })
    }

    /// Never blocks, for example on the other end of a FIFO.
    pub(super) fn open(&self) -> Result<OwnedFd, Errno> {
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NONBLOCK;
        let flags = flags | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        openat(
            &self.directory,
            &self.name,
            flags,
            Mode::from_raw_mode(0o640),
        )
    }

    /// Whether this open file still has the name.
    pub(super) fn is_of(&self, file: &OwnedFd) -> bool {
        let identity = |stat: Stat| (stat.st_dev, stat.st_ino);
        let there = statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW);
        there.is_ok_and(|there| fstat(file).is_ok_and(|own| identity(own) == identity(there)))
    }
}
