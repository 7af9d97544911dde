//! Room for the demo's files.

use std::path::Path;

use anyhow::{Context, ensure};
use rustix::fs::statvfs;

/// Checks that `dir` has room for `needed` bytes, before anything is written.
pub(super) fn require(dir: &Path, needed: u64) -> anyhow::Result<()> {
    let room = statvfs(dir).with_context(|| format!("statvfs(3) of {}", dir.display()))?;
    // File systems without a size of their own say that they have no blocks at all.
    let is_bounded = room.f_blocks > 0;
    let free = room.f_bavail.saturating_mul(room.f_frsize);
    ensure!(
        !is_bounded || free >= needed,
        "the demo's files take {needed} bytes, and {} has {free} left; free some space, use a \
         smaller --size, or another TMPDIR",
        dir.display()
    );
    Ok(())
}
