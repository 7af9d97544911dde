//! The directory that is served, and what must not be under it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::ensure;

/// Refuses a file that must not be served and is under `root`. It need not exist yet, and may be a
/// link.
pub(crate) fn refuse(option: &str, path: &Path, root: &Path) -> anyhow::Result<()> {
    ensure!(
        !is_within(path, root) && !is_within(parent(path), root),
        "{option} {}: is under --root {}, so anyone could fetch it; move it elsewhere",
        path.display(),
        root.display()
    );
    Ok(())
}

/// The directory that a file is in, or will be.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Whether `path` is in `directory`, or is it. Directories are compared by device and inode, since
/// one may be mounted in several places. False if either can't be found: opening it reports why.
pub(crate) fn is_within(path: &Path, directory: &Path) -> bool {
    let (Ok(path), Ok(directory)) = (path.canonicalize(), directory.metadata()) else {
        return false;
    };
    let is_it = |above: &Path| above.metadata().is_ok_and(|it| is_same(&it, &directory));
    path.ancestors().any(is_it)
}

/// Whether both are the same file.
pub(crate) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}
