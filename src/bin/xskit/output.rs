//! The file that `get` writes: under a name that says it is partial until it is whole.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use sha2::{Digest, Sha256};

use crate::failure;
use crate::report;

/// A download on its way to disk, hashed as it comes.
pub(crate) struct Output {
    file: File,
    partial: PathBuf,
    whole: PathBuf,
    hash: Sha256,
    bytes: u64,
    /// Nothing is left to do with the file.
    is_settled: bool,
}

impl Output {
    /// Creates `PATH.part`.
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
        let file =
            create_anew(&partial).with_context(|| format!("-o: creating {}", partial.display()))?;
        Ok(Self {
            file,
            partial,
            whole: whole.to_owned(),
            hash: Sha256::new(),
            bytes: 0,
            is_settled: false,
        })
    }

    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> anyhow::Result<()> {
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

/// A new file. One that an earlier download left is removed; whatever else is there (a link, a pipe)
/// is not followed.
fn create_anew(path: &Path) -> io::Result<File> {
    if path.symlink_metadata().is_ok_and(|there| there.is_file()) {
        fs::remove_file(path)?;
    }
    File::create_new(path)
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
    fn what_is_no_file_is_not_replaced() {
        let dir = tempfile::tempdir().expect("a directory");
        let socket = dir.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("bound");
        for taken in [dir.path(), &socket] {
            assert!(Output::create(taken).is_err(), "{}", taken.display());
        }
    }
}
