//! cargo-deny, which checks licences, duplicate crates and sources against `deny.toml`, and
//! advisories if their database can be fetched. It is the user's, or is built into the target
//! folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo;
use crate::probe;

/// In the version that `deny.toml` is written for.
pub(crate) const CARGO_DENY: CargoDeny = CargoDeny { version: "0.20.2" };

pub(crate) struct CargoDeny {
    version: &'static str,
}

impl CargoDeny {
    /// Where it is, if this version is installed: on PATH, or in the target folder by an earlier
    /// run.
    pub(crate) fn installed(&self) -> Option<PathBuf> {
        let own = folder().join("bin/cargo-deny");
        let is_right_version = |program: &PathBuf| {
            let output = Command::new(program).arg("--version").output();
            output.is_ok_and(|output| {
                let said = String::from_utf8_lossy(&output.stdout);
                said.trim() == format!("cargo-deny {}", self.version)
            })
        };
        [probe::on_path("cargo-deny"), Some(own)]
            .into_iter()
            .flatten()
            .find(is_right_version)
    }

    /// Builds it into the target folder. Without optimisation: it runs for seconds, but would be
    /// built for minutes. Without debug information, and not in the system's temporary folder:
    /// either can be a gigabyte too much.
    pub(crate) fn install(&self) -> Command {
        // Where it can't be made, the installation says so.
        let _ = fs::create_dir_all(folder());
        let mut install = cargo::program();
        install
            .args(["install", "cargo-deny", "--locked", "--debug"])
            .args(["--version", self.version, "--root"])
            .arg(folder())
            .env("TMPDIR", folder())
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .env("CARGO_INCREMENTAL", "0");
        install
    }
}

fn folder() -> PathBuf {
    cargo::target().join("tools")
}

/// The checks of the dependency tree against `deny.toml`.
pub(crate) fn check(cargo_deny: &Path) -> Command {
    command(cargo_deny, &["check", "bans", "licenses", "sources"])
}

/// Downloads the database of advisories.
pub(crate) fn fetch(cargo_deny: &Path) -> Command {
    command(cargo_deny, &["fetch", "db"])
}

/// The check of every package against that database.
pub(crate) fn advisories(cargo_deny: &Path) -> Command {
    command(cargo_deny, &["check", "advisories"])
}

fn command(cargo_deny: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(cargo_deny);
    command
        .arg("--manifest-path")
        .arg(cargo::workspace().join("Cargo.toml"))
        .args(["--workspace", "--all-features"])
        .args(args);
    command
}
