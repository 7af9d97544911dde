//! The file that `get` writes: under a name that says it is partial until it is whole.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use rustix::fs::{CWD, Mode, OFlags, XattrFlags, fgetxattr, fremovexattr, fsetxattr, openat};
use sha2::{Digest, Sha256};

use crate::failure;
use crate::report;

/// A download on its way to disk, hashed as it comes.
#[derive(Debug)]
pub(crate) struct Output {
    file: File,
    partial: PathBuf,
    whole: PathBuf,
    hash: Sha256,
    bytes: u64,
    /// It holds what an earlier download left, which stays until there is something in its place.
    is_inherited: bool,
    /// Nothing is left to do with the file.
    is_settled: bool,
}

/// An extended attribute by which a partial file is known to be a download's, and not the user's own.
const MARK: &str = "user.xskit.partial";

impl Output {
    /// Creates `PATH.part`, or takes the one that an earlier download left.
    pub(crate) fn create(whole: &Path) -> anyhow::Result<Self> {
        ensure!(
            !whole.is_dir(),
            "-o {}: is a directory; name a file",
            whole.display()
        );
        ensure!(
            whole.is_file() || !whole.exists(),
            "-o {}: is a device or the like, which the file would replace; name a file",
            whole.display()
        );
        let mut name = whole.as_os_str().to_owned();
        name.push(".part");
        let partial = PathBuf::from(name);
        let (file, is_inherited) = match File::create_new(&partial) {
            // Where there are no such attributes, the next download leaves the file alone.
            Ok(file) => {
                let _ = fsetxattr(&file, MARK, b"", XattrFlags::empty());
                (file, false)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => (inherit(&partial)?, true),
            Err(error) => {
                let doing = format!("-o: creating {}", partial.display());
                return Err(anyhow!(error).context(doing));
            }
        };
        Ok(Self {
            file,
            partial,
            whole: whole.to_owned(),
            hash: Sha256::new(),
            bytes: 0,
            is_inherited,
            is_settled: false,
        })
    }

    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> anyhow::Result<()> {
        if std::mem::take(&mut self.is_inherited) {
            let emptied = self.file.set_len(0);
            emptied.map_err(|error| self.cannot_write(&error))?;
        }
        // Not `write_all`: how much of it a full disk took is to be known.
        while !bytes.is_empty() {
            let (taken, left) = match self.file.write(bytes) {
                Ok(0) => return Err(self.cannot_write(&ErrorKind::WriteZero.into())),
                Ok(len) => bytes.split_at(len.min(bytes.len())),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.cannot_write(&error)),
            };
            self.hash.update(taken);
            self.bytes += taken.len() as u64;
            bytes = left;
        }
        Ok(())
    }

    fn cannot_write(&self, error: &io::Error) -> anyhow::Error {
        let hint = match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                "; free some space, or write to another place (-o)"
            }
            _ => "",
        };
        anyhow!("write(2) to {}: {error}{hint}", self.partial.display())
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Gives the file its name, and says the SHA-256 of its bytes.
    pub(crate) fn finish(mut self) -> anyhow::Result<String> {
        if self.is_inherited {
            // The file has no bytes.
            self.file.set_len(0).context("ftruncate(2)")?;
        }
        // Only of partial files.
        let _ = fremovexattr(&self.file, MARK);
        fs::rename(&self.partial, &self.whole).with_context(|| {
            format!(
                "renaming {} to {}",
                self.partial.display(),
                self.whole.display()
            )
        })?;
        self.is_settled = true;
        Ok(hex(&std::mem::take(&mut self.hash).finalize()))
    }

    /// Leaves it at what has come so far; `error`, and where that is.
    pub(crate) fn break_off(mut self, error: &anyhow::Error) -> anyhow::Error {
        let error = failure::describe(error);
        if self.bytes == 0 {
            return anyhow!("{error}");
        }
        self.is_settled = true;
        anyhow!(
            "{error}; the first {} bytes are kept in {}",
            self.bytes,
            self.partial.display()
        )
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.is_settled {
            return;
        }
        if self.is_inherited {
            return;
        }
        if self.bytes == 0 {
            // Nothing is lost with an empty file; that it can't be removed is no news by then.
            let _ = fs::remove_file(&self.partial);
        } else {
            report::say(format_args!(
                "xskit: the first {} bytes are in {}",
                self.bytes,
                self.partial.display()
            ));
        }
    }
}

/// The partial file that is there, if a download made it. A link or a pipe is not followed.
fn inherit(partial: &Path) -> anyhow::Result<File> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(CWD, partial, flags, Mode::empty()).ok();
    let is_ours = |file: &OwnedFd| fgetxattr(file, MARK, &mut [0; 0]).is_ok();
    let file = file.filter(is_ours).with_context(|| {
        format!(
            "-o: {} is there already, and may be yours: remove or rename it, or name another file",
            partial.display()
        )
    })?;
    Ok(file.into())
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::Output;

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        let (whole, partial) = (dir.path().join("f"), dir.path().join("f.part"));
        let mut output = Output::create(&whole).expect("created");
        assert!(partial.exists() && !whole.exists());
        output.write(b"abc").expect("written");
        let hash = output.finish().expect("renamed");
        assert_eq!(
            hash,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(whole.exists() && !partial.exists());
    }

    #[test]
    fn a_broken_off_file_stays_under_its_partial_name_unless_empty() {
        let dir = tempfile::tempdir().expect("a directory");
        let partial = dir.path().join("f.part");
        drop(Output::create(&dir.path().join("f")).expect("created"));
        assert!(!partial.exists());
        let mut output = Output::create(&dir.path().join("f")).expect("created");
        output.write(b"abc").expect("written");
        let told = output.break_off(&anyhow!("no more")).to_string();
        assert_eq!(
            told,
            format!(
                "no more; the first 3 bytes are kept in {}",
                partial.display()
            )
        );
        assert_eq!(std::fs::read(&partial).expect("kept"), b"abc");
    }

    #[test]
    fn a_partial_file_stays_until_something_takes_its_place() {
        let dir = tempfile::tempdir().expect("a directory");
        let (whole, partial) = (dir.path().join("f"), dir.path().join("f.part"));
        let content = || std::fs::read(&partial).expect("a file");
        std::fs::write(&partial, "the user's own").expect("written");
        let refusal = Output::create(&whole).expect_err("refused").to_string();
        assert!(refusal.contains("f.part is there already"), "{refusal}");
        assert_eq!(content(), b"the user's own");
        std::fs::remove_file(&partial).expect("removed");

        let mut output = Output::create(&whole).expect("created");
        output.write(b"a longer beginning").expect("written");
        output.break_off(&anyhow!("no more"));
        drop(Output::create(&whole).expect("taken"));
        assert_eq!(content(), b"a longer beginning");
        let mut output = Output::create(&whole).expect("taken");
        output.write(b"short").expect("written");
        assert_eq!(content(), b"short");
        output.finish().expect("renamed");
        assert_eq!(std::fs::read(&whole).expect("whole"), b"short");
        assert!(!partial.exists());
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        let socket = dir.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("bound");
        for taken in [dir.path(), &socket] {
            assert!(Output::create(taken).is_err(), "{}", taken.display());
        }
    }
}
