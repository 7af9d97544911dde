//! `cargo xtask demo`: builds the `xskit` command and becomes it.

use std::process::ExitCode;

use anyhow::{Result, ensure};

use crate::boringssl;
use crate::cargo;
use crate::machine;
use crate::probe;
use crate::setup;

/// Passes `args` to `xskit demo`, which runs through sudo if this process lacks capabilities.
pub(crate) fn command(args: &[String]) -> Result<ExitCode> {
    let asks_for_help = args.iter().any(|arg| arg == "--help" || arg == "-h");
    let mut lacks = machine::missing_capabilities();
    if asks_for_help {
        lacks.clear();
    }
    let by_sudo = !lacks.is_empty() && !machine::is_root();
    ensure!(
        !by_sudo || probe::on_path("sudo").is_some(),
        "the demo makes network namespaces and attaches an XDP program: it needs {lacks}, which \
         root has. Run it as root, or install sudo"
    );
    setup::ensure()?;
    if by_sudo {
        eprintln!("The demo needs {lacks}: building as you are, running it through sudo.");
    } else if !lacks.is_empty() {
        eprintln!("note: root here lacks {lacks}; the demo may fail for it");
    }
    let mut run = cargo::command("run");
    run.args(["--profile", "demo"]);
    run.args(["--package", "xskit-cli", "--bin", "xskit"]);
    // After `cargo xtask test` this saves minutes.
    run.envs(boringssl::for_linking(&cargo::target().join("demo")));
    if by_sudo {
        // The build needs no privilege: cargo hands the program alone to this runner.
        run.args([
            "--config",
            "target.'cfg(all())'.runner = ['sudo', '--preserve-env=XSKIT_LOG,TMPDIR', '--']",
        ]);
    }
    Err(cargo::become_it(run.args(["--", "demo"]).args(args)))
}
