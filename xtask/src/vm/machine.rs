//! One emulated machine with two cards on one hub, and the script that it runs. virtme-ng boots it
//! with this machine's own files, which it can read and not change.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io::{self, IsTerminal};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fs_err as fs;
use rustix::process::{Pid, Signal, kill_process};

use super::packages::{self, Bed};
use crate::cargo;

/// The Ethernet addresses of the two cards.
const CARDS: [&str; 2] = ["02:00:00:00:00:01", "02:00:00:00:00:02"];

/// The part of the guest's script that is the same for everything.
const GUEST: &str = include_str!("guest.sh");

/// Where the guest finds the folder for its results: the mounts of folders that hold one another
/// have no order.
const GUEST_RESULTS: &str = "/tmp/results";
const GUEST_SCRIPT: &str = "/tmp/results/guest.sh";

/// From the start until it is ready. It usually takes less than half a minute.
const BOOT_LIMIT: Duration = Duration::from_secs(300);

/// QEMU sometimes ends by an assertion of its own while the guest finds its cards, and a machine
/// whose clock leaps sometimes hangs early. Both come up when they are started again.
const ATTEMPTS: u32 = 3;

const PAUSE: Duration = Duration::from_millis(100);

/// How long a machine may take to power off.
const END_PATIENCE: Duration = Duration::from_secs(20);

/// A driver of emulated cards that has zero-copy mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Driver {
    Igb,
    VirtioNet,
}

impl Driver {
    pub(crate) const ALL: [Self; 2] = [Self::Igb, Self::VirtioNet];

    /// The name of its kernel module.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Igb => "igb",
            Self::VirtioNet => "virtio_net",
        }
    }

    /// What QEMU calls the card, with what its zero-copy mode needs.
    fn device(self) -> &'static str {
        match self {
            Self::Igb => "igb",
            Self::VirtioNet => "virtio-net-pci,iommu_platform=on,disable-legacy=on",
        }
    }
}

/// The configuration of a machine.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) bed: Bed,
    pub(crate) driver: Driver,
    pub(crate) cpus: u32,
    /// More of QEMU's options, such as `-icount`.
    pub(crate) qemu: String,
}

impl Machine {
    /// Two CPUs and no more options.
    pub(crate) fn new(bed: &Bed, driver: Driver) -> Self {
        Self {
            bed: bed.clone(),
            driver,
            cpus: 2,
            qemu: String::new(),
        }
    }

    /// Boots it to run `script`, which is shell code and may call `job` of `guest.sh`; waits until
    /// it is ready for that. What the guest writes into `$RESULTS` comes into [`Self::results`];
    /// `programs` is a folder that is put into its PATH.
    pub(crate) fn boot(&self, script: &str, programs: &Path) -> Result<Running, String> {
        let mut attempt = 1;
        loop {
            let started = self.start(script, programs);
            let mut running = started.map_err(|problem| format!("{problem:#}"))?;
            match running.wait_for("ready", BOOT_LIMIT) {
                Ok(_) => return Ok(running),
                Err(problem) if attempt == ATTEMPTS => return Err(problem),
                Err(problem) => eprintln!("{problem}; once more"),
            }
            attempt += 1;
        }
    }

    /// The folder of the guest's results.
    pub(crate) fn results(&self) -> PathBuf {
        packages::folder().join(self.driver.name())
    }

    fn start(&self, script: &str, programs: &Path) -> Result<Running> {
        let results = self.prepare(script, programs)?;
        let vng = self.command(&results, &["--verbose", "--exec", GUEST_SCRIPT]);
        let console = File::create(results.join("console.log"))?;
        // It insists on a terminal.
        let mut command = Command::new("script");
        command
            .args(["-q", "-e", "-c", &vng, "/dev/null"])
            .stdin(Stdio::null())
            .stderr(console.try_clone()?)
            .stdout(console);
        let child = self.spawn(&mut command)?;
        Ok(Running { child, results })
    }

    /// Boots it for a person, who gets a shell on this terminal; returns when they leave it.
    pub(crate) fn shell(&self, programs: &Path) -> Result<()> {
        ensure!(
            io::stdin().is_terminal() && io::stdout().is_terminal(),
            "--shell needs a terminal"
        );
        let results = self.prepare("exec bash -i\n", programs)?;
        let vng = self.command(&results, &["--shell", GUEST_SCRIPT]);
        self.spawn(Command::new("sh").args(["-c", &vng]))?.wait()?;
        Ok(())
    }

