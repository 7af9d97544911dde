//! apt with a configuration, lists and a cache in `target/vm/apt`, so that the machine's stay as
//! they are. Its archives are the machine's own, with newer suites of the same.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use fs_err as fs;

use super::packages::folder;
use crate::cargo;
use crate::probe;

/// Suites that may have a newer kernel than the machine's own release.
const NEWER_KERNELS: &str = "trixie-backports";

/// The first kernel whose igb has zero-copy.
const OLDEST_KERNEL: [u32; 2] = [6, 14];

/// The kernel's image and its drivers. The package `linux-image-*` of these kernels is empty.
const KERNEL_PARTS: [&str; 3] = ["linux-binary-", "linux-modules-", "linux-base-"];

/// Debian's keys, where its own packages have them.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

pub(super) struct Apt {
    folder: PathBuf,
    /// The name of the machine's release, such as `bookworm`.
    release: String,
}

impl Apt {
    /// Writes the configuration.
    pub(super) fn new() -> Result<Self> {
        let release = fs::read_to_string("/etc/os-release")?;
        let release = release
            .lines()
            .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
            .context("Debian 12 or later: there is no VERSION_CODENAME in os-release")?;
        let apt = Self {
            folder: folder().join("apt"),
            release: release.trim_matches('"').to_owned(),
        };
        for folder in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(apt.folder.join(folder))?;
        }
        let mut targets = Command::new("apt-get");
        targets.args(["indextargets", "--no-release-info", "--format"]);
        targets.args([
            "$(REPO_URI) $(RELEASE)",
            "Component: main",
            "Created-By: Packages",
        ]);
        let known = targets.output().context("apt-get can't be run")?.stdout;
        let sources = sources(&apt.release, &String::from_utf8_lossy(&known))?;
        fs::write(apt.folder.join("vm.sources"), sources)?;
        // Without APT::Sandbox::User it would drop to a user who can't write here.
        let configuration = format!(
            "Dir::Etc::sourcelist \"{0}/vm.sources\";\nDir::Etc::sourceparts \"-\";\n\
             Dir::State::lists \"{0}/lists\";\nDir::Cache \"{0}/cache\";\nAPT::Sandbox::User \"root\";\n",
            apt.folder.display()
        );
        fs::write(apt.configuration(), configuration)?;
        Ok(apt)
    }

    pub(super) fn configuration(&self) -> PathBuf {
        self.folder.join("apt.conf")
    }

    /// The suite of packages from the next release, built for this one.
    pub(super) fn backports(&self) -> String {
        format!("{}-backports", self.release)
    }

    /// Downloads the newest kernel there is, and unpacks it into `root`. Needs no privilege.
    pub(super) fn unpack_kernel(&self, root: &Path) -> Result<()> {
        // A suite that isn't there makes it fail, and the others can be read all the same.
        let _ = run(self.command("apt-get").args(["-qq", "update"]));
        let list = self
            .command("apt-cache")
            .args(["pkgnames", KERNEL_PARTS[0]])
            .output()
            .context("apt-cache can't be run")?;
        let version = newest(&String::from_utf8_lossy(&list.stdout)).with_context(|| {
            let [major, minor] = OLDEST_KERNEL;
            format!("a kernel package of Linux {major}.{minor} or later in apt's sources")
        })?;
        eprintln!("The emulated machine gets Linux {version}");
        let archives = self.folder.join("cache/archives");
        let names = KERNEL_PARTS.map(|part| format!("{part}{version}"));
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
        for release in fs::read_dir(unfinished.join("lib/modules"))? {
            let mut depmod = Command::new(program("depmod").unwrap_or_else(|| "depmod".into()));
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

/// The path of a program, also of an administrator's, which are not on every user's PATH.
pub(super) fn program(name: &str) -> Option<PathBuf> {
    let administrators = || Some(Path::new("/usr/sbin").join(name)).filter(|path| path.exists());
    probe::on_path(name).or_else(administrators)
}

/// Runs a command that must succeed; what it prints goes to the error stream.
pub(super) fn run(command: &mut Command) -> Result<()> {
    cargo::run(command.stdin(Stdio::null()).stdout(std::io::stderr()))
}

/// A file in the format deb822 (sources.list(5)): of the archives and suites that apt knows, those
/// of this release, since others' archives have suites of other names; and newer suites.
fn sources(release: &str, known: &str) -> Result<String> {
    // In apt's order: the machine's own archive is usually first.
    let mut all = Vec::new();
    let of_release = known
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(_, suite)| {
            let rest = suite.strip_prefix(release);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '/']))
        });
    for source in of_release {
        if !all.contains(&source) {
            all.push(source);
        }
    }
    let main = all.iter().find(|(_, suite)| *suite == release);
    let (main, _) = *main.with_context(|| {
        format!("Debian's own archive among apt's sources: none has the suite {release}")
    })?;
    let backports = format!("{release}-backports");
    for newer in [&backports, NEWER_KERNELS] {
        if !all.iter().any(|(_, suite)| *suite == newer) {
            all.push((main, newer));
        }
    }
    let signed = match Path::new(KEYS).exists() {
        true => format!("Signed-By: {KEYS}\n"),
        false => String::new(),
    };
    let stanza = |(uri, suite)| {
        format!("Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: main\n{signed}\n")
    };
    Ok(all.into_iter().map(stanza).collect())
}

/// Of the names of packages with kernels' images, the version of the newest that is of no special
/// flavour, such as `7.3.4+deb13-amd64`.
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
        let is_new = numbers.as_slice() >= OLDEST_KERNEL.as_slice();
        (is_plain && is_new).then(|| (numbers, version.to_owned()))
    };
    let newest = names.lines().filter_map(version).max()?;
    Some(newest.1)
}

#[cfg(test)]
mod tests {
    use super::{newest, sources};

    #[test]
    fn the_archive_of_the_release_gives_the_backports() {
        let known = "http://vendor.test/ sdk-bookworm\nhttp://one.test/debian bookworm\n\
                     http://one.test/debian bookworm\nhttp://safe.test/ bookworm-security\n";
        let text = sources("bookworm", known).expect("there is an archive");
        assert!(!text.contains("vendor"), "{text}");
        assert!(text.contains("safe.test"), "{text}");
        for suite in ["bookworm", "bookworm-backports", "trixie-backports"] {
            let stanza = format!("URIs: http://one.test/debian\nSuites: {suite}\n");
            assert_eq!(text.matches(&stanza).count(), 1, "{text}");
        }
        let error = sources("trixie", known).unwrap_err().to_string();
        assert!(error.contains("suite trixie"), "{error}");
    }

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
