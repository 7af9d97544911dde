//! apt with a configuration, lists and a cache in `target/vm/apt`, so that the machine's stay as
//! they are. Its archives are the machine's own, with newer suites of the same.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use fs_err as fs;

use super::packages::folder;
use crate::cargo;
use crate::machine;
use crate::probe;

/// A suite that may have a newer kernel than the machine's own release.
const NEWER_KERNELS: &str = "trixie-backports";

/// The package whose newest version names the newest kernel.
const KERNEL: &str = "linux-image-amd64";

/// The first kernel whose igb has zero-copy.
const OLDEST_KERNEL: (u32, u32) = (6, 14);

/// The kernel's image and its drivers. The package `linux-image-*` of these kernels is empty.
const KERNEL_PARTS: [&str; 3] = ["linux-binary", "linux-modules", "linux-base"];

pub(super) struct Apt {
    folder: PathBuf,
    /// The suite of packages from the next release, built for the machine's.
    pub(super) backports: String,
}

impl Apt {
    /// Writes the configuration.
    pub(super) fn new() -> Result<Self> {
        let release = fs::read_to_string("/etc/os-release")?;
        let mut lines = release.lines();
        let release = lines.find_map(|line| line.strip_prefix("VERSION_CODENAME="));
        let release = release.context("Debian 12 or later: no VERSION_CODENAME in os-release")?;
        let apt = Self {
            folder: folder().join("apt"),
            backports: format!("{}-backports", release.trim_matches('"')),
        };
        for folder in ["lists/partial", "cache/archives/partial", "sources"] {
            fs::create_dir_all(apt.folder.join(folder))?;
        }
        for end in ["list", "list.d/*.list", "list.d/*.sources"] {
            for file in glob::glob(&format!("/etc/apt/sources.{end}"))? {
                let file = file?;
                let text = with_newer(&fs::read_to_string(&file)?, &apt.backports);
                let name = file.file_name().unwrap_or_default();
                fs::write(apt.folder.join("sources").join(name), text)?;
            }
        }
        // Without APT::Sandbox::User it would drop to a user who can't write here.
        let configuration = format!(
            "Dir::Etc::sourcelist \"-\";\nDir::Etc::sourceparts \"{0}/sources\";\n\
             Dir::State::lists \"{0}/lists\";\nDir::Cache \"{0}/cache\";\nAPT::Sandbox::User \"root\";\n",
            apt.folder.display()
        );
        fs::write(apt.configuration(), configuration)?;
        Ok(apt)
    }

    pub(super) fn configuration(&self) -> PathBuf {
        self.folder.join("apt.conf")
    }

    /// Downloads the newest kernel there is, and unpacks it into `root`. Needs no privilege.
    pub(super) fn unpack_kernel(&self, root: &Path) -> Result<()> {
        // A suite that isn't there makes it fail, and the others can be read all the same.
        let _ = run(self.command("apt-get").args(["-qq", "update"]));
        let mut shown = self.command("apt-cache");
        let shown = shown.args(["show", KERNEL]).output();
        let shown = shown.context("apt-cache can't be run")?.stdout;
        let version = newest(&String::from_utf8_lossy(&shown)).with_context(|| {
            let (major, minor) = OLDEST_KERNEL;
            format!("a kernel package of Linux {major}.{minor} or later in apt's sources")
        })?;
        eprintln!("The emulated machine gets Linux {version}");
        let archives = self.folder.join("cache/archives");
        let names = KERNEL_PARTS.map(|part| format!("{part}-{version}"));
        let mut download = self.command("apt-get");
        download.args(["-qq", "download"]).args(&names);
        run(download.current_dir(&archives))?;
        let unfinished = root.with_extension("unfinished");
        for folder in [root, &unfinished] {
            if folder.exists() {
                fs::remove_dir_all(folder)?;
            }
        }
        // In the packages, modules are in usr/lib; modprobe and depmod look for lib.
        fs::create_dir_all(unfinished.join("usr/lib"))?;
        fs::os::unix::fs::symlink("usr/lib", unfinished.join("lib"))?;
        for name in names {
            for package in glob::glob(&format!("{}/{name}_*.deb", archives.display()))? {
                let mut unpack = Command::new("dpkg-deb");
                run(unpack.arg("-x").arg(package?).arg(&unfinished))?;
            }
        }
        let depmod = probe::on_path("depmod").context("depmod")?;
        for release in fs::read_dir(unfinished.join("lib/modules"))? {
            let mut depmod = Command::new(&depmod);
            run(depmod.arg("-b").arg(&unfinished).arg(release?.file_name()))?;
        }
        Ok(fs::rename(&unfinished, root)?)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("-c").arg(self.configuration());
        command
    }
}

