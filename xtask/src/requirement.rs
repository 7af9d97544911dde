//! Everything a build needs that cargo doesn't bring: what for, how to see it, and the packages that hold it.

use crate::distribution::Family;
use crate::probe::Probe;

/// One thing that must be on the machine before a build script looks for it.
pub(crate) struct Requirement {
    pub(crate) name: &'static str,
    pub(crate) purpose: &'static str,
    pub(crate) probe: Probe,
    packages: Packages,
}

/// Package names by family; several names are separated by spaces.
struct Packages {
    debian: &'static str,
    fedora: &'static str,
    arch: &'static str,
    suse: &'static str,
}

impl Requirement {
    /// The packages to install on `family`, one name each.
    pub(crate) fn packages(&self, family: Family) -> impl Iterator<Item = &'static str> {
        let names = match family {
            Family::Debian => self.packages.debian,
            Family::Fedora => self.packages.fedora,
            Family::Arch => self.packages.arch,
            Family::Suse => self.packages.suse,
        };
        names.split(' ')
    }
}

/// What a build needs, in the order it is listed.
pub(crate) const ALL: &[Requirement] = &[
    Requirement {
        name: "C compiler and headers",
        purpose: "links every Rust program; builds libbpf and ring",
        probe: Probe::Header("stdio.h"),
        packages: Packages {
            debian: "gcc libc6-dev",
            fedora: "gcc glibc-devel",
            arch: "gcc",
            suse: "gcc glibc-devel",
        },
    },
    Requirement {
        name: "C++ compiler",
        purpose: "builds BoringSSL, the cryptography of quiche, and libFuzzer",
        probe: Probe::Command("c++"),
        packages: Packages {
            debian: "g++",
            fedora: "gcc-c++",
            arch: "gcc",
            suse: "gcc-c++",
        },
    },
    Requirement {
        name: "make",
        purpose: "builds libbpf and BoringSSL",
        probe: Probe::Command("make"),
        packages: Packages {
            debian: "make",
            fedora: "make",
            arch: "make",
            suse: "make",
        },
    },
    Requirement {
        name: "cmake",
        purpose: "configures BoringSSL",
        probe: Probe::Command("cmake"),
        packages: Packages {
            debian: "cmake",
            fedora: "cmake",
            arch: "cmake",
            suse: "cmake",
        },
    },
    Requirement {
        name: "pkg-config",
        purpose: "libbpf's build finds its libraries by it",
        probe: Probe::Command("pkg-config"),
        packages: Packages {
            debian: "pkg-config",
            fedora: "pkgconf-pkg-config",
            arch: "pkgconf",
            suse: "pkg-config",
        },
    },
    Requirement {
        name: "libclang",
        purpose: "reads BoringSSL's headers for its bindings",
        probe: Probe::Libclang,
        packages: Packages {
            debian: "libclang-dev",
            fedora: "clang-devel",
            arch: "clang",
            suse: "clang-devel",
        },
    },
    Requirement {
        name: "libelf headers",
        purpose: "libbpf reads the compiled XDP program with it",
        probe: Probe::Header("libelf.h"),
        packages: Packages {
            debian: "libelf-dev",
            fedora: "elfutils-libelf-devel",
            arch: "libelf",
            suse: "libelf-devel",
        },
    },
    Requirement {
        name: "zlib headers",
        purpose: "libelf's compressed sections",
        probe: Probe::Header("zlib.h"),
        packages: Packages {
            debian: "zlib1g-dev",
            fedora: "zlib-devel",
            arch: "zlib",
            suse: "zlib-devel",
        },
    },
    Requirement {
        name: "ip",
        purpose: "makes and changes interfaces in the tests",
        probe: Probe::Command("ip"),
        packages: Packages {
            debian: "iproute2",
            fedora: "iproute",
            arch: "iproute2",
            suse: "iproute2",
        },
    },
];

/// What the tests need besides: they compile the XDP program anew.
pub(crate) const PROGRAM: &[&Requirement] = &[&CLANG, &KERNEL_HEADERS];

/// Compiles the XDP program, and libxdp's inline functions where our rings are compared with them.
pub(crate) static CLANG: Requirement = Requirement {
    name: "clang with the bpf target",
    purpose: "compiles the XDP program, for the tests",
    probe: Probe::ClangForBpf,
    packages: Packages {
        debian: "clang",
        fedora: "clang",
        arch: "clang",
        suse: "clang",
    },
};

static KERNEL_HEADERS: Requirement = Requirement {
    name: "kernel headers",
    purpose: "linux/bpf.h, to compile the XDP program",
    probe: Probe::Header("linux/bpf.h"),
    packages: Packages {
        debian: "linux-libc-dev",
        fedora: "kernel-headers",
        arch: "linux-api-headers",
        suse: "linux-glibc-devel",
    },
};

/// Counts instructions, for `cargo xtask instructions`.
pub(crate) static VALGRIND: Requirement = Requirement {
    name: "valgrind",
    purpose: "counts instructions",
    probe: Probe::Command("valgrind"),
    packages: Packages {
        debian: "valgrind",
        fedora: "valgrind",
        arch: "valgrind",
        suse: "valgrind",
    },
};

/// What the benchmarks compare the rings with. Its header is enough.
pub(crate) static LIBXDP: Requirement = Requirement {
    name: "libxdp headers",
    purpose: "the rings that ours are compared with",
    probe: Probe::Header("xdp/xsk.h"),
    packages: Packages {
        debian: "libxdp-dev",
        fedora: "libxdp-devel",
        arch: "libxdp libbpf",
        suse: "libxdp-devel",
    },
};

/// The server that ours is compared with over TCP.
pub(crate) static NGINX: Requirement = Requirement {
    name: "nginx",
    purpose: "the server that ours is compared with over TCP",
    probe: Probe::Command("nginx"),
    packages: Packages {
        debian: "nginx-light",
        fedora: "nginx",
        arch: "nginx",
        suse: "nginx",
    },
};

/// Asks both.
pub(crate) static H2LOAD: Requirement = Requirement {
    name: "h2load",
    purpose: "asks servers over HTTP/1.1 and HTTP/2",
    probe: Probe::Command("h2load"),
    packages: Packages {
        debian: "nghttp2-client",
        fedora: "nghttp2",
        arch: "nghttp2",
        suse: "nghttp2",
    },
};

/// Counts the system calls of both.
pub(crate) static PERF: Requirement = Requirement {
    name: "perf",
    purpose: "counts the system calls of servers",
    probe: Probe::Command("perf"),
    packages: Packages {
        debian: "linux-perf",
        fedora: "perf",
        arch: "perf",
        suse: "perf",
    },
};
