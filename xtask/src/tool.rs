//! Cargo subcommands that chores need, in the one version that was tried: the user's, or built into the target folder.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::cargo;
use crate::probe;

/// A cargo subcommand from crates.io.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    /// The package and its program.
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}

impl Tool {
    /// Where it is, if this version is installed: for the user, or in the target folder by an earlier run.
    pub(crate) fn installed(self) -> Option<PathBuf> {
        let own = folder().join("bin").join(self.name);
        [probe::on_path(self.name), Some(own)]
            .into_iter()
            .flatten()
            .find(|program| self.is_right_version(program))
    }

    /// Builds it into the target folder. Without optimisation: it runs for seconds, but is built for minutes. Without
    /// debug information, and not in the system's folder of temporary files: either can be a gigabyte too much.
    pub(crate) fn install(self) -> Command {
        // Where it can't be made, the installation says so.
        let _ = fs::create_dir_all(folder());
        let mut install = cargo::program();
        install
            .args(["install", self.name, "--locked", "--debug"])
            .args(["--version", self.version, "--root"])
            .arg(folder())
            .env("TMPDIR", folder())
            .env("CARGO_PROFILE_DEV_DEBUG", "false")
            .env("CARGO_INCREMENTAL", "0");
        install
    }

    fn is_right_version(self, program: &PathBuf) -> bool {
        let output = Command::new(program).arg("--version").output();
        output.is_ok_and(|output| {
            String::from_utf8_lossy(&output.stdout).trim()
                == format!("{} {}", self.name, self.version)
        })
    }
}

fn folder() -> PathBuf {
    cargo::target().join("tools")
}
