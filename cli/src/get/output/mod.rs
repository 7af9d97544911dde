//! The file that `get` writes, under a partial name until it is whole.

mod mark;
mod partial;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use sha2::{Digest, Sha256};

use super::Continuation;
use crate::get::target::Target;
use crate::report;
use crate::stop::Stop;

use partial::Beginning;

pub(crate) use mark::Origin;

/// A download on its way to disk, hashed as it comes.
#[derive(Debug)]
pub(crate) struct Output {
    file: File,
    partial: PathBuf,
    whole: PathBuf,
    hash: Sha256,
    bytes: u64,
    /// Of these, those that an earlier download left.
    kept_bytes: u64,
    /// It holds what an earlier download left, which stays until there are new bytes.
    is_inherited: bool,
    /// What an earlier download left, if it can be continued.
    beginning: Option<Beginning>,
    /// The origin of the bytes to come, if a later download can continue them.
    origin: Option<Origin>,
    /// A later download can continue what the file holds.
    is_resumable: bool,
    /// Nothing is left to do with the file.
    is_settled: bool,
}

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
            "-o {}: is not a regular file, and the download would replace it; name another file",
            whole.display()
        );
        let mut name = whole.as_os_str().to_owned();
        name.push(".part");
        let partial = PathBuf::from(name);
        let (file, is_inherited) = partial::open(&partial)?;
        Ok(Self {
            file,
            partial,
            whole: whole.to_owned(),
            hash: Sha256::new(),
            bytes: 0,
            kept_bytes: 0,
            is_inherited,
            beginning: None,
            origin: None,
            is_resumable: false,
            is_settled: false,
        })
    }

    /// What there is of `target` to continue, read and hashed. Notes why, if there is nothing.
    pub(crate) fn continuation(
        &mut self,
        target: &Target,
        stop: &Stop,
    ) -> anyhow::Result<Option<Continuation>> {
        if !self.is_inherited {
            if mark::read(&self.file).is_err() {
                self.note(
                    "its file system has no extended attributes (user.*): if the download breaks \
                     off, -C can't continue it",
                );
            }
            return Ok(None);
        }
        let origin = match mark::read(&self.file).ok().flatten() {
            None => {
                self.note("the download starts over: the version of the bytes there is unknown");
                return Ok(None);
            }
            Some(origin) if !origin.is_of(target) => {
                self.note("the download starts over: the bytes there are from another URL");
                return Ok(None);
            }
            Some(origin) => origin,
        };
        let beginning = Beginning::read(&mut self.file, &self.partial, stop)?;
        let offset = beginning.bytes;
        self.beginning = Some(beginning);
        Ok((offset > 0).then_some(Continuation {
            offset,
            validator: origin.validator,
        }))
    }

    fn note(&self, text: &str) {
        let name = self.partial.display();
        report::say(format_args!("xskit: note: -C: {name}: {text}"));
    }

    /// The bytes to come continue those of the earlier download.
    pub(crate) fn go_on(&mut self) {
        if let Some(beginning) = self.beginning.take() {
            self.hash = beginning.hash;
            self.bytes = beginning.bytes;
            self.kept_bytes = beginning.bytes;
            self.is_inherited = false;
            self.is_resumable = true;
        }
    }

    /// The bytes to come are the file from its start.
    pub(crate) fn begin(&mut self, origin: Option<Origin>) {
        self.beginning = None;
        self.origin = origin;
    }

    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> anyhow::Result<()> {
        self.make_room()?;
        // Not `write_all`: how much a full disk took must be known.
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

    /// Before the first bytes: removes those of an earlier download, then notes the origin of the
    /// new ones. In this order, bytes are never marked with an origin that is not theirs.
    fn make_room(&mut self) -> anyhow::Result<()> {
        if std::mem::take(&mut self.is_inherited) {
            let emptied = self.empty();
            emptied.map_err(|error| self.cannot_write(&error))?;
        }
        if let Some(origin) = self.origin.take() {
            self.is_resumable = mark::write(&self.file, Some(&origin)).is_ok();
        }
        Ok(())
    }

    fn empty(&mut self) -> io::Result<()> {
        mark::write(&self.file, None)?;
        self.file.set_len(0)?;
        self.file.rewind()
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

    /// Bytes of the file so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Of these, those that an earlier download left.
    pub(crate) fn kept_bytes(&self) -> u64 {
        self.kept_bytes
    }

    /// Gives the file its name, and returns the SHA-256 of its bytes.
    pub(crate) fn finish(mut self) -> anyhow::Result<String> {
        if self.is_inherited {
            // The file has no bytes.
            self.file.set_len(0).context("ftruncate(2)")?;
        }
        // Only of partial files.
        let _ = mark::remove(&self.file);
        fs::rename(&self.partial, &self.whole).with_context(|| {
            format!(
                "rename(2) of {} to {}",
                self.partial.display(),
                self.whole.display()
            )
        })?;
        self.is_settled = true;
        Ok(report::hex(&std::mem::take(&mut self.hash).finalize()))
    }

    /// Keeps what has come so far. Returns `error`, with where that is.
    pub(crate) fn break_off(mut self, error: &anyhow::Error) -> anyhow::Error {
        let error = report::describe(error);
        let beginning = self.beginning.as_ref().filter(|_| self.is_inherited);
        let bytes = beginning.map_or(self.bytes, |beginning| beginning.bytes);
        if bytes == 0 {
            return anyhow!("{error}");
        }
        let resumption = match self.is_resumable || beginning.is_some() {
            true => "; -C continues from there",
            false => "",
        };
        self.is_settled = true;
        anyhow!(
            "{error}; the first {bytes} bytes are kept in {}{resumption}",
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
            // Nothing is lost with an empty file, and one that can't be removed does no harm.
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

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::{Origin, Output};
    use crate::get::target::Target;
    use crate::stop::Stop;

    #[test]
    fn a_partial_file_stays_until_something_takes_its_place() {
        let dir = tempfile::tempdir().expect("a directory");
        let (whole, partial) = (dir.path().join("f"), dir.path().join("f.part"));
        let content = || std::fs::read(&partial).expect("a file");
        std::fs::write(&partial, "the user's own").expect("written");
        let refusal = Output::create(&whole).expect_err("refused").to_string();
        assert!(refusal.contains("f.part exists already"), "{refusal}");
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
    fn a_download_goes_on_with_bytes_of_the_same_url_whose_version_is_known() {
        let dir = tempfile::tempdir().expect("a directory");
        let whole = dir.path().join("f");
        let create = || Output::create(&whole).expect("taken");
        let target = |url: &str| url.parse::<Target>().expect("a URL");
        let (asked, other) = (target("https://a.test/f"), target("https://a.test/g"));
        let stop = Stop::on_signals().expect("a flag");
        let left = |target| {
            let found = create().continuation(target, &stop).expect("read");
            found.map(|it| (it.offset, it.validator.as_str().to_owned()))
        };
        let break_off = |origin: Option<Origin>, bytes: &[u8]| {
            let mut output = create();
            output.begin(origin);
            output.write(bytes).expect("written");
            output.break_off(&anyhow!("no more")).to_string()
        };
        let origin = Origin::new(&asked, "\"v1\"".parse().expect("a tag"));
        let told = break_off(Some(origin.clone()), b"ab");
        assert!(told.ends_with("f.part; -C continues from there"), "{told}");
        assert_eq!(left(&other), None);
        assert_eq!(left(&asked), Some((2, "\"v1\"".to_owned())));
        // A download that starts over, and learns of no version.
        let told = break_off(None, b"x");
        assert!(told.ends_with("f.part"), "{told}");
        assert_eq!(left(&asked), None);
        break_off(Some(origin), b"ab");

        let mut output = create();
        output.continuation(&asked, &stop).expect("read");
        let told = output.break_off(&anyhow!("nobody there")).to_string();
        assert!(
            told.starts_with("nobody there; the first 2 bytes are kept"),
            "{told}"
        );
        let mut output = create();
        output.continuation(&asked, &stop).expect("read");
        output.go_on();
        output.write(b"c").expect("written");
        assert_eq!((output.bytes(), output.kept_bytes()), (3, 2));
        let hash = output.finish().expect("renamed");
        assert!(hash.starts_with("ba7816bf8f01cfea"), "{hash}");
        assert_eq!(std::fs::read(&whole).expect("whole"), b"abc");
    }
}
