//! The partial file: made, or taken over from an earlier download, and held by one download at a
//! time.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use anyhow::{anyhow, bail, ensure};
use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, openat};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use super::mark;
use crate::stop::Stop;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// Creates the file, or takes over the one that an earlier download left; then the second value is
/// true.
pub(super) fn open(partial: &Path) -> anyhow::Result<(File, bool)> {
    match File::create_new(partial) {
        Ok(file) => {
            lock(&file, partial)?;
            // Without such attributes, the next download leaves the file alone.
            let _ = mark::write(&file, None);
            Ok((file, false))
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok((inherit(partial)?, true)),
        Err(error) => bail!(
            "-o: open(2) of {}: {error}; name a file in a directory that you may write to \
             and that has space",
            partial.display()
        ),
    }
}

/// The partial file that is there, if a download made it. A link or a pipe is not followed.
fn inherit(partial: &Path) -> anyhow::Result<File> {
    let name = partial.display();
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let why = match openat(CWD, partial, flags, Mode::empty()) {
        Ok(file) => {
            let file = File::from(file);
            // First: another download may be about to rename it.
            lock(&file, partial)?;
            match mark::read(&file) {
                Ok(_) => return Ok(file),
                Err(Errno::OPNOTSUPP) => {
                    " (its file system has no extended attributes, user.*, to mark a download's)"
                }
                Err(_) => "",
            }
        }
        Err(_) => "",
    };
    Err(anyhow!(
        "-o: {name} exists already, and may be yours{why}: remove or rename it, or name another \
         file"
    ))
}

/// Only one download at a time writes the file. A file system without locks can't enforce that.
fn lock(file: &File, partial: &Path) -> anyhow::Result<()> {
    ensure!(
        flock(file, FlockOperation::NonBlockingLockExclusive) != Err(Errno::WOULDBLOCK),
        "-o: another download is writing {}: wait for it, or name another file",
        partial.display()
    );
    Ok(())
}

/// The beginning of a file, as an earlier download left it: how long it is, and its hash, which
/// goes on.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) bytes: u64,
    pub(super) hash: Sha256,
}

impl Beginning {
    /// Reads the file to its end, where bytes are written next.
    pub(super) fn read(file: &mut File, name: &Path, stop: &Stop) -> anyhow::Result<Self> {
        let mut chunk = vec![0; CHUNK_BYTES];
        let (mut bytes, mut hash) = (0, Sha256::new());
        while !stop.is_asked() {
            match file.read(&mut chunk) {
                Ok(0) => return Ok(Self { bytes, hash }),
                Ok(len) => {
                    hash.update(chunk.get(..len).unwrap_or_default());
                    bytes += len as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let name = name.display();
                    bail!("read(2) of {name}: {error}; without -C the download starts over")
                }
            }
        }
        bail!("interrupted")
    }
}
