//! The extended attribute of a partial file: it says that a download made it, and the URL and
//! version of its bytes.

use std::fs::File;
use std::os::fd::AsFd;

use rustix::fs::{XattrFlags, fgetxattr, fremovexattr, fsetxattr};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use xskit::quic::client::Validator;

use crate::get::target::Target;
use crate::report;

const NAME: &str = "user.xskit.partial";

/// The room on ext4 for all attributes of a file.
const MAX_BYTES: usize = 4096;

/// The origin of a partial file's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// SHA-256 of the URL, because the URL may hold a secret.
    url: String,
    pub(crate) validator: Validator,
}

impl Origin {
    pub(crate) fn new(target: &Target, validator: Validator) -> Self {
        Self {
            url: url_hash(target),
            validator,
        }
    }

    /// Whether the bytes are of this URL: a validator says nothing about another's.
    pub(crate) fn is_of(&self, target: &Target) -> bool {
        self.url == url_hash(target)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let (url, validator) = str::from_utf8(text).ok()?.split_once(' ')?;
        Some(Self {
            url: url.to_owned(),
            validator: validator.parse().ok()?,
        })
    }
}

fn url_hash(target: &Target) -> String {
    let host = target.host.to_ascii_lowercase();
    let url = format!("https://{host} {}{}", target.port, target.path);
    report::hex(&Sha256::digest(url))
}

/// The origin of a download's bytes, if it is known. Fails with ENODATA for a file that no download
/// made, and with EOPNOTSUPP if the file system has no such attributes.
pub(crate) fn read(file: impl AsFd) -> Result<Option<Origin>, Errno> {
    let mut text = [0; MAX_BYTES];
    match fgetxattr(file, NAME, &mut text[..]) {
        Ok(len) => Ok(text.get(..len).and_then(Origin::parse)),
        // Longer than any of ours.
        Err(Errno::RANGE) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Marks the file as a download's.
pub(crate) fn write(file: &File, origin: Option<&Origin>) -> Result<(), Errno> {
    let text = origin.map_or_else(String::new, |it| {
        format!("{} {}", it.url, it.validator.as_str())
    });
    if text.len() > MAX_BYTES {
        return Err(Errno::RANGE);
    }
    fsetxattr(file, NAME, text.as_bytes(), XattrFlags::empty())
}

pub(crate) fn remove(file: &File) -> Result<(), Errno> {
    fremovexattr(file, NAME)
}

#[cfg(test)]
mod tests {
    use super::{Origin, read, remove, write};

    #[test]
    fn a_file_keeps_where_its_bytes_are_from() {
        let target = |url: &str| url.parse().expect("a URL");
        let asked = target("https://a.test/x");
        let origin = Origin::new(&asked, "\"v1\"".parse().expect("a tag"));
        assert!(origin.is_of(&target("https://A.Test:443/x")));
        for other in [
            "https://a.test/y",
            "https://a.test:444/x",
            "https://b.test/x",
        ] {
            assert!(!origin.is_of(&target(other)), "{other}");
        }
        let dir = tempfile::tempdir().expect("a directory");
        let file = std::fs::File::create(dir.path().join("f")).expect("a file");
        assert!(read(&file).is_err());
        write(&file, None).expect("marked");
        assert_eq!(read(&file), Ok(None));
        write(&file, Some(&origin)).expect("marked");
        assert_eq!(read(&file), Ok(Some(origin)));
        remove(&file).expect("removed");
        assert!(read(&file).is_err());
    }
}
