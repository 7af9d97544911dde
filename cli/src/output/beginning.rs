//! The beginning of a file, as an earlier download left it.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use anyhow::bail;
use sha2::{Digest, Sha256};

use crate::stop::Stop;

/// Bytes read at a time.
const CHUNK_BYTES: usize = 256 << 10;

/// How long it is, and its hash, which goes on.
#[derive(Debug)]
pub(super) struct Beginning {
    pub(super) bytes: u64,
    pub(super) hash: Sha256,
}

impl Beginning {
    /// Reads the file to its end, which is where bytes are written next.
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
                    bail!("read(2) of {name}: {error}; without -C the download begins anew")
                }
            }
        }
        bail!("interrupted")
    }
}
