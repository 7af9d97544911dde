//! aioquic, the HTTP/3 client in Python that the interoperability tests use if it is there: an environment of its own in
//! the target folder. It is no part of what the build needs, so where it can't be had those tests say that they skip.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::cargo;
use crate::probe;

const REQUIREMENT: &str = "aioquic==1.3.0";

/// Makes the environment, unless it is there.
pub(crate) fn ensure() -> Result<(), String> {
    let made = environment();
    if made.exists() {
        return Ok(());
    }
    let python = python().ok_or("needs python3 with the module venv (Debian: python3-venv)")?;
    // Built under another name, so that an interrupted run leaves none that looks whole.
    let unfinished = made.with_extension("unfinished");
    run(Command::new(python)
        .args(["-m", "venv", "--clear"])
        .arg(&unfinished))?;
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--only-binary=:all:",
        REQUIREMENT,
    ];
    run(Command::new(interpreter(&unfinished)).args(pip))?;
    fs::rename(&unfinished, &made)
        .map_err(|error| format!("renaming {} failed: {error}", unfinished.display()))
}

fn environment() -> PathBuf {
    cargo::target().join("aioquic")
}

fn interpreter(environment: &Path) -> PathBuf {
    environment.join("bin/python")
}

/// A Python that can make environments with pip in them; Debian ships it without.
fn python() -> Option<PathBuf> {
    let python = probe::on_path("python3")?;
    let mut modules = Command::new(&python);
    modules
        .args(["-c", "import venv, ensurepip"])
        .stderr(Stdio::null());
    modules
        .status()
        .is_ok_and(|status| status.success())
        .then_some(python)
}

fn run(command: &mut Command) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?} failed: {status}")),
        Err(error) => Err(format!("{command:?} can't be run: {error}")),
    }
}
