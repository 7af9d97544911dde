//! `cargo xtask packages`: packs what `cargo publish` would upload, and checks each package from
//! what was packed. A file that was left out shows, and so does a feature of a dependency that only
//! another crate of the workspace asks for.
//!
//! cargo's own verification is not run. It builds everything, BoringSSL too; and it takes what it
//! built of a package in an earlier run if the version is the same, even if the sources changed.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use fs_err as fs;
use toml::Table;

use crate::boringssl;
use crate::cargo;
use crate::step::Step;

/// A package, and a file without which it can't be built.
const NEEDED: (&str, &str) = ("xskit-bpf", "src/xskit.bpf.o");

/// What the compiler says without it.
const MISSING: &str = "couldn't read `xskit-bpf";

/// The check, and the control that it can fail.
pub(crate) fn steps() -> Result<[Step; 2]> {
    let checked = Step::run("packages, as packed", cargo::xtask()?.arg("packages"));
    let control = "control: a file that was not packed is found";
    let (package, file) = NEEDED;
    let lost = published().and_then(|names| {
        let folder = names.into_iter().find(|(name, _)| name == package);
        let (_, folder) = folder.with_context(|| format!("{package} is not published"))?;
        Ok(fs::remove_file(unpacked().join(folder).join(file))?)
    });
    let control = match lost {
        Ok(()) => Step::run_to_fail(control, &mut check(package), MISSING),
        // The step above says why.
        Err(_) => Step::skip(control, "packages"),
    };
    Ok([checked, control])
}

/// Packs all and checks all: what is missing in several packages shows at once.
pub(crate) fn command() -> Result<ExitCode> {
    let packages = published()?;
    pack(&packages)?;
    let mut failed = Vec::new();
    for (package, _) in &packages {
        println!("{package}");
        if !check(package).status()?.success() {
            failed.push(package.as_str());
        }
    }
    ensure!(
        failed.is_empty(),
        "packages that can't be built as they are packed: {}",
        failed.join(", ")
    );
    Ok(ExitCode::SUCCESS)
}

/// The packages that would be published: name, and name with version.
fn published() -> Result<Vec<(String, String)>> {
    let metadata = cargo::metadata()?;
    let mut packages = metadata.workspace_packages();
    packages.retain(|package| package.publish.as_ref().is_none_or(|to| !to.is_empty()));
    let names = packages.into_iter().map(|package| {
        let (name, version) = (package.name.to_string(), &package.version);
        (name.clone(), format!("{name}-{version}"))
    });
    Ok(names.collect())
}

/// Where cargo packs.
fn packed() -> PathBuf {
    cargo::target().join("package")
}

/// The packages beside each other, in a workspace of their own.
fn unpacked() -> PathBuf {
    packed().join("unpacked")
}

fn pack(packages: &[(String, String)]) -> Result<()> {
    // An earlier run's would be found as well.
    if packed().exists() {
        fs::remove_dir_all(packed())?;
    }
    let mut publish = cargo::command("publish");
    publish.args(["--workspace", "--dry-run", "--no-verify", "--quiet"]);
    // Before a commit, too.
    publish.arg("--allow-dirty");
    publish.arg("--target-dir").arg(cargo::target());
    cargo::run(&mut publish)?;
    fs::create_dir_all(unpacked())?;
    // Which folder below its own cargo leaves them in depends on its version.
    let archives = packed().join("**/*.crate");
    for archive in glob::glob(&archives.to_string_lossy())? {
        let mut tar = Command::new("tar");
        // The archive dates every file to 2006. cargo goes by dates, and would take a changed file
        // for the old one.
        tar.args(["--extract", "--gzip", "--touch", "--file"]);
        tar.arg(archive?).arg("--directory").arg(unpacked());
        cargo::run(&mut tar)?;
    }
    let own = fs::read_to_string(cargo::workspace().join("Cargo.toml"))?;
    let manifest = manifest(packages, own.parse()?);
    fs::write(unpacked().join("Cargo.toml"), manifest)?;
    let lock = cargo::workspace().join("Cargo.lock");
    fs::copy(lock, unpacked().join("Cargo.lock"))?;
    Ok(())
}

/// One workspace, in which the packages stand for those of the registry, with this one's lock file
/// and profiles: so the dependencies that were checked for the lints serve again.
fn manifest(packages: &[(String, String)], mut own: Table) -> String {
    own.retain(|section, _| section == "profile");
    let patch = |(name, folder): &(String, String)| format!("{name} = {{ path = \"{folder}\" }}\n");
    let patches: String = packages.iter().map(patch).collect();
    format!("[workspace]\nresolver = \"3\"\nmembers = [\"*\"]\n[patch.crates-io]\n{patches}{own}")
}

/// Checks one package by itself.
fn check(package: &str) -> Command {
    let mut check = cargo::program();
    check
        .args(["check", "--quiet", "--package", package])
        .arg("--manifest-path")
        .arg(unpacked().join("Cargo.toml"))
        .envs(boringssl::for_checking());
    check
}
