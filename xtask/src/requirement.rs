//! Everything a build needs that cargo doesn't bring: `xtask/requirements.toml`.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Result;
use serde::Deserialize;

use crate::probe::Probe;

/// Names of requirements of single chores.
pub(crate) const CLANG: &str = "clang with the bpf target";
pub(crate) const VALGRIND: &str = "valgrind";
pub(crate) const LIBXDP: &str = "libxdp headers";
pub(crate) const NGINX: &str = "nginx";
pub(crate) const H2LOAD: &str = "h2load";
pub(crate) const PERF: &str = "perf";
/// What booting an emulated machine takes, besides QEMU.
pub(crate) const BOOTING: [&str; 5] = ["busybox", "ethtool", "modprobe", "script", "venv"];

/// By name.
pub(crate) type Requirements = BTreeMap<String, Requirement>;

/// One thing that must be on the machine before a build script looks for it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Requirement {
    pub(crate) purpose: String,
    pub(crate) probe: Probe,
    /// By [`Family`]; several names are separated by spaces.
    packages: [String; 4],
}

/// The requirements of builds, with those of the tests, or by name.
pub(crate) enum Wanted<'a> {
    ForBuilds,
    ForTests,
    Named(&'a [&'a str]),
}

impl Wanted<'_> {
    pub(crate) fn requirements(&self) -> Result<Requirements> {
        let table = include_str!("../requirements.toml");
        let mut parts: BTreeMap<String, Requirements> = toml::from_str(table)?;
        let mut part = |name| parts.remove(name).unwrap_or_default();
        let (mut wanted, mut tests) = (part("builds"), part("tests"));
        match self {
            Self::ForBuilds => {}
            Self::ForTests => wanted.append(&mut tests),
            Self::Named(names) => {
                wanted.extend(tests.into_iter().chain(part("chores")));
                wanted.retain(|name, _| names.contains(&name.as_str()));
            }
        }
        Ok(wanted)
    }
}

/// Distributions that share package names and a package manager, in the order of package names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Debian,
    Fedora,
    Arch,
    Suse,
}

impl Family {
    /// The family of the running system, by `ID`, or else by a word of `ID_LIKE`. Source:
    /// os-release(5).
    pub(crate) fn detect() -> Option<Self> {
        let mut files = ["/etc/os-release", "/usr/lib/os-release"].into_iter();
        let text = files.find_map(|path| fs::read_to_string(path).ok())?;
        Self::from_os_release(&text)
    }

    fn from_os_release(text: &str) -> Option<Self> {
        let field = |key| text.lines().find_map(|line| line.strip_prefix(key));
        let fields = [field("ID="), field("ID_LIKE=")].into_iter().flatten();
        let mut words = fields.flat_map(|value| value.split(['"', '\'', ' ']));
        words.find_map(|id| match id {
            "debian" | "ubuntu" => Some(Self::Debian),
            "fedora" | "rhel" | "centos" => Some(Self::Fedora),
            "arch" => Some(Self::Arch),
            id if id.starts_with("suse") || id.starts_with("opensuse") => Some(Self::Suse),
            _ => None,
        })
    }

    /// The command that installs packages, to be followed by their names.
    pub(crate) fn install_command(self) -> &'static str {
        match self {
            Self::Debian => "apt-get install --no-install-recommends",
            Self::Fedora => "dnf install",
            Self::Arch => "pacman -S --needed",
            Self::Suse => "zypper install",
        }
    }
}

/// The packages that hold what is missing, each once.
pub(crate) fn packages(missing: &Requirements, family: Family) -> Vec<&str> {
    let names = missing.values().map(|it| &it.packages[family as usize]);
    let mut packages: Vec<_> = names.flat_map(|names| names.split(' ')).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

#[cfg(test)]
mod tests {
    use super::{BOOTING, CLANG, Family, H2LOAD, LIBXDP, NGINX, PERF, VALGRIND, Wanted, packages};

    #[test]
    fn id_is_preferred_and_id_like_is_the_fall_back() {
        let family = Family::from_os_release;
        let rocky = "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n";
        assert_eq!(family(rocky), Some(Family::Fedora));
        let leap = "ID='opensuse-leap'\nID_LIKE='suse opensuse'\n";
        assert_eq!(family(leap), Some(Family::Suse));
        assert_eq!(family("ID_LIKE=debian\nID=fedora\n"), Some(Family::Fedora));
        assert_eq!(family("VERSION_ID=debian\nID=plan9\n"), None);
    }

    #[test]
    fn a_package_that_meets_two_requirements_is_named_once() {
        let all = Wanted::ForTests.requirements().expect("well formed");
        let names = packages(&all, Family::Arch);
        assert_eq!(names.iter().filter(|name| **name == "gcc").count(), 1);
    }

    #[test]
    fn each_name_is_in_the_table() {
        let names = [
            &BOOTING,
            &[CLANG, VALGRIND, LIBXDP, NGINX, H2LOAD, PERF][..],
        ]
        .concat();
        let found = Wanted::Named(&names).requirements().expect("well formed");
        assert_eq!(found.len(), names.len());
    }
}
