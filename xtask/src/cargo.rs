//! Running cargo on this workspace from whatever folder the user stands in.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the workspace: the one above this crate's.
pub(crate) fn workspace() -> PathBuf {
    let own = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    own.parent()
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// The cargo that runs this program.
pub(crate) fn program() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A cargo command on the workspace, in the folder the user stands in, so that their relative paths hold.
pub(crate) fn command(verb: &str) -> Command {
    let mut command = program();
    command
        .arg(verb)
        .arg("--manifest-path")
        .arg(workspace().join("Cargo.toml"));
    command
}
