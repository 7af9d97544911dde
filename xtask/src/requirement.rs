//! Everything a build needs that cargo doesn't bring: `xtask/requirements.toml`.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Deserialize;

use crate::probe::{self, Probe};

/// Names of requirements of single chores.
pub(crate) const CHROMIUM: &str = "chromium";
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

/// The sections of the table for builds, and for builds and tests.
pub(crate) const BUILDS: &[&str] = &["builds"];
pub(crate) const TESTS: &[&str] = &["builds", "tests"];

/// The requirements of these sections of the table, or of these names.
pub(crate) fn requirements(wanted: &[&str]) -> Result<Requirements> {
    let table = include_str!("../requirements.toml");
    let sections: BTreeMap<String, Requirements> = toml::from_str(table)?;
    let is_wanted = |name: &str| wanted.contains(&name);
    let of_section = |(section, mut requirements): (String, Requirements)| {
        requirements.retain(|name, _| is_wanted(&section) || is_wanted(name));
        requirements
    };
    Ok(sections.into_iter().flat_map(of_section).collect())
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
    const ALL: [Self; 4] = [Self::Debian, Self::Fedora, Self::Arch, Self::Suse];

    /// The family of the running system, by its package manager.
    pub(crate) fn detect() -> Option<Self> {
        Self::ALL.into_iter().find(|family| {
            let manager = family.install_command().split(' ').next();
            manager.and_then(probe::on_path).is_some()
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
    use super::{
        BOOTING, CHROMIUM, CLANG, Family, H2LOAD, LIBXDP, NGINX, PERF, TESTS, VALGRIND, packages,
        requirements,
    };

    #[test]
    fn a_package_that_meets_two_requirements_is_named_once() {
        let all = requirements(TESTS).expect("well formed");
        let names = packages(&all, Family::Arch);
        assert_eq!(names.iter().filter(|name| **name == "gcc").count(), 1);
    }

    #[test]
    fn each_name_is_in_the_table() {
        let names = [
            &BOOTING,
            &[CHROMIUM, CLANG, VALGRIND, LIBXDP, NGINX, H2LOAD, PERF][..],
        ]
        .concat();
        let found = requirements(&names).expect("well formed");
        assert_eq!(found.len(), names.len());
    }
}
