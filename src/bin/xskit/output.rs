//! The file that `get` writes: under a name that says it is partial until it is whole.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest, Sha256};

/// A download on its way to disk, hashed as it comes.
pub(crate) struct Output {
    file: File,
    partial: PathBuf,
    whole: PathBuf,
    hash: Sha256,
    bytes: u64,
    is_finished: bool,
}

impl Output {
    /// Creates `PATH.part`.
    pub(crate) fn create(whole: &Path) -> anyhow::Result<Self> {
        anyhow::ensure!(
            !whole.is_dir(),
            "-o {}: is a directory, name a file",
            whole.display()
        );
        let mut name = whole.as_os_str().to_owned();
        name.push(".part");
        let partial = PathBuf::from(name);
        let file =
            File::create(&partial).with_context(|| format!("creating {}", partial.display()))?;
        Ok(Self {
            file,
            partial,
            whole: whole.to_owned(),
            hash: Sha256::new(),
            bytes: 0,
            is_finished: false,
        })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.hash.update(bytes);
        self.file.write_all(bytes).with_context(|| {
            format!(
                "writing to {} after {} bytes",
                self.partial.display(),
                self.bytes
            )
        })?;
        self.bytes += bytes.len() as u64;
        Ok(())
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
        self.is_finished = true;
        Ok(hex(&std::mem::take(&mut self.hash).finalize()))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        if self.bytes == 0 {
            // Nothing is lost with an empty file; that it can't be removed is no news by then.
            let _ = fs::remove_file(&self.partial);
        } else {
            eprintln!(
                "xskit: the first {} bytes are in {}",
                self.bytes,
                self.partial.display()
            );
        }
    }
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
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
        drop(output);
        assert_eq!(std::fs::read(&partial).expect("kept"), b"abc");
    }
}
