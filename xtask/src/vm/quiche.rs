//! The example server that comes with quiche, which ours is counted beside: built from cargo's copy
//! of the crate, with the BoringSSL and the profile of our release.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use fs_err as fs;
use toml::Table;

use super::packages::folder;
use crate::boringssl;
use crate::cargo;

const EXAMPLE: &str = "http3-server";

/// Its name for the program `counted`.
const NAME: &str = "quiche-server";

/// Where it listens, and where it is to: at a card instead of the loopback interface.
const LISTENS: [&str; 2] = ["127.0.0.1:4433", "0.0.0.0:4433"];

/// Builds it into `programs`, unless it is there.
pub(super) fn ensure(programs: &Path) -> Result<()> {
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
    cargo::run(&mut build)?;
    fs::create_dir_all(programs)?;
    fs::copy(target.join("release/examples").join(EXAMPLE), built)?;
    Ok(())
}

/// Copies the crate, with our lock file, and changes what has to be changed.
fn copy_to(copy: &Path) -> Result<()> {
    let sources = cargo::sources_of("quiche").context("cargo's copy of quiche is not found")?;
    if copy.exists() {
        fs::remove_dir_all(copy)?;
    }
    cargo::run(Command::new("cp").arg("-R").arg(sources).arg(copy))?;
    fs::copy(
        cargo::workspace().join("Cargo.lock"),
        copy.join("Cargo.lock"),
    )?;
    let path = copy.join("Cargo.toml");
    let mut manifest: Table = fs::read_to_string(&path)?.parse()?;
    // It lies in our workspace.
    manifest.insert("workspace".to_owned(), Table::new().into());
    // Only quiche's own tests need rstest, and our lock file doesn't have it.
    if let Some(toml::Value::Table(tests)) = manifest.get_mut("dev-dependencies") {
        tests.remove("rstest");
    }
    fs::write(path, manifest.to_string())?;
    let path = copy.join("examples").join(EXAMPLE).with_extension("rs");
    let source = fs::read_to_string(&path)?;
    let [from, to] = LISTENS;
    ensure!(source.contains(from), "{path:?} is not as expected");
    Ok(fs::write(&path, source.replace(from, to))?)
}
