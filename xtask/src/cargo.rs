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

/// The sources of a crate from a registry that this workspace depends on.
pub(crate) fn sources_of(name: &str) -> Option<PathBuf> {
    let mut metadata = command("metadata");
    let output = metadata.args(["--format-version", "1"]).output().ok()?;
    crate_folder(&String::from_utf8(output.stdout).ok()?, name)
}

/// The folder of a crate from a registry, by the paths of the manifests in cargo's metadata.
fn crate_folder(metadata: &str, name: &str) -> Option<PathBuf> {
    metadata
        .split("\"manifest_path\":\"")
        .filter_map(|rest| rest.split_once("/Cargo.toml\""))
        .map(|(folder, _)| PathBuf::from(folder))
        .find(|folder| {
            let own = folder.file_name().and_then(|own| own.to_str());
            let version = own
                .and_then(|own| own.strip_prefix(name))
                .and_then(|rest| rest.strip_prefix('-'));
            version.is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
        })
}

#[cfg(test)]
mod tests {
    use super::crate_folder;
    use std::path::PathBuf;

    #[test]
    fn a_crate_is_found_by_name_and_version() {
        let metadata = r#"{"a":1,"manifest_path":"/r/boring-sys-x-1.0.0/Cargo.toml","b":2},
            {"manifest_path":"/r/boring-sys-5.4.0/Cargo.toml"}"#;
        let found = crate_folder(metadata, "boring-sys");
        assert_eq!(found, Some(PathBuf::from("/r/boring-sys-5.4.0")));
        assert_eq!(crate_folder(metadata, "boring"), None);
    }
}
