//! The tests of the rings' orderings, under loom.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::cargo;

/// `cargo test` of them in `workspace`. They have their own target folder, since `--cfg loom` is
/// another build of every crate. They are optimised, since loom runs them some hundred thousand
/// times, but only as far as that pays.
pub(crate) fn tests(workspace: &Path) -> Command {
    let flags = env::var("RUSTFLAGS").unwrap_or_default();
    let mut test = cargo::program();
    test.arg("test")
        .arg("--manifest-path")
        .arg(workspace.join("Cargo.toml"))
        .args(["--package", "xskit-core", "--release", "--test", "loom"])
        .env("RUSTFLAGS", format!("{flags} --cfg loom"))
        .env("CARGO_TARGET_DIR", cargo::target().join("loom"))
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0");
    test
}
