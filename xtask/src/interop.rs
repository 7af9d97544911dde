//! `cargo xtask interop`: builds the package `interop`, which no other command does, and becomes it.

use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use crate::cargo;
use crate::distribution::Family;
use crate::install::{self, Authority};
use crate::probe;
use crate::python::AIOQUIC;
use crate::setup;

/// ngtcp2's client and server over GnuTLS. Other distributions don't ship them.
const NGTCP2: [&str; 2] = ["ngtcp2-client", "ngtcp2-server"];

/// For the test with a browser. It and its libraries are some 190 MB to fetch on a bare machine.
const CHROMIUM: [&str; 1] = ["chromium"];

/// Passes `args` on.
pub(crate) fn command(args: &[String]) -> Result<ExitCode, String> {
    setup::ensure()?;
    let mut run = cargo::command("run");
    run.args(["--quiet", "--package", "xskit-interop", "--"]);
    run.args(args);
    match AIOQUIC.ensure() {
        Ok(()) => {
            run.env("INTEROP_PYTHON", AIOQUIC.path().join("bin/python"));
        }
        Err(problem) => eprintln!("aioquic: {problem}"),
    }
    if let Err(problem) = ensure_ngtcp2() {
        eprintln!("ngtcp2: {problem}");
    }
    Err(format!("cargo can't be run: {}", run.exec()))
}

/// Installs the peers that crates.io doesn't have.
pub(crate) fn ensure_peers() -> Result<(), String> {
    AIOQUIC.ensure()?;
    ensure_ngtcp2()?;
    ensure_browser()
}

fn ensure_ngtcp2() -> Result<(), String> {
    // The server is where only root looks, so the client stands for both.
    ensure("gtlsclient", &NGTCP2)
}

/// Installs a browser, unless there is one. Ubuntu has it as a snap alone, which is not tried.
pub(crate) fn ensure_browser() -> Result<(), String> {
    ensure("chromium", &CHROMIUM)
}

fn ensure(program: &str, packages: &[&str]) -> Result<(), String> {
    if probe::on_path(program).is_some() {
        return Ok(());
    }
    match (Family::detect(), Authority::detect()) {
        (Some(Family::Debian), Some(authority)) => install::by_apt(authority, &[], packages),
        _ => Err(format!("needs {program} (Debian: {})", packages.join(" "))),
    }
}
