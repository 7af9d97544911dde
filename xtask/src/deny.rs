//! cargo-deny, which checks licences, duplicate crates and sources against `deny.toml`.

use std::path::PathBuf;
use std::process::Command;

use crate::cargo;
use crate::probe;

/// The version that `deny.toml` is written for.
const VERSION: &str = "0.20.2";

/// Where cargo-deny is, if this version is installed: for the user, or in the target folder by an earlier run.
pub(crate) fn installed() -> Option<PathBuf> {
    [
        probe::on_path("cargo-deny"),
        Some(tools().join("bin/cargo-deny")),
    ]
    .into_iter()
    .flatten()
    .find(is_right_version)
}

/// Builds cargo-deny into the target folder. Without optimisation: it runs for a second, but is built for minutes.
pub(crate) fn install() -> Command {
    let mut install = cargo::program();
    install
        .args([
            "install",
            "cargo-deny",
            "--locked",
            "--debug",
            "--version",
            VERSION,
            "--root",
        ])
        .arg(tools());
    install
}

/// The check itself. Advisories are left out: their database is another download.
pub(crate) fn check(cargo_deny: PathBuf) -> Command {
    let mut check = Command::new(cargo_deny);
    check
        .arg("--manifest-path")
        .arg(cargo::workspace().join("Cargo.toml"));
    check.args([
        "--workspace",
        "--all-features",
        "check",
        "bans",
        "licenses",
        "sources",
    ]);
    check
}

fn tools() -> PathBuf {
    cargo::target().join("tools")
}

fn is_right_version(cargo_deny: &PathBuf) -> bool {
    let output = Command::new(cargo_deny).arg("--version").output();
    output.is_ok_and(|output| {
        String::from_utf8_lossy(&output.stdout).trim() == format!("cargo-deny {VERSION}")
    })
}
