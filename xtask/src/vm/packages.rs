//! What the emulated machine is made of: QEMU, which is installed, and a kernel, which is only unpacked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::sources::{Sources, backports};
use crate::cargo;
use crate::install::{self, Authority};
use crate::probe;
use crate::python::{self, Environment};

/// Boots a kernel in QEMU with this machine's own file system as its root.
const VIRTME_NG: Environment = Environment {
    folder: "vm/virtme-ng",
    requirement: "virtme-ng==1.42",
};

/// Suites that may have a newer kernel than the machine's own release.
const NEWER_KERNELS: [&str; 1] = ["trixie-backports"];

/// The first kernel whose igb has zero-copy.
const OLDEST_KERNEL: (u32, u32) = (6, 14);

/// The kernel's image and its drivers. The package `linux-image-*` of these kernels is empty.
const KERNEL_PARTS: [&str; 3] = ["linux-binary-", "linux-modules-", "linux-base-"];

const QEMU: &str = "qemu-system-x86";

/// Programs that booting takes, and their packages in Debian.
const PROGRAMS: [(&str, &str); 5] = [
    ("busybox", "busybox-static"),
    ("ethtool", "ethtool"),
    ("ip", "iproute2"),
    ("modprobe", "kmod"),
    ("script", "bsdutils"),
];

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
    /// Sees to it that all of it is there. What was downloaded once stays in `target/vm`.
    ///
    /// The error begins with what is needed, so that it can stand behind "needs".
    pub(crate) fn ensure() -> Result<Self, String> {
        if !cfg!(target_arch = "x86_64") {
            return Err("x86_64: igb is a card of that architecture".to_owned());
        }
        install_programs()?;
        let apt = Apt::new();
        let root = folder().join("root");
        let unpacked = kernel_in(&root);
        if unpacked.is_none() {
            apt.unpack_kernel(&root)?;
        }
        let kernel = unpacked.or_else(|| kernel_in(&root));
        install_qemu(&apt)?;
        VIRTME_NG
            .ensure()
            .map_err(|problem| format!("virtme-ng ({problem})"))?;
        // virtme-ng insists on a terminal; where /dev/pts is missing, there is none to be made.
        succeed(Command::new("script").args(["-q", "-e", "-c", "true", "/dev/null"]))
            .map_err(|problem| format!("a pseudo-terminal, by {problem}"))?;
        Ok(Self {
            kernel: kernel.ok_or("a kernel: the packages hold none")?,
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

/// Whether there is a QEMU that has both cards.
fn has_qemu() -> bool {
    let list = Command::new("qemu-system-x86_64")
        .args(["-device", "help"])
        .output();
    list.is_ok_and(|list| String::from_utf8_lossy(&list.stdout).contains("\"igb\""))
}

/// The path of a program, also of an administrator's, which are not on everybody's PATH.
fn program(name: &str) -> Option<PathBuf> {
    let administrators = || Some(Path::new("/usr/sbin").join(name)).filter(|path| path.exists());
    probe::on_path(name).or_else(administrators)
}

fn install_programs() -> Result<(), String> {
    let mut missing: Vec<&str> = PROGRAMS
        .iter()
        .filter(|(name, _)| program(name).is_none())
        .map(|(_, package)| *package)
        .collect();
    if python::python().is_none() {
        missing.push("python3-venv");
    }
    if missing.is_empty() {
        return Ok(());
    }
    let authority = authority(&missing)?;
    install::by_apt(authority, &[], &missing)
        .map_err(|problem| format!("{} ({problem})", missing.join(" ")))
}

/// QEMU, from backports: bookworm's own has no igb.
fn install_qemu(apt: &Apt) -> Result<(), String> {
    if has_qemu() {
        return Ok(());
    }
    let authority = authority(&[QEMU])?;
    let sources = apt.configure()?;
    let configuration = apt.configuration();
    let from = backports(&sources.release);
    let options = ["-c", &configuration, "-t", &from];
    // A release without backports has a QEMU that is new enough.
    install::by_apt(authority, &options, &[QEMU])
        .or_else(|_| install::by_apt(authority, &options[..2], &[QEMU]))
        .map_err(|problem| format!("{QEMU} ({problem})"))?;
    if has_qemu() {
        Ok(())
    } else {
        Err("QEMU 8 or later, with the card igb".to_owned())
    }
}

/// By whose right these packages are installed.
fn authority(missing: &[&str]) -> Result<Authority, String> {
    let names = missing.join(" ");
    eprintln!("Missing for the emulated machine: {names}");
    Authority::detect().ok_or_else(|| format!("{names}: installing them needs root, or sudo"))
}

/// apt with a configuration, lists and a cache of its own, so that the machine's stay as they are.
struct Apt(PathBuf);

impl Apt {
    fn new() -> Self {
        Self(folder().join("apt"))
    }

    fn configuration(&self) -> String {
        self.0.join("apt.conf").display().to_string()
    }

    /// Writes the configuration.
    fn configure(&self) -> Result<Sources, String> {
        let sources = Sources::find(&NEWER_KERNELS)?;
        let at = |name: &str| self.0.join(name);
        for folder in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(at(folder)).map_err(|error| failed("creating", &self.0, &error))?;
        }
        let list = at("vm.sources");
        let configuration = format!(
            "Dir::Etc::sourcelist \"{}\";\nDir::Etc::sourceparts \"-\";\nDir::State::lists \"{}\";\nDir::Cache \"{}\";\n{}",
            list.display(),
            at("lists").display(),
            at("cache").display(),
            // Else it would drop to a user who can't write here.
            "APT::Sandbox::User \"root\";\n"
        );
        for (file, text) in [(list, sources.to_deb822()), (at("apt.conf"), configuration)] {
            fs::write(&file, text).map_err(|error| failed("writing", &file, &error))?;
        }
        Ok(sources)
    }

    /// Downloads the newest kernel there is, and unpacks it into `root`. Needs no privilege.
    fn unpack_kernel(&self, root: &Path) -> Result<(), String> {
        self.configure()?;
        // A suite that isn't there makes it fail, and the others can be read all the same.
        let _ = self.run("apt-get", &["--quiet", "--quiet", "update"]);
        let version = self.newest_kernel()?;
        eprintln!("The emulated machine gets Linux {version}");
        let archives = self.0.join("cache/archives");
        let names: Vec<_> = KERNEL_PARTS.map(|part| format!("{part}{version}")).to_vec();
        let mut download = self.command("apt-get");
        download
            .args(["--quiet", "--quiet", "download"])
            .args(&names);
        succeed(download.current_dir(&archives))?;
        let unfinished = root.with_extension("unfinished");
        let _ = fs::remove_dir_all(&unfinished);
        let _ = fs::remove_dir_all(root);
        // In the packages, modules are in usr/lib; modprobe and depmod look for lib.
        fs::create_dir_all(unfinished.join("usr/lib"))
            .and_then(|()| std::os::unix::fs::symlink("usr/lib", unfinished.join("lib")))
            .map_err(|error| failed("creating", &unfinished, &error))?;
        for package in packages_in(&archives, &names) {
            succeed(
                Command::new("dpkg-deb")
                    .arg("-x")
                    .arg(package)
                    .arg(&unfinished),
            )?;
        }
        let modules = fs::read_dir(unfinished.join("lib/modules"))
            .map_err(|error| failed("reading", &unfinished, &error))?;
        for release in modules.flatten() {
            succeed(
                Command::new(program("depmod").unwrap_or_else(|| "depmod".into()))
                    .arg("-b")
                    .arg(&unfinished)
                    .arg(release.file_name()),
            )?;
        }
        fs::rename(&unfinished, root).map_err(|error| failed("renaming", &unfinished, &error))
    }

    /// The part of its packages' names that is the version, such as `7.3.4+deb13-amd64`.
    fn newest_kernel(&self) -> Result<String, String> {
        let list = self
            .command("apt-cache")
            .args(["pkgnames", KERNEL_PARTS[0]])
            .output();
        let list = list.map_err(|error| format!("apt-cache ({error})"))?;
        newest(&String::from_utf8_lossy(&list.stdout)).ok_or_else(|| {
            let (major, minor) = OLDEST_KERNEL;
            format!("a kernel package of Linux {major}.{minor} or later in apt's sources")
        })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(["-c", &self.configuration()]);
        command
    }

    fn run(&self, program: &str, args: &[&str]) -> Result<(), String> {
        succeed(self.command(program).args(args))
    }
}

/// Of the names of packages with kernels' images, the version of the newest that is of no special flavour.
fn newest(names: &str) -> Option<String> {
    let version = |name: &str| {
        let version = name.trim().strip_prefix(KERNEL_PARTS[0])?;
        // Flavours have a word more: 7.3.4+deb13-cloud-amd64, 7.3.4+deb13-rt-amd64, unsigned-…
        let number = version.strip_suffix("-amd64")?;
        let is_plain = number.starts_with(|c: char| c.is_ascii_digit()) && !number.contains('-');
        let numbers: Vec<u32> = number
            .split(|c: char| !c.is_ascii_digit())
            .map_while(|part| part.parse().ok())
            .collect();
        let is_new = numbers.as_slice() >= [OLDEST_KERNEL.0, OLDEST_KERNEL.1].as_slice();
        (is_plain && is_new).then(|| (numbers, version.to_owned()))
    };
    names
        .lines()
        .filter_map(version)
        .max()
        .map(|(_, name)| name)
}

/// The files that apt-get made of the packages of these names.
fn packages_in(folder: &Path, names: &[String]) -> Vec<PathBuf> {
    let is_one = |path: &PathBuf| {
        let file = path.file_name().map(|name| name.to_string_lossy());
        file.is_some_and(|file| {
            let package = file.split_once('_').map(|(package, _)| package);
            package.is_some_and(|package| names.iter().any(|name| name == package))
        })
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(is_one).collect()
}

/// Runs a command that is to succeed; what it prints goes to the error stream.
fn succeed(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
    {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name} ({status}; its messages are above)")),
        Err(error) => Err(format!("{name} ({error})")),
    }
}

fn failed(doing: &str, path: &Path, error: &std::io::Error) -> String {
    format!("target/vm ({doing} {} failed: {error})", path.display())
}

#[cfg(test)]
mod tests {
    use super::newest;

    #[test]
    fn the_newest_kernel_is_compared_by_numbers_and_of_no_special_flavour() {
        let names = "\
linux-binary-7.3.4+deb13-amd64
linux-binary-7.12.1+deb13-amd64
linux-binary-7.20.1+deb13-cloud-amd64
linux-binary-7.20.1+deb13-rt-amd64
linux-binary-unsigned-7.21.1+deb13-amd64
linux-binary-7.9.9+deb13-arm64
";
        assert_eq!(newest(names).as_deref(), Some("7.12.1+deb13-amd64"));
        assert_eq!(newest("linux-binary-6.12.1+deb13-amd64\n"), None);
        assert_eq!(newest(""), None);
    }
}
