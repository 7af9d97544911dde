//! The partial file: made, or taken over from an earlier download, and held by one download at a time.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{anyhow, ensure};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, openat};
use rustix::io::Errno;

use super::mark;

/// Creates the file, or takes the one that an earlier download left; then the second value is true.
pub(super) fn open(partial: &Path) -> anyhow::Result<(File, bool)> {
    match File::create_new(partial) {
        Ok(file) => {
            lock(&file, partial)?;
            // Where there are no such attributes, the next download leaves the file alone.
            let _ = mark::write(&file, None);
            Ok((file, false))
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok((inherit(partial)?, true)),
        Err(error) => {
            let doing = format!("-o: creating {}", partial.display());
            Err(anyhow!(error).context(doing))
        }
    }
}

/// The partial file that is there, if a download made it. A link or a pipe is not followed.
fn inherit(partial: &Path) -> anyhow::Result<File> {
    let name = partial.display();
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let why = match openat(CWD, partial, flags, Mode::empty()) {
        Ok(file) => {
            let file = File::from(file);
            // First: whoever has it may be about to give it its name.
            lock(&file, partial)?;
            match mark::read(&file) {
                Ok(_) => return Ok(file),
                Err(Errno::OPNOTSUPP) => {
                    " (its file system keeps no attributes, user.*, that would tell a download's)"
                }
                Err(_) => "",
            }
        }
        Err(_) => "",
    };
    Err(anyhow!(
        "-o: {name} is there already, and may be yours{why}: remove or rename it, or name another file"
    ))
}

/// Only one download at a time writes the file. Where there are no locks, whoever starts two has to see to it.
fn lock(file: &File, partial: &Path) -> anyhow::Result<()> {
    ensure!(
        flock(file, FlockOperation::NonBlockingLockExclusive) != Err(Errno::WOULDBLOCK),
        "-o: another download is writing {}: wait for it, or name another file",
        partial.display()
    );
    Ok(())
}
