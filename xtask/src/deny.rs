//! cargo-deny, which checks licences, duplicate crates and sources against `deny.toml`, and advisories where their
//! database can be had.

use std::path::Path;
use std::process::Command;

use crate::cargo;
use crate::tool::Tool;

/// In the version that `deny.toml` is written for.
pub(crate) const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
};

/// The check of what `deny.toml` alone can tell.
pub(crate) fn check(cargo_deny: &Path) -> Command {
    let mut check = command(cargo_deny);
    check.args(["check", "bans", "licenses", "sources"]);
    check
}

/// Fetches the database of advisories, which is another download.
pub(crate) fn fetch(cargo_deny: &Path) -> Command {
    let mut fetch = command(cargo_deny);
    fetch.args(["fetch", "db"]);
    fetch
}

/// The check of every package against that database.
pub(crate) fn advisories(cargo_deny: &Path) -> Command {
    let mut check = command(cargo_deny);
    check.args(["check", "advisories"]);
    check
}

fn command(cargo_deny: &Path) -> Command {
    let mut command = Command::new(cargo_deny);
    command
        .arg("--manifest-path")
        .arg(cargo::workspace().join("Cargo.toml"))
        .args(["--workspace", "--all-features"]);
    command
}
