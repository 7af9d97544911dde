//! Programs in Python that chores use if they can be had: each in an environment of its own in the target folder. None
//! is part of what the build needs, so where one can't be had, what uses it says that it is skipped.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::cargo;
use crate::probe;

/// The HTTP/3 client that the interoperability tests use.
pub(crate) const AIOQUIC: Environment = Environment {
    folder: "aioquic",
    requirement: "aioquic==1.3.0",
};

/// A package from PyPI, in the one version that was tried, and the folder it is installed into.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Environment {
    pub(crate) folder: &'static str,
    pub(crate) requirement: &'static str,
}

impl Environment {
    /// Makes the environment, unless this version is there.
    pub(crate) fn ensure(self) -> Result<(), String> {
        if fs::read_to_string(self.marker()).is_ok_and(|made| made == self.requirement) {
            return Ok(());
        }
        let python = python().ok_or("needs python3 with the module venv (Debian: python3-venv)")?;
        let folder = self.path();
        run(Command::new(python)
            .args(["-m", "venv", "--clear"])
            .arg(&folder))?;
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--only-binary=:all:",
            self.requirement,
        ];
        run(Command::new(folder.join("bin/python")).args(pip))?;
        // Last, so that an interrupted run leaves none that looks whole. The programs name their folder, so it can't be
        // renamed instead.
        let marker = self.marker();
        fs::write(&marker, self.requirement)
            .map_err(|error| format!("writing {} failed: {error}", marker.display()))
    }

    fn marker(self) -> PathBuf {
        self.path().join("installed")
    }

    /// Where it is.
    pub(crate) fn path(self) -> PathBuf {
        cargo::target().join(self.folder)
    }
}

/// A Python that can make environments with pip in them; Debian ships it without.
pub(crate) fn python() -> Option<PathBuf> {
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
    match command.stdout(std::io::stderr()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?} failed: {status}")),
        Err(error) => Err(format!("{command:?} can't be run: {error}")),
    }
}
