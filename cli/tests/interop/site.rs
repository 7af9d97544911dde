//! The files that are served, and what each of their bytes must be.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::LazyLock;

use fastrand::Rng;
use tempfile::TempDir;

/// The pattern's length in bytes. A prime, so that bytes that are off by whole packets, pages or
/// chunks never match.
const PERIOD: usize = 1_048_573;

/// Bytes without a pattern of their own.
static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut pattern = vec![0; PERIOD];
    Rng::with_seed(1).fill(&mut pattern);
    pattern
});

/// A directory of files.
pub(crate) struct Site {
    dir: TempDir,
}

/// What is in one of the files.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) name: String,
    pub(crate) len: u64,
}

impl Site {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        std::fs::create_dir(dir.path().join("root")).unwrap();
        Self { dir }
    }

    /// The directory to serve. Its parent is the test's own, too.
    pub(crate) fn root(&self) -> std::path::PathBuf {
        self.dir.path().join("root")
    }

    /// Adds a file of `len` bytes. Its name is the length, so that no two are alike.
    pub(crate) fn add(&self, len: u64) -> Content {
        let content = Content {
            name: format!("{len}.bin"),
            len,
        };
        content.write(&self.root().join(&content.name));
        content
    }
}

impl Content {
    /// To ask for.
    pub(crate) fn path(&self) -> String {
        format!("/{}", self.name)
    }

    /// The bytes from `offset` on, as far as they lie together in memory.
    fn piece(&self, offset: u64) -> &'static [u8] {
        // Files differ in length, and so begin at different places of the pattern.
        let start = ((offset + self.len) % PERIOD as u64) as usize;
        let left = usize::try_from(self.len - offset).unwrap_or(PERIOD);
        let piece = &PATTERN[start..];
        &piece[..piece.len().min(left)]
    }

    fn write(&self, path: &Path) {
        let mut file = BufWriter::new(File::create(path).unwrap());
        let mut offset = 0;
        while offset < self.len {
            let piece = self.piece(offset);
            file.write_all(piece).unwrap();
            offset += piece.len() as u64;
        }
        file.flush().unwrap();
    }

    /// Checks bytes that are said to begin at `offset`.
    pub(crate) fn check(&self, mut offset: u64, mut bytes: &[u8]) {
        let end = offset + bytes.len() as u64;
        assert!(end <= self.len, "{}: {end} bytes came", self.name);
        while !bytes.is_empty() {
            let expected = self.piece(offset);
            let len = expected.len().min(bytes.len());
            let (now, later) = bytes.split_at(len);
            // `assert_eq` would print up to a megabyte.
            assert!(
                now == &expected[..len],
                "{}: wrong bytes between {offset} and {}",
                self.name,
                offset + len as u64
            );
            offset += len as u64;
            bytes = later;
        }
    }
}
