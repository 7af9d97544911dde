//! `cargo xtask bench`: the benchmarks of `benches/`.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use crate::cargo;
use crate::requirement::LIBXDP;
use crate::setup;
use crate::trusting::Build;

/// Passes `args` to `cargo bench`; `ledger` is a comparison of two builds instead.
pub(crate) fn command(args: &[String]) -> Result<ExitCode, String> {
    setup::ensure()?;
    if args.first().is_some_and(|arg| arg == "ledger") {
        return ledger(&args[1..]);
    }
    if let Err(problem) = setup::ensure_also(&[&LIBXDP]) {
        eprintln!("note: {problem}");
    }
    let mut bench = cargo::command("bench");
    bench.args(["--package", "xskit-benches", "--package", "xskit-rivals"]);
    Err(format!("cargo can't be run: {}", bench.args(args).exec()))
}

/// What the ledger costs on the whole path of a packet.
fn ledger(args: &[String]) -> Result<ExitCode, String> {
    if !args.is_empty() {
        return Err("bench ledger takes no argument".to_owned());
    }
    let with = Build::WithLedger.programs(&["packet_path", "ledger_pairs"])?;
    let without = Build::WithoutLedger.programs(&["packet_path"])?;
    let mut pairs = Command::new(with.join("ledger_pairs"));
    pairs.args([with.join("packet_path"), without.join("packet_path")]);
    Err(format!("ledger_pairs can't be run: {}", pairs.exec()))
}
