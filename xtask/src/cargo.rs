//! Cargo on this workspace, from whatever folder the user stands in.

use std::env;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Error, Result, ensure};
use cargo_metadata::{CargoOpt, Metadata, MetadataCommand};

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

/// A cargo command on the workspace, in the user's folder, so that relative paths hold.
pub(crate) fn command(verb: &str) -> Command {
    let mut command = program();
    command
        .arg(verb)
        .arg("--manifest-path")
        .arg(workspace().join("Cargo.toml"));
    command
}

/// This program again, for a step of another.
pub(crate) fn xtask() -> Result<Command> {
    let this = env::current_exe().context("this program is not found")?;
    Ok(Command::new(this))
}

/// The workspace and all its dependencies.
pub(crate) fn metadata() -> Result<Metadata> {
    let mut metadata = MetadataCommand::new();
    metadata.manifest_path(workspace().join("Cargo.toml"));
    metadata.features(CargoOpt::AllFeatures);
    Ok(metadata.exec()?)
}

/// The sources of a crate from a registry that this workspace depends on.
pub(crate) fn sources_of(name: &str) -> Option<PathBuf> {
    let packages = metadata().ok()?.packages;
    let found = packages.into_iter().find(|package| package.name == name)?;
    Some(found.manifest_path.parent()?.into())
}

/// Runs a command, which must succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status();
    let status = status.with_context(|| format!("{name} can't be run"))?;
    ensure!(
        status.success(),
        "{name} failed ({status}); its messages are above"
    );
    Ok(())
}

/// Becomes the command, so that signals and exit codes are its own. Returns only if that fails.
pub(crate) fn become_it(command: &mut Command) -> Error {
    let error = command.exec();
    let name = command.get_program().to_string_lossy();
    Error::new(error).context(format!("{name} can't be run"))
}

#[cfg(test)]
mod tests {
    use super::sources_of;

    #[test]
    fn a_dependency_is_found_by_its_exact_name() {
        let found = sources_of("boring-sys").expect("a dependency");
        assert!(found.join("deps/boringssl").is_dir(), "{found:?}");
        assert_eq!(sources_of("boring-s"), None);
    }
}
