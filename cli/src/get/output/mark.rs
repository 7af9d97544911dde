//! The extended attribute of a partial file: a download made it, and of which version of which file
//! its bytes are.

use std::fs::File;
use std::os::fd::AsFd;

use rustix::fs::{XattrFlags, fgetxattr, fremovexattr, fsetxattr};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use xskit::quic::client::Validator;

use crate::get::target::Target;
use crate::report;

const NAME: &str = "user.xskit.partial";

/// An attribute has as much room as this on ext4, all of a file's together.
const MAX_BYTES: usize = 4096;

/// Where a partial file's bytes are from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// SHA-256 of the URL, which itself may hold a secret.
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

    /// A validator says nothing about another URL's file.
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
/// made, and with EOPNOTSUPP where the file system has no such attributes.
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
