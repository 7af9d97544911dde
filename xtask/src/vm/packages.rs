//! The parts of the emulated machine: QEMU, which is installed, and a kernel, which is only
//! unpacked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::apt::{Apt, run};
use crate::cargo;
use crate::python::Environment;
use crate::requirement::BOOTING;
use crate::setup::{self, Authority};

/// Boots a kernel in QEMU with this machine's own file system as its root.
const VIRTME_NG: Environment = Environment {
    folder: "vm/virtme-ng",
    requirement: "virtme-ng==1.42",
};

const QEMU: &str = "qemu-system-x86";

/// Paths of what a machine is started with.
#[derive(Clone, Debug)]
pub(crate) struct Bed {
    /// The kernel's image.
    pub(super) kernel: PathBuf,
    /// The folder whose `lib/modules` has its drivers.
    pub(super) root: PathBuf,
    /// The folder of virtme-ng's programs.
    pub(super) programs: PathBuf,
}

impl Bed {
    /// Installs what is missing. What was downloaded once stays in `target/vm`.
    ///
    /// The error begins with what is needed, so that it can stand behind "needs".
    pub(crate) fn ensure() -> Result<Self> {
        ensure!(
            cfg!(target_arch = "x86_64"),
            "x86_64: igb is a card of that architecture"
        );
        setup::ensure_also(&BOOTING).context("programs that boot a machine")?;
        let root = folder().join("root");
        if kernel_in(&root).is_none() {
            Apt::new()?.unpack_kernel(&root)?;
        }
        let kernel = kernel_in(&root).context("a kernel: the packages hold none")?;
        install_qemu()?;
        VIRTME_NG.ensure().context("virtme-ng")?;
        // virtme-ng insists on a terminal, which can't be made without /dev/pts.
        run(Command::new("script").args(["-q", "-e", "-c", "true", "/dev/null"]))
            .context("a pseudo-terminal")?;
        Ok(Self {
            kernel,
            root,
            programs: VIRTME_NG.path().join("bin"),
        })
    }
}

/// Where everything about the emulated machine is kept.
pub(super) fn folder() -> PathBuf {
    cargo::target().join("vm")
}

/// The image of the kernel that was unpacked, once its drivers' dependencies were listed too.
fn kernel_in(root: &Path) -> Option<PathBuf> {
    let versions = fs::read_dir(root.join("lib/modules")).ok()?.flatten();
    versions
        .map(|version| version.path())
        .find(|version| version.join("modules.dep").exists())
        .map(|version| version.join("vmlinuz"))
        .filter(|kernel| kernel.exists())
}

/// QEMU, from backports: bookworm's own has no igb.
fn install_qemu() -> Result<()> {
    let has_cards = || {
        let mut list = Command::new("qemu-system-x86_64");
        let list = list.args(["-device", "help"]).output();
        list.is_ok_and(|list| String::from_utf8_lossy(&list.stdout).contains("\"igb\""))
    };
    if has_cards() {
        return Ok(());
    }
    eprintln!("Missing for the emulated machine: {QEMU}");
    let authority = Authority::detect().context("QEMU: installing it needs root or sudo")?;
    let apt = Apt::new()?;
    let configuration = apt.configuration().display().to_string();
    let options = ["-c", &configuration, "-t", &apt.backports];
    let install = |options| authority.install(options, &[QEMU]).context(QEMU);
    // A release without backports has a QEMU that is new enough.
    install(&options[..]).or_else(|_| install(&options[..2]))?;
    ensure!(has_cards(), "QEMU 8 or later, with the card igb");
    Ok(())
}
