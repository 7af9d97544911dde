//! The file that the demo sends.

use std::fs::{File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use rustix::fs::statvfs;
use sha2::{Digest, Sha256};

use crate::args::DemoArgs;
use crate::report;
use crate::stop::Stop;

const CHUNK_BYTES: usize = 1 << 20;

/// A file to send, and what must arrive.
pub(super) struct DemoFile {
    /// The directory to serve.
    pub(super) root: PathBuf,
    /// It is the user's, and may be readable only by root.
    pub(super) is_given: bool,
    /// The file's path in a URL.
    pub(super) url_path: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl DemoFile {
    /// The file asked for, or one made of random bytes in `scratch`.
    pub(super) fn prepare(args: &DemoArgs, scratch: &Path, stop: &Stop) -> anyhow::Result<Self> {
        match &args.file {
            Some(path) => Self::existing(path, scratch, stop),
            None => Self::random(scratch, args.size.0, stop),
        }
    }

    fn existing(path: &Path, scratch: &Path, stop: &Stop) -> anyhow::Result<Self> {
        let path = path
            .canonicalize()
            .with_context(|| format!("--file {}", path.display()))?;
        ensure!(
            path.is_file(),
            "--file {}: is not a regular file",
            path.display()
        );
        let root = path
            .parent()
            .context("the file is in no directory")?
            .to_owned();
        let name = path.file_name().context("the file has no name")?;
        let reading = || format!("--file {}", path.display());
        let file = File::open(&path).with_context(reading)?;
        let len = file.metadata().with_context(reading)?.len();
        require_space(scratch, len)?;
        let (bytes, sha256) = digest(file, stop, |_| Ok(())).with_context(reading)?;
        Ok(Self {
            root,
            is_given: true,
            url_path: url_path(name.as_encoded_bytes()),
            bytes,
            sha256,
        })
    }

    fn random(scratch: &Path, bytes: u64, stop: &Stop) -> anyhow::Result<Self> {
        // The file that is served, and the one that arrives.
        require_space(scratch, bytes.saturating_mul(2))?;
        let root = scratch.join("root");
        std::fs::create_dir(&root).context("creating a directory")?;
        // Whatever the umask, the server reads it as nobody.
        std::fs::set_permissions(&root, Permissions::from_mode(0o755)).context("chmod(2)")?;
        let path = root.join("random.bin");
        let failed = |error: std::io::Error| {
            anyhow!(
                "writing {bytes} bytes to {}: {error}; use a smaller --size, or another TMPDIR",
                path.display()
            )
        };
        let mut file = File::create(&path).map_err(failed)?;
        file.set_permissions(Permissions::from_mode(0o644))
            .context("fchmod(2)")?;
        let random = File::open("/dev/urandom").context("opening /dev/urandom")?;
        let (bytes, sha256) = digest(random.take(bytes), stop, |read| {
            file.write_all(read).map_err(failed)
        })?;
        Ok(Self {
            root,
            is_given: false,
            url_path: "/random.bin".to_owned(),
            bytes,
            sha256,
        })
    }
}

/// Checks that `dir` has room for `needed` bytes, before anything is written.
fn require_space(dir: &Path, needed: u64) -> anyhow::Result<()> {
    let room = statvfs(dir).with_context(|| format!("statvfs(3) of {}", dir.display()))?;
    // File systems without a size report no blocks at all.
    let is_bounded = room.f_blocks > 0;
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    ensure!(
        !is_bounded || free >= needed,
        "the demo's files take {needed} bytes, and {} has {free} left; free some space, use a \
         smaller --size, or another TMPDIR",
        dir.display()
    );
    Ok(())
}

/// A name as the path of a URL: all but unreserved bytes percent-encoded (RFC 3986).
fn url_path(name: &[u8]) -> String {
    let mut path = String::from("/");
    for &byte in name {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path
}

/// Reads `source` to its end, unless `stop` is asked, and passes every piece to `keep`. Returns the
/// number of bytes and their SHA-256.
fn digest(
    mut source: impl Read,
    stop: &Stop,
    mut keep: impl FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<(u64, String)> {
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        ensure!(!stop.is_asked(), "interrupted");
        let len = source.read(&mut chunk).context("read(2)")?;
        let Some(read) = chunk.get(..len).filter(|read| !read.is_empty()) else {
            return Ok((bytes, report::hex(&hash.finalize())));
        };
        hash.update(read);
        keep(read)?;
        bytes += read.len() as u64;
    }
}
