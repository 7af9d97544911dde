//! The example server that comes with quiche, which ours is counted beside: built from cargo's own copy of the crate,
//! with the BoringSSL and the profile of our release.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::packages::folder;
use crate::boringssl;
use crate::cargo;

const EXAMPLE: &str = "http3-server";

/// The name it gets, by which the program `counted` knows it.
const NAME: &str = "quiche-server";

/// Where it listens, and where it is to: at a card instead of the loopback interface.
const LISTENS: [&str; 2] = ["127.0.0.1:4433", "0.0.0.0:4433"];

/// What the copy's manifest begins with: it is a workspace of its own, though it lies in ours.
const ALONE: &str = "[workspace]\n\n";

/// Only quiche's own tests need it, and our lock file doesn't have it.
const NEEDLESS: &str = "[dev-dependencies.rstest]";

/// Builds it into `programs`, unless it is there.
pub(super) fn ensure(programs: &Path) -> Result<(), String> {
    let built = programs.join(NAME);
    if built.exists() {
        return Ok(());
    }
    let copy = folder().join("quiche");
    copy_to(&copy)?;
    let target = copy.join("target");
    let mut build = cargo::program();
    build.args(["build", "--release", "--example", EXAMPLE]);
    build.arg("--manifest-path").arg(copy.join("Cargo.toml"));
    build.arg("--target-dir").arg(&target);
    build.env("CARGO_PROFILE_RELEASE_LTO", "thin");
    build.env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1");
    build.envs(boringssl::for_linking(&target.join("release")));
    succeed(&mut build)?;
    let example = target.join("release/examples").join(EXAMPLE);
    fs::create_dir_all(programs)
        .and_then(|()| fs::copy(&example, &built))
        .map_err(|error| format!("copying {} failed: {error}", example.display()))?;
    Ok(())
}

/// Copies the crate, with our lock file, and changes what has to be.
fn copy_to(copy: &Path) -> Result<(), String> {
    let sources = cargo::sources_of("quiche").ok_or("cargo's copy of quiche is not found")?;
    let _ = fs::remove_dir_all(copy);
    succeed(Command::new("cp").arg("-R").arg(&sources).arg(copy))?;
    succeed(
        Command::new("cp")
            .arg(cargo::workspace().join("Cargo.lock"))
            .arg(copy),
    )?;
    change(&copy.join("Cargo.toml"), |manifest| {
        Some(format!("{ALONE}{}", without(&manifest, NEEDLESS)))
    })?;
    let [from, to] = LISTENS;
    change(
        &copy.join("examples").join(EXAMPLE).with_extension("rs"),
        |source| source.contains(from).then(|| source.replace(from, to)),
    )
}

fn change(path: &Path, how: impl Fn(String) -> Option<String>) -> Result<(), String> {
    let failed = |error| format!("changing {} failed: {error}", path.display());
    let text = fs::read_to_string(path).map_err(failed)?;
    let changed = how(text).ok_or_else(|| format!("{} is not as expected", path.display()))?;
    fs::write(path, changed).map_err(failed)
}

/// The manifest without a table: from its head to the next.
fn without(manifest: &str, head: &str) -> String {
    let Some((before, rest)) = manifest.split_once(head) else {
        return manifest.to_owned();
    };
    let after = rest.find("\n[").map_or("", |at| &rest[at + 1..]);
    format!("{before}{after}")
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} ({status}; its messages are above)")),
        Err(error) => Err(format!("{name} can't be run: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn a_table_is_taken_out_of_a_manifest() {
        let manifest = "[a]\nx = 1\n\n[b]\ny = [\n  2,\n]\n\n[c]\nz = 3\n";
        assert_eq!(without(manifest, "[b]"), "[a]\nx = 1\n\n[c]\nz = 3\n");
        assert_eq!(
            without(manifest, "[c]"),
            "[a]\nx = 1\n\n[b]\ny = [\n  2,\n]\n\n"
        );
        assert_eq!(without(manifest, "[d]"), manifest);
    }
}
