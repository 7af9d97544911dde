//! The file that the demo sends.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};

use crate::args::DemoArgs;
use crate::output::hex;

const CHUNK_BYTES: usize = 1 << 20;

/// A file to send, and what must arrive.
pub(super) struct DemoFile {
    /// The directory to serve.
    pub(super) root: PathBuf,
    /// The file's path in a URL.
    pub(super) url_path: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl DemoFile {
    /// The file asked for, or one made of random bytes in `scratch`.
    pub(super) fn prepare(args: &DemoArgs, scratch: &Path) -> anyhow::Result<Self> {
        match &args.file {
            Some(path) => Self::existing(path),
            None => Self::random(scratch, args.size.0),
        }
    }

    fn existing(path: &Path) -> anyhow::Result<Self> {
        let path = path
            .canonicalize()
            .with_context(|| format!("--file {}", path.display()))?;
        ensure!(
            path.is_file(),
            "--file {}: is no regular file",
            path.display()
        );
        let root = path
            .parent()
            .context("the file is in no directory")?
            .to_owned();
        let name = path.file_name().context("the file has no name")?;
        let (bytes, sha256) = digest(&path)?;
        Ok(Self {
            root,
            url_path: url_path(name.as_encoded_bytes()),
            bytes,
            sha256,
        })
    }

    fn random(scratch: &Path, bytes: u64) -> anyhow::Result<Self> {
        let root = scratch.join("root");
        std::fs::create_dir(&root).context("creating a directory")?;
        let path = root.join("random.bin");
        write_random(&path, bytes).with_context(|| {
            format!(
                "writing {bytes} bytes to {}; use a smaller --size",
                path.display()
            )
        })?;
        let (bytes, sha256) = digest(&path)?;
        Ok(Self {
            root,
            url_path: "/random.bin".to_owned(),
            bytes,
            sha256,
        })
    }
}

/// A name as the path of a URL: every byte but the plainest percent-encoded (RFC 3986).
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

fn write_random(path: &Path, bytes: u64) -> anyhow::Result<()> {
    let mut random = File::open("/dev/urandom")?.take(bytes);
    let mut file = BufWriter::with_capacity(CHUNK_BYTES, File::create(path)?);
    std::io::copy(&mut random, &mut file)?;
    file.flush()?;
    Ok(())
}

fn digest(path: &Path) -> anyhow::Result<(u64, String)> {
    let mut file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let len = file
            .read(&mut chunk)
            .with_context(|| format!("reading {}", path.display()))?;
        let Some(read) = chunk.get(..len).filter(|read| !read.is_empty()) else {
            break;
        };
        hash.update(read);
        bytes += read.len() as u64;
    }
    Ok((bytes, hex(&hash.finalize())))
}

#[cfg(test)]
mod tests {
    use super::url_path;

    #[test]
    fn unusual_names_are_encoded() {
        assert_eq!(url_path(b"a-b_c.txt"), "/a-b_c.txt");
        assert_eq!(url_path("ä b%/?#".as_bytes()), "/%C3%A4%20b%25%2F%3F%23");
    }
}
