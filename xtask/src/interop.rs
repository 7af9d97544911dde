//! `cargo xtask interop`: builds the package `interop`, which no other command does, and becomes
//! it.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::cargo;
use crate::probe;
use crate::python::AIOQUIC;
use crate::requirement::{CHROMIUM, Family};
use crate::setup::{self, Authority};

/// Passes `args` on.
pub(crate) fn command(args: &[String]) -> Result<ExitCode> {
    setup::ensure()?;
    let mut run = cargo::command("run");
    run.args(["--quiet", "--package", "xskit-interop", "--"]);
    run.args(args);
    match AIOQUIC.ensure() {
        Ok(()) => {
            run.env("INTEROP_PYTHON", AIOQUIC.path().join("bin/python"));
        }
        Err(problem) => eprintln!("aioquic: {problem:#}"),
    }
    if let Err(problem) = ensure_ngtcp2() {
        eprintln!("ngtcp2: {problem:#}");
    }
    Err(cargo::become_it(&mut run))
}

/// Installs the peers that crates.io doesn't have.
pub(crate) fn ensure_peers() -> Result<()> {
    AIOQUIC.ensure()?;
    ensure_ngtcp2()?;
    ensure_browser()
}

/// ngtcp2 over GnuTLS, which other distributions don't ship. Its server is where only root looks,
/// so the client stands for both.
fn ensure_ngtcp2() -> Result<()> {
    if probe::on_path("gtlsclient").is_some() {
        return Ok(());
    }
    let packages = ["ngtcp2-client", "ngtcp2-server"];
    match (Family::detect(), Authority::detect()) {
        (Some(Family::Debian), Some(authority)) => authority.install(&[], &packages),
        _ => bail!("needs gtlsclient (Debian: {})", packages.join(" ")),
    }
}

/// Chromium, which is 190 MB on a bare machine. Ubuntu has it as a snap alone, which is not tried.
pub(crate) fn ensure_browser() -> Result<()> {
    setup::ensure_also(&[CHROMIUM])
}
