//! `TagKey`: entity tags that change with a file's content and reveal nothing about it.

use std::fmt::Write;
use std::sync::Arc;

use rustix::fs::Stat;

use super::encoding::Encoding;

/// The file whose content keys the tags. It is fixed per machine, so tags survive a restart.
const MACHINE: &str = "/etc/machine-id";

/// The key of entity tags.
///
/// A tag is a keyed hash of the inode number, the size, and the times of the last modification and
/// status change. Size and times alone are not enough: archives are unpacked with one date for all
/// files, and two trees written at the same moment can have the same timestamps. Without a key, an
/// observer who knows the rest could find the inode number by trying.
pub(super) struct TagKey([u8; 32]);

impl std::fmt::Debug for TagKey {
    /// Never shows the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TagKey")
    }
}

impl TagKey {
    /// The key of this machine, or a random one for this process if the machine has no id.
    pub(super) fn of_this_machine() -> Self {
        let mut secret = std::fs::read(MACHINE).unwrap_or_default();
        if secret.is_empty() {
            secret = vec![0; 32];
            // Without random numbers no connection can be set up either.
            let _ = boring::rand::rand_bytes(&mut secret);
        }
        secret.extend_from_slice(b"xskit entity tags");
        Self(boring::sha::sha256(&secret))
    }

    /// What identifies this version of a file.
    pub(super) fn version(&self, stat: &Stat) -> Version {
        let mut input = self.0.to_vec();
        for value in [
            i128::from(stat.st_ino),
            i128::from(stat.st_size),
            i128::from(stat.st_mtime),
            i128::from(stat.st_mtime_nsec),
            i128::from(stat.st_ctime),
            i128::from(stat.st_ctime_nsec),
        ] {
            input.extend_from_slice(&value.to_le_bytes());
        }
        let mut version = String::with_capacity(32);
        for byte in boring::sha::sha256(&input).iter().take(16) {
            // Writing to a string can't fail.
            let _ = write!(version, "{byte:02x}");
        }
        Version(version.into())
    }
}

/// The part of a tag that identifies a version of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version(Arc<str>);

impl Version {
    /// The tag, with its quotes. The encoding is part of it, so that `x.js.gz` has one tag as an
    /// encoding of `x.js` and another by itself.
    pub(super) fn tag(&self, encoding: Option<Encoding>) -> String {
        let mut tag = String::with_capacity(39);
        tag.push('"');
        tag.push_str(&self.0);
        if let Some(encoding) = encoding {
            tag.push('-');
            tag.push_str(encoding.coding());
        }
        tag.push('"');
        tag
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_tag_tells_versions_apart_whose_size_and_date_are_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let date = UNIX_EPOCH + Duration::from_secs(1);
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            File::open(&path).unwrap().set_modified(date).unwrap();
            path
        };
        let key = TagKey::of_this_machine();
        let tag = |path| key.version(&rustix::fs::stat(path).unwrap());
        let (one, two) = (file("1", "one"), file("2", "two"));
        let before = tag(&one);
        assert_eq!(before, tag(&one));
        assert_ne!(before, tag(&two));
        fs::rename(&two, &one).unwrap();
        assert_ne!(before, tag(&one));
    }

    #[test]
    fn a_tag_holds_no_number_of_the_inode() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let stat = rustix::fs::stat(file.path()).unwrap();
        let tag = TagKey::of_this_machine().version(&stat).tag(None);
        assert_eq!(tag.len(), 34);
        assert!(!tag.contains(&format!("{:x}", stat.st_ino)), "{tag}");
        let other = TagKey([7; 32]).version(&stat).tag(None);
        assert_ne!(tag, other, "it depends on the key");
        let encoded = TagKey::of_this_machine()
            .version(&stat)
            .tag(Some(Encoding::Brotli));
        assert_eq!(encoded, format!("{}-br\"", &tag[..33]));
    }
}
