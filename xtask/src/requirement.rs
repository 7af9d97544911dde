//! Everything a build needs that cargo doesn't bring: its purpose, how to see it, and the packages
//! that hold it.

use std::fs;

use crate::probe::Probe;

/// One thing that must be on the machine before a build script looks for it.
pub(crate) struct Requirement {
    pub(crate) name: &'static str,
    pub(crate) purpose: &'static str,
    pub(crate) probe: Probe,
    /// By [`Family`]; several names are separated by spaces.
    packages: [&'static str; 4],
}

/// Distributions that share package names and a package manager, in the order of the names above.
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
        Self::from_os_release(&fs::read_to_string("/etc/os-release").ok()?)
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
pub(crate) fn packages(missing: &[&Requirement], family: Family) -> Vec<&'static str> {
    let names = missing.iter().map(|it| it.packages[family as usize]);
    let mut packages: Vec<_> = names.flat_map(|names| names.split(' ')).collect();
    packages.sort_unstable();
    packages.dedup();
    packages
}

/// What a build needs.
pub(crate) const FOR_BUILDS: &[&Requirement] = &[
    &Requirement {
        name: "C compiler and headers",
        purpose: "links every Rust program; builds libbpf and ring",
        probe: Probe::Header("stdio.h"),
        packages: ["gcc libc6-dev", "gcc glibc-devel", "gcc", "gcc glibc-devel"],
    },
    &Requirement {
        name: "C++ compiler",
        purpose: "builds BoringSSL, the cryptography of quiche, and libFuzzer",
        probe: Probe::Command("c++"),
        packages: ["g++", "gcc-c++", "gcc", "gcc-c++"],
    },
    &Requirement {
        name: "make",
        purpose: "builds libbpf and BoringSSL",
        probe: Probe::Command("make"),
        packages: ["make"; 4],
    },
    &Requirement {
        name: "cmake",
        purpose: "configures BoringSSL",
        probe: Probe::Command("cmake"),
        packages: ["cmake"; 4],
    },
    &Requirement {
        name: "pkg-config",
        purpose: "finds the libraries of libbpf",
        probe: Probe::Command("pkg-config"),
        packages: ["pkg-config", "pkgconf-pkg-config", "pkgconf", "pkg-config"],
    },
    &Requirement {
        name: "libclang",
        purpose: "reads BoringSSL's headers for its bindings",
        probe: Probe::Libclang,
        packages: ["libclang-dev", "clang-devel", "clang", "clang-devel"],
    },
    &Requirement {
        name: "libelf headers",
        purpose: "libbpf reads the compiled XDP program with it",
        probe: Probe::Header("libelf.h"),
        packages: [
            "libelf-dev",
            "elfutils-libelf-devel",
            "libelf",
            "libelf-devel",
        ],
    },
    &Requirement {
        name: "zlib headers",
        purpose: "libelf's compressed sections",
        probe: Probe::Header("zlib.h"),
        packages: ["zlib1g-dev", "zlib-devel", "zlib", "zlib-devel"],
    },
    &Requirement {
        name: "ip",
        purpose: "makes and changes interfaces in the tests",
        probe: Probe::Command("ip"),
        packages: ["iproute2", "iproute", "iproute2", "iproute2"],
    },
];

/// What the tests need besides: they compile the XDP program anew.
pub(crate) const FOR_TESTS: &[&Requirement] = &[&CLANG, &KERNEL_HEADERS];

/// Compiles the XDP program, and libxdp's inline functions where our rings are compared with them.
pub(crate) static CLANG: Requirement = Requirement {
    name: "clang with the bpf target",
    purpose: "compiles the XDP program, for the tests",
    probe: Probe::ClangForBpf,
    packages: ["clang"; 4],
};

static KERNEL_HEADERS: Requirement = Requirement {
    name: "kernel headers",
    purpose: "linux/bpf.h, to compile the XDP program",
    probe: Probe::Header("linux/bpf.h"),
    packages: [
        "linux-libc-dev",
        "kernel-headers",
        "linux-api-headers",
        "linux-glibc-devel",
    ],
};

pub(crate) static VALGRIND: Requirement = Requirement {
    name: "valgrind",
    purpose: "counts instructions",
    probe: Probe::Command("valgrind"),
    packages: ["valgrind"; 4],
};

pub(crate) static LIBXDP: Requirement = Requirement {
    name: "libxdp headers",
    purpose: "the rings that ours are compared with",
    probe: Probe::Header("xdp/xsk.h"),
    packages: [
        "libxdp-dev",
        "libxdp-devel",
        "libxdp libbpf",
        "libxdp-devel",
    ],
};

pub(crate) static NGINX: Requirement = Requirement {
    name: "nginx",
    purpose: "the server that ours is compared with over TCP",
    probe: Probe::Command("nginx"),
    packages: ["nginx-light", "nginx", "nginx", "nginx"],
};

pub(crate) static H2LOAD: Requirement = Requirement {
    name: "h2load",
    purpose: "asks servers over HTTP/1.1 and HTTP/2",
    probe: Probe::Command("h2load"),
    packages: ["nghttp2-client", "nghttp2", "nghttp2", "nghttp2"],
};

pub(crate) static PERF: Requirement = Requirement {
    name: "perf",
    purpose: "counts the system calls of servers",
    probe: Probe::Command("perf"),
    packages: ["linux-perf", "perf", "perf", "perf"],
};

#[cfg(test)]
mod tests {
    use super::{FOR_BUILDS, Family, packages};

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
        let names = packages(FOR_BUILDS, Family::Arch);
        assert_eq!(names.iter().filter(|name| **name == "gcc").count(), 1);
    }
}
