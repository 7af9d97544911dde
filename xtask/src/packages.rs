//! `cargo xtask packages`: packs what `cargo publish` would upload, and checks each package from what was packed. A
//! file that was left out shows, and so does a feature of a dependency that only another crate of the workspace asks for.
//!
//! cargo's own verification is not run. It builds everything, BoringSSL too; and it takes what it unpacked and built of
//! a package in an earlier run as long as the version is the same, even if the sources changed.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::boringssl;
use crate::cargo;
use crate::step::Step;

/// A package, and a file without which it can't be built.
const NEEDED: (&str, &str) = ("xskit-bpf", "src/xskit.bpf.o");

/// What the compiler says without it.
const MISSING: &str = "couldn't read `xskit-bpf";

/// The check, and the control that it can fail.
pub(crate) fn steps() -> Result<[Step; 2], String> {
    let this = env::current_exe().map_err(|error| format!("this program is not found: {error}"))?;
    let checked = Step::run("packages, as packed", Command::new(this).arg("packages"));
    let control = "control: a file that was not packed is found";
    let control = match lose(NEEDED) {
        Ok(()) => Step::run_to_fail(control, &mut check(NEEDED.0), MISSING),
        // The step above says why.
        Err(_) => Step::skip(control, "packages"),
    };
    Ok([checked, control])
}

/// Packs all and checks all; what is missing in several packages shows at once.
pub(crate) fn command(args: &[String]) -> Result<ExitCode, String> {
    if !args.is_empty() {
        return Err("packages takes no argument".to_owned());
    }
    let packages = pack()?;
    let mut failed = Vec::new();
    for package in packages {
        println!("{package}");
        if !succeeds(&mut check(&package))? {
            failed.push(package);
        }
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    Err(format!(
        "packages that can't be built as they are packed: {}",
        failed.join(", ")
    ))
}

/// Where cargo packs.
fn packed() -> PathBuf {
    cargo::target().join("package")
}

/// The packages beside each other, in a workspace of their own.
fn unpacked() -> PathBuf {
    packed().join("unpacked")
}

/// Packs and unpacks, and returns the packages' names.
fn pack() -> Result<Vec<String>, String> {
    let folder = unpacked();
    // Packages that are no more would be found as well.
    match fs::remove_dir_all(packed()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(format!("{} can't be removed: {error}", packed().display()));
        }
        _ => {}
    }
    let mut publish = cargo::command("publish");
    publish.args(["--workspace", "--dry-run", "--no-verify", "--quiet"]);
    // Before a commit, too.
    publish.arg("--allow-dirty");
    publish.arg("--target-dir").arg(cargo::target());
    if !succeeds(&mut publish)? {
        return Err("the packages can't be packed".to_owned());
    }
    let failed = |error| format!("{} can't be filled: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(failed)?;
    for archive in archives().map_err(failed)? {
        let mut tar = Command::new("tar");
        // The archive dates every file to 2006. cargo goes by dates, and would take a changed file for the old one.
        tar.args(["--extract", "--gzip", "--touch", "--file"]);
        tar.arg(&archive).arg("--directory").arg(&folder);
        if !succeeds(&mut tar)? {
            return Err(format!("{} can't be unpacked", archive.display()));
        }
    }
    let packages = folders().map_err(failed)?;
    if packages.is_empty() {
        return Err(format!(
            "cargo has left no package in {}",
            packed().display()
        ));
    }
    make_workspace(&packages).map_err(failed)?;
    Ok(packages.into_iter().map(|(name, _)| name).collect())
}

/// The packed packages. Which folder below its own cargo leaves them in depends on its version.
fn archives() -> io::Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = Vec::new();
    let below = fs::read_dir(packed())?.flatten().map(|entry| entry.path());
    for folder in below.filter(|path| path.is_dir()).chain([packed()]) {
        for file in fs::read_dir(folder)?.flatten().map(|entry| entry.path()) {
            let known = found.iter().any(|old| old.file_name() == file.file_name());
            if file.extension() == Some(OsStr::new("crate")) && !known {
                found.push(file);
            }
        }
    }
    Ok(found)
}