    /// Empties the folder for the results, and writes the guest's script into it.
    fn prepare(&self, script: &str, programs: &Path) -> Result<PathBuf> {
        let results = self.results();
        let scratch = cargo::target().join("tmp");
        let _ = fs::remove_dir_all(&results);
        for folder in [&results, &scratch] {
            fs::create_dir_all(folder)?;
        }
        let variables = [
            ("RESULTS", GUEST_RESULTS.into()),
            ("WORKSPACE", cargo::workspace()),
            ("SCRATCH", scratch),
            ("MODULES", self.bed.root.join("lib/modules")),
            ("DRIVER", self.driver.name().into()),
            ("CARDS", CARDS.join(" ").into()),
            ("PROGRAMS", programs.into()),
        ];
        let variables = variables.map(|(name, value)| format!("{name}={}\n", quoted(value)));
        let guest = ["#!/bin/sh\n", &variables.concat(), GUEST, script].concat();
        fs::write(results.join("guest.sh"), guest)?;
        fs::set_permissions(results.join("guest.sh"), Permissions::from_mode(0o755))?;
        Ok(results)
    }

    /// virtme-ng's command line, for a shell.
    fn command(&self, results: &Path, more: &[&str]) -> String {
        let mut words: Vec<OsString> = vec![self.bed.programs.join("vng").into()];
        words.extend(["--run".into(), self.bed.kernel.clone().into()]);
        let fixed = "--disable-kvm --disable-microvm --force-9p --user root --memory 2G --cpus";
        words.extend(fixed.split(' ').map(OsString::from));
        words.push(self.cpus.to_string().into());
        words.push(format!("--qemu-opts={}", self.qemu_options(results)).into());
        // The guest mounts empty folders over /tmp and others: these are there wherever they are.
        for folder in [cargo::workspace(), cargo::target()] {
            words.push(format!("--rodir={}", folder.display()).into());
        }
        words.push(format!("--rwdir={GUEST_RESULTS}={}", results.display()).into());
        words.extend(more.iter().map(OsString::from));
        words.iter().map(quoted).collect::<Vec<_>>().join(" ")
    }

    /// Each card on a root port of its own, both on one hub.
    fn qemu_options(&self, results: &Path) -> String {
        let mut options = format!("-pidfile {}", quoted(results.join("qemu.pid")));
        for (number, mac) in CARDS.iter().enumerate() {
            let (slot, device) = (10 + number, self.driver.device());
            options.push_str(&format!(
                " -device pcie-root-port,id=port{number},chassis={slot},slot={slot} \
                 -netdev hubport,hubid=0,id=wire{number} \
                 -device {device},netdev=wire{number},mac={mac},bus=port{number}"
            ));
        }
        options + " " + &self.qemu
    }

    /// virtme-ng looks for its other programs on the PATH.
    fn spawn(&self, command: &mut Command) -> Result<Child> {
        let mut path = self.bed.programs.clone().into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        path.push(":/usr/sbin:/sbin");
        let child = command.env("PATH", path).spawn();
        child.with_context(|| format!("{:?} can't be run", command.get_program()))
    }
}

/// A machine that was started. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    results: PathBuf,
}

impl Running {
    /// Waits for a file of the guest's, and reads it. The error is why none comes any more.
    pub(crate) fn wait_for(&mut self, file: &str, limit: Duration) -> Result<String, String> {
        let deadline = Instant::now() + limit;
        let path = self.results.join(file);
        let log = self.results.join("console.log").display().to_string();
        loop {
            // Asked before the file is looked for: what was written before the end is not missed.
            let has_ended = self.has_ended();
            let gave_up = read(&self.results.join("gave-up"));
            if path.exists() {
                return Ok(read(&path));
            }
            if !gave_up.is_empty() {
                return Err(gave_up.trim().to_owned());
            }
            if has_ended {
                return Err(format!("the machine ended early; see {log}"));
            }
            if Instant::now() > deadline {
                let seconds = limit.as_secs();
                return Err(format!(
                    "the machine hangs: nothing in {seconds} s; see {log}"
                ));
            }
            thread::sleep(PAUSE);
        }
    }

    /// Waits for the machine to power itself off, and ends it if that takes too long.
    pub(crate) fn finish(mut self) {
        let deadline = Instant::now() + END_PATIENCE;
        while !self.has_ended() && Instant::now() < deadline {
            thread::sleep(PAUSE);
        }
    }

    /// Whether it has ended by itself.
    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Running {
    /// QEMU is in a session of its own, which ending its parent would not end.
    fn drop(&mut self) {
        if self.has_ended() {
            return;
        }
        let pid = read(&self.results.join("qemu.pid")).trim().parse().ok();
        if let Some(pid) = pid.and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a file holds; nothing if it is not there.
pub(super) fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// One word for a shell.
pub(super) fn quoted(word: impl Into<OsString>) -> String {
    let word = word.into().to_string_lossy().replace('\'', "'\\''");
    format!("'{word}'")
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_quoted_word_is_one_word_to_a_shell() {
        assert_eq!(quoted("it's one"), r"'it'\''s one'");
    }
}