/// Runs a command that must succeed; what it prints goes to the error stream.
pub(super) fn run(command: &mut Command) -> Result<()> {
    cargo::run(command.stdin(Stdio::null()).stdout(std::io::stderr()))
}

/// apt's sources of either format (sources.list(5)), with newer suites wherever the machine's own
/// is named: from the same archives, and trusted by the same keys.
fn with_newer(sources: &str, backports: &str) -> String {
    let release = backports.trim_end_matches("-backports");
    let mut newer = vec![backports, NEWER_KERNELS];
    newer.dedup();
    let line = |line: &str| {
        if !line.split_whitespace().any(|word| word == release) {
            format!("{line}\n")
        } else if line.starts_with("Suites:") {
            format!("{line} {}\n", newer.join(" "))
        } else {
            let of = |suite| line.replace(&format!(" {release} "), &format!(" {suite} ")) + "\n";
            of(release) + &newer.iter().copied().map(of).collect::<String>()
        }
    };
    sources.lines().map(line).collect()
}

/// The kernel that the newest version of [`KERNEL`] depends on, such as `7.3.4+deb13-amd64`, if it
/// is new enough. `apt-cache show` has the newest first.
fn newest(shown: &str) -> Option<String> {
    let dependencies = shown
        .lines()
        .find_map(|line| line.strip_prefix("Depends: "))?;
    let mut words = dependencies.split([' ', ',']);
    let version = words.find_map(|word| {
        let version = word.strip_prefix("linux-image-")?;
        Some((machine::version(version)?, version))
    });
    let (numbers, version) = version?;
    (numbers >= OLDEST_KERNEL).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{newest, with_newer};

    #[test]
    fn newer_suites_are_of_the_same_archive_and_the_same_keys() {
        let newer = |sources: &str| with_newer(sources, "bookworm-backports");
        let line = |suite| format!("deb [signed-by=/a.gpg] http://a.test {suite} main\n");
        let lines = ["bookworm", "bookworm-backports", "trixie-backports"].map(line);
        assert_eq!(newer(&lines[0]), lines.concat());
        assert_eq!(newer(&line("sdk-bookworm")), line("sdk-bookworm"));
        assert_eq!(
            newer("Suites: bookworm bookworm-updates\nSigned-By: /a.gpg"),
            "Suites: bookworm bookworm-updates bookworm-backports trixie-backports\nSigned-By: /a.gpg\n"
        );
        let of_trixie = with_newer("Suites: trixie", "trixie-backports");
        assert_eq!(of_trixie, "Suites: trixie trixie-backports\n");
    }

    #[test]
    fn the_newest_kernel_is_the_first_that_is_shown() {
        let shown = "\
Depends: linux-base-amd64 (= 7.3.4-1), linux-image-7.3.4+deb13-amd64 (= 7.3.4-1)
Depends: linux-image-6.12.95+deb12-amd64 (= 6.12.95-1)
";
        assert_eq!(newest(shown).as_deref(), Some("7.3.4+deb13-amd64"));
        assert_eq!(newest("Depends: linux-image-6.9.1-amd64 (= 6)\n"), None);
        assert_eq!(newest(""), None);
    }
}
