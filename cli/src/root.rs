//! The directory that is served, and what must not be under it.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::ensure;

/// Refuses a file that is not to be served, where it is under `root`. It need not be there yet; and if it is, it may
/// be a link.
pub(crate) fn refuse(option: &str, path: &Path, root: &Path) -> anyhow::Result<()> {
    ensure!(
        !is_within(path, root) && !is_within(parent(path), root),
        "{option} {}: is under --root {}, so everybody could fetch it; move it elsewhere",
        path.display(),
        root.display()
    );
    Ok(())
}

/// The directory in which a file is, or is to be.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Whether this is in a directory, or is it. By what the directories are, not by their names: one may be
/// mounted in several places. Not, where either can't be found: opening it says why.
pub(crate) fn is_within(path: &Path, directory: &Path) -> bool {
    let (Ok(path), Ok(directory)) = (path.canonicalize(), directory.metadata()) else {
        return false;
    };
    let is_it = |above: &Path| above.metadata().is_ok_and(|it| is_same(&it, &directory));
    path.ancestors().any(is_it)
}

/// Whether both are of one file.
pub(crate) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}