/// The unpacked packages: name and folder.
fn folders() -> io::Result<Vec<(String, String)>> {
    let entries = fs::read_dir(unpacked())?.flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut packages: Vec<_> = names
        .filter_map(|folder| Some((name(&folder)?.to_owned(), folder)))
        .collect();
    packages.sort();
    Ok(packages)
}

/// The name in a package's folder: what stands before `-`, a digit and so on.
fn name(folder: &str) -> Option<&str> {
    let mut dashes = folder.match_indices('-').map(|(at, _)| at);
    let version = dashes.find(|at| folder[at + 1..].starts_with(|c: char| c.is_ascii_digit()))?;
    Some(&folder[..version])
}

/// One workspace, in which the packages stand for those of the registry, with this one's lock file and profiles: so the
/// dependencies that were checked for the features' steps serve again.
fn make_workspace(packages: &[(String, String)]) -> io::Result<()> {
    let own = fs::read_to_string(cargo::workspace().join("Cargo.toml"))?;
    fs::write(unpacked().join("Cargo.toml"), manifest(packages, &own))?;
    let lock = cargo::workspace().join("Cargo.lock");
    fs::copy(lock, unpacked().join("Cargo.lock"))?;
    Ok(())
}

fn manifest(packages: &[(String, String)], own: &str) -> String {
    let mut manifest =
        "[workspace]\nresolver = \"3\"\nmembers = [\"*\"]\n\n[patch.crates-io]\n".to_owned();
    for (name, folder) in packages {
        manifest += &format!("{name} = {{ path = \"{folder}\" }}\n");
    }
    for section in own.split("\n[").filter(|text| text.starts_with("profile.")) {
        manifest += &format!("\n[{section}\n");
    }
    manifest
}

/// Checks one package by itself, in the folder of the features' steps: BoringSSL's headers are enough.
fn check(package: &str) -> Command {
    let mut check = cargo::program();
    check.args(["check", "--quiet", "--package", package]);
    check
        .arg("--manifest-path")
        .arg(unpacked().join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", cargo::target().join("features"))
        .envs(
            boringssl::headers()
                .iter()
                .map(|path| ("BORING_BSSL_PATH", path)),
        );
    check
}

fn lose((package, file): (&str, &str)) -> io::Result<()> {
    let packages = folders()?;
    let folder = packages.iter().find(|(name, _)| name == package);
    let (_, folder) = folder.ok_or(io::ErrorKind::NotFound)?;
    fs::remove_file(unpacked().join(folder).join(Path::new(file)))
}

fn succeeds(command: &mut Command) -> Result<bool, String> {
    let status = command.status();
    let status = status.map_err(|error| format!("{command:?} can't be run: {error}"))?;
    Ok(status.success())
}

#[cfg(test)]
mod tests {
    use super::{manifest, name};

    #[test]
    fn a_version_begins_with_a_digit() {
        assert_eq!(name("xskit-0.1.0"), Some("xskit"));
        assert_eq!(name("xskit-bpf-0.1.0-rc.1"), Some("xskit-bpf"));
        assert_eq!(name("Cargo.toml"), None);
    }

    #[test]
    fn profiles_are_taken_over_and_nothing_else() {
        let own = "[package]\nname = \"a\"\n\n[profile.dev]\ndebug = 0\n\n[lints]\nx = 1\n\n\
                   [profile.dev.package.b]\nc = 2\n";
        let expected = "[workspace]\nresolver = \"3\"\nmembers = [\"*\"]\n\n\
                        [patch.crates-io]\na = { path = \"a-1.0.0\" }\n\n\
                        [profile.dev]\ndebug = 0\n\n\n[profile.dev.package.b]\nc = 2\n\n";
        let packages = [("a".to_owned(), "a-1.0.0".to_owned())];
        assert_eq!(manifest(&packages, own), expected);
    }
}
