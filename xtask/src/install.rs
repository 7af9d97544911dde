//! Installing system packages, where that can be done without asking: as root or through sudo, on Debian and Ubuntu.

use std::io::{self, IsTerminal};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::machine;
use crate::probe;

/// How many times an installation is tried: mirrors and the package lock have bad moments.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(10);

/// By whose right packages are installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authority {
    Root,
    Sudo,
}

impl Authority {
    /// Root itself, or a sudo that needs no password or has a terminal to ask for it.
    pub(crate) fn detect() -> Option<Self> {
        if machine::is_root() {
            return Some(Self::Root);
        }
        probe::on_path("sudo")?;
        let asks = || io::stdin().is_terminal() && io::stderr().is_terminal();
        (sudo_without_password() || asks()).then_some(Self::Sudo)
    }

    fn command(self, program: &str) -> Command {
        match self {
            Self::Root => Command::new(program),
            Self::Sudo => {
                let mut command = Command::new("sudo");
                command.arg(program);
                command
            }
        }
    }
}

fn sudo_without_password() -> bool {
    let mut sudo = Command::new("sudo");
    sudo.args(["-n", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    sudo.status().is_ok_and(|status| status.success())
}

/// Fetches the package lists and installs `packages` by apt-get, which gets `options` besides.
pub(crate) fn by_apt(
    authority: Authority,
    options: &[&str],
    packages: &[&str],
) -> Result<(), String> {
    for attempt in 1..=TRIES {
        if attempt > 1 {
            eprintln!("apt-get failed; try {attempt} of {TRIES} follows");
            thread::sleep(PAUSE);
        }
        // A broken third-party source fails the update though the packages needed here can be had: so try them anyway.
        apt(authority, options, &["update"], &[])?;
        if apt(
            authority,
            options,
            &["install", "--yes", "--no-install-recommends"],
            packages,
        )? {
            return Ok(());
        }
    }
    Err(format!(
        "apt-get could not install {} in {TRIES} tries; its messages are above",
        packages.join(" ")
    ))
}

fn apt(
    authority: Authority,
    options: &[&str],
    verb: &[&str],
    packages: &[&str],
) -> Result<bool, String> {
    let mut command = authority.command("env");
    command
        .args([
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "--quiet",
            "--quiet",
        ])
        .args([
            "-o",
            "Acquire::Retries=2",
            "-o",
            "DPkg::Lock::Timeout=120",
            "-o",
            "Dpkg::Use-Pty=0",
        ])
        .args(options)
        .args(verb)
        .args(packages)
        .stdout(io::stderr());
    let status = command
        .status()
        .map_err(|error| format!("apt-get can't be run: {error}"))?;
    Ok(status.success())
}
