//! `cargo xtask interop`: builds the package `interop`, which no other command does, and becomes it.

use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use crate::cargo;
use crate::setup;

/// Passes `args` on.
pub(crate) fn command(args: &[String]) -> Result<ExitCode, String> {
    setup::ensure()?;
    let mut run = cargo::command("run");
    run.args(["--quiet", "--package", "xskit-interop", "--"]);
    run.args(args);
    Err(format!("cargo can't be run: {}", run.exec()))
}
