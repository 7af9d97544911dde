//! cargo-deny, which checks licences, duplicate crates and sources against `deny.toml`.

use std::path::PathBuf;
use std::process::Command;

use crate::cargo;
use crate::tool::Tool;

/// In the version that `deny.toml` is written for.
pub(crate) const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
};

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
