//! `cargo xtask setup`, and the same before every other chore: lists all that is missing, and
//! installs it where that needs no questions: as root or through sudo, on Debian and Ubuntu.
//!
//! Everything goes to stderr: stdout belongs to the chore that follows.

use std::io::{self, IsTerminal};
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::interop;
use crate::machine;
use crate::probe;
use crate::requirement::{
    BUILDS, Family, Requirement, Requirements, TESTS, packages, requirements,
};

/// How many times an installation is tried: mirrors and the package lock have bad moments.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// List what is needed and install nothing; fails if something is missing
    #[arg(long, conflicts_with = "interop")]
    check: bool,
    /// Install the peers of the interoperability tests: aioquic into the target folder, ngtcp2,
    /// Chromium
    #[arg(long)]
    interop: bool,
}

pub(crate) fn command(args: &Args) -> Result<ExitCode> {
    if args.interop {
        interop::ensure_peers()?;
        return Ok(ExitCode::SUCCESS);
    }
    if !args.check {
        ensure_for_tests()?;
    }
    Ok(ExitCode::from(u8::from(!report()?)))
}

/// Installs what is missing to build; prints nothing if all is there.
pub(crate) fn ensure() -> Result<()> {
    ensure_also(BUILDS)
}

/// The same for the tests, which need more.
pub(crate) fn ensure_for_tests() -> Result<()> {
    ensure_also(TESTS)
}

/// The same for requirements of these names.
pub(crate) fn ensure_also(wanted: &[&str]) -> Result<()> {
    let missing = missing(wanted)?;
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("Missing:");
    for (name, requirement) in &missing {
        eprintln!("  {name}: {}", requirement.purpose);
    }
    let family = Family::detect();
    eprintln!("{}", advice(&missing, family));
    ensure!(
        family == Some(Family::Debian),
        "only apt-get is driven from here: install what is missing, then run this again"
    );
    let authority = Authority::detect()
        .context("installing needs root or sudo: run the line above, then this again")?;
    authority.install(&[], &packages(&missing, Family::Debian))?;
    let left: Vec<_> = self::missing(wanted)?.into_keys().collect();
    ensure!(
        left.is_empty(),
        "still missing after the installation: {}",
        left.join(", ")
    );
    Ok(())
}

/// Lists every requirement with its state, then what running will lack. True if nothing is missing.
fn report() -> Result<bool> {
    let missing = missing(TESTS)?;
    for (name, Requirement { purpose, .. }) in requirements(TESTS)? {
        let is_missing = missing.contains_key(&name);
        let state = if is_missing { "MISSING" } else { "found" };
        eprintln!("{state:<7}  {name:<26} {purpose}");
    }
    for note in machine::notes() {
        eprintln!("note: {note}");
    }
    if !missing.is_empty() {
        eprintln!("{}", advice(&missing, Family::detect()));
    }
    Ok(missing.is_empty())
}

fn missing(wanted: &[&str]) -> Result<Requirements> {
    let mut missing = requirements(wanted)?;
    missing.retain(|_, requirement| !requirement.probe.is_met());
    Ok(missing)
}

/// The command to type; for an unknown distribution, Debian's package names as a hint.
fn advice(missing: &Requirements, family: Option<Family>) -> String {
    let names = packages(missing, family.unwrap_or(Family::Debian)).join(" ");
    match family {
        Some(family) => format!("Install with: {} {names}", family.install_command()),
        None => format!("This distribution is not known. On Debian the packages are: {names}"),
    }
}

/// The privilege by which packages are installed.
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
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "true"]).stdin(Stdio::null());
        let output = sudo.output();
        let asks_nothing = output.is_ok_and(|output| output.status.success());
        let can_ask = || io::stdin().is_terminal() && io::stderr().is_terminal();
        (asks_nothing || can_ask()).then_some(Self::Sudo)
    }

    /// Fetches the package lists and installs `packages` by apt-get with these `options`.
    pub(crate) fn install(self, options: &[&str], packages: &[&str]) -> Result<()> {
        for attempt in 1..=TRIES {
            if attempt > 1 {
                eprintln!("apt-get failed; try {attempt} of {TRIES} follows");
                thread::sleep(PAUSE);
            }
            // A broken third-party source fails the update, and these packages may be had all the
            // same.
            self.apt(options, &["update"])?;
            let install = ["install", "--yes", "--no-install-recommends"];
            if self.apt(options, &[&install, packages].concat())? {
                return Ok(());
            }
        }
        let names = packages.join(" ");
        bail!("apt-get could not install {names} in {TRIES} tries; its messages are above")
    }

    fn apt(self, options: &[&str], args: &[&str]) -> Result<bool> {
        let mut command = Command::new("env");
        if self == Self::Sudo {
            command = Command::new("sudo");
            command.arg("env");
        }
        command
            .args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"])
            .args(["-o", "Acquire::Retries=2"])
            .args(["-o", "DPkg::Lock::Timeout=120"])
            .args(["-o", "Dpkg::Use-Pty=0"])
            .args(options)
            .args(args)
            .stdout(io::stderr());
        let status = command.status().context("apt-get can't be run")?;
        Ok(status.success())
    }
}

#[cfg(test)]
mod tests {
    use super::{Family, advice, requirements};

    #[test]
    fn the_advice_can_be_typed_as_it_stands() {
        let libclang = requirements(&["libclang"]).expect("well formed");
        let ends_with = |family, end| assert!(advice(&libclang, family).ends_with(end));
        let apt = "apt-get install --no-install-recommends libclang-dev";
        ends_with(Some(Family::Debian), apt);
        ends_with(Some(Family::Fedora), "dnf install clang-devel");
        ends_with(None, "libclang-dev");
    }
}
