//! Python programs that chores use where they can be had: each in an environment in the target
//! folder. The build needs none of them, so a chore goes on without, and says what it skips.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};
use fs_err as fs;

use crate::cargo;
use crate::probe::Probe;

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
    pub(crate) fn ensure(self) -> Result<()> {
        let folder = self.path();
        let marker = folder.join("installed");
        if fs::read_to_string(&marker).is_ok_and(|made| made == self.requirement) {
            return Ok(());
        }
        ensure!(
            Probe::Venv.is_met(),
            "needs python3 with the module venv (Debian: python3-venv)"
        );
        let venv = ["-m", "venv", "--clear"];
        run(Command::new("python3").args(venv).arg(&folder))?;
        let pip = ["-m", "pip", "install", "--quiet"];
        let alone = ["--disable-pip-version-check", "--only-binary=:all:"];
        let mut install = Command::new(folder.join("bin/python"));
        run(install.args(pip).args(alone).arg(self.requirement))?;
        // Last, so that an interrupted run leaves no environment that looks whole. Renaming the
        // folder won't do: the programs in it name it.
        Ok(fs::write(marker, self.requirement)?)
    }

    /// Where it is.
    pub(crate) fn path(self) -> PathBuf {
        cargo::target().join(self.folder)
    }
}

fn run(command: &mut Command) -> Result<()> {
    cargo::run(command.stdout(std::io::stderr()))
}
