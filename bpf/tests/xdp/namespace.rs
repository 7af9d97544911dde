//! A network namespace for one test, and `ip` in it.

use std::path::PathBuf;
use std::process::Command;

use rustix::thread::{UnshareFlags, unshare_unsafe};
use xskit_testbed::{Link, Namespace};

use crate::privilege;

/// Runs `test` in a thread with a new network namespace, which ends with the thread. Skipped
/// without privilege.
pub(crate) fn in_namespace(test: impl FnOnce() + Send) {
    if privilege::held() {
        Namespace::new().unwrap().run(test).unwrap();
    }
}

/// Runs `ip` (iproute2) in the calling thread's namespace and returns its output.
pub(crate) fn ip(arguments: &str) -> String {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {arguments}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn index_of(name: &str) -> u32 {
    Link::by_name(name).unwrap().index
}

/// Makes the pair of interfaces a and b, both up, and returns the index of b.
pub(crate) fn veth_pair() -> u32 {
    ip("link add name a type veth peer name b");
    ip("link set dev a up");
    ip("link set dev b up");
    index_of("b")
}

/// A BPF file system in a new mount namespace of the calling thread; both end with the thread.
/// `None` if it can't be mounted, after saying so.
pub(crate) fn bpf_file_system() -> Option<PathBuf> {
    // SAFETY: only the mount namespace, and what the thread shares with it of the file system;
    // descriptors stay shared.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS) }.unwrap();
    let mount = |arguments: &[&str]| Command::new("mount").args(arguments).status();
    let mounted = mount(&["--make-rprivate", "/"])
        .and_then(|_| mount(&["-t", "bpf", "bpf", "/mnt"]))
        .is_ok_and(|status| status.success());
    if !mounted {
        eprintln!("skipped: needs mount(8) of a BPF file system");
    }
    mounted.then(|| PathBuf::from("/mnt"))
}
