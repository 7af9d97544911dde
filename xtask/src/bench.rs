//! `cargo xtask bench`: the benchmarks of `benches/`.

use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use crate::cargo;
use crate::setup;

/// Passes `args` to `cargo bench`.
pub(crate) fn command(args: &[String]) -> Result<ExitCode, String> {
    setup::ensure()?;
    let mut bench = cargo::command("bench");
    bench.args(["--package", "xskit-benches"]).args(args);
    Err(format!("cargo can't be run: {}", bench.exec()))
}
