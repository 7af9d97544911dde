//! `cargo xtask demo`: builds the `xskit` command and becomes it, so that signals and exit codes are its own.

use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use crate::boringssl;
use crate::cargo;
use crate::machine;
use crate::probe;
use crate::setup;

/// Passes `args` to `xskit demo`, by root's right if this process has too little of its own.
pub(crate) fn command(args: &[String]) -> Result<ExitCode, String> {
    let missing = if asks_for_help(args) {
        Vec::new()
    } else {
        machine::missing_capabilities()
    };
    let by_sudo = !missing.is_empty() && !machine::is_root();
    if by_sudo && probe::on_path("sudo").is_none() {
        return Err(format!(
            "the demo makes network namespaces and attaches an XDP program: it needs {}, which root has. \
             Run it as root, or install sudo",
            missing.join(", ")
        ));
    }
    setup::ensure()?;
    if by_sudo {
        eprintln!(
            "The demo needs {}: building as you are, running it through sudo.",
            missing.join(", ")
        );
    } else if !missing.is_empty() {
        eprintln!(
            "note: root here lacks {}; the demo may fail for it",
            missing.join(", ")
        );
    }
    let mut run = cargo::command("run");
    run.args([
        "--profile",
        "demo",
        "--package",
        "xskit-cli",
        "--bin",
        "xskit",
    ]);
    // After `cargo xtask test` this saves minutes.
    run.envs(boringssl::for_linking(&cargo::target().join("demo")));
    if by_sudo {
        // cargo hands the program it has built to a runner; what it asks of the machine is then asked by root.
        run.args([
            "--config",
            "target.'cfg(all())'.runner = ['sudo', '--preserve-env=XSKIT_LOG,TMPDIR', '--']",
        ]);
    }
    run.args(["--", "demo"]).args(args);
    Err(format!("cargo can't be run: {}", run.exec()))
}

fn asks_for_help(args: &[String]) -> bool {
    args.iter().any(|arg| arg == "--help" || arg == "-h")
}
