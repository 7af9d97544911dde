//! What running needs of this machine: the kernel's version, AF_XDP in it, and privilege.

use std::fs;

use rustix::thread::CapabilitySet;

/// The first kernel with all that is relied on: XDP programs attached by link (5.9), and BPF memory
/// that isn't counted against RLIMIT_MEMLOCK (5.11).
const OLDEST_KERNEL: (u32, u32) = (5, 11);

/// The capabilities of a data-plane process.
const NEEDED: CapabilitySet = CapabilitySet::NET_ADMIN
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::SYS_ADMIN)
    .union(CapabilitySet::BPF);

/// True for the super-user.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The capabilities that the demo and the privileged tests need and this process lacks; empty if
/// none.
pub(crate) fn missing_capabilities() -> String {
    let held = rustix::thread::capabilities(None);
    let held = held.map_or(CapabilitySet::empty(), |sets| sets.effective);
    let missing = NEEDED.difference(held);
    let names = missing.iter_names().map(|(name, _)| format!("CAP_{name}"));
    names.collect::<Vec<_>>().join(", ")
}

/// What will not run here though it builds, one sentence each.
pub(crate) fn notes() -> Vec<String> {
    let mut notes = Vec::new();
    let kernel = rustix::system::uname();
    let release = kernel.release().to_string_lossy();
    if version(&release).is_none_or(|found| found < OLDEST_KERNEL) {
        let (major, minor) = OLDEST_KERNEL;
        notes.push(format!(
            "the kernel is {release:?}; xskit needs Linux {major}.{minor} or later"
        ));
    }
    // A line per kind of socket that the kernel can open.
    let protocols = fs::read_to_string("/proc/net/protocols").unwrap_or_default();
    if !protocols.lines().any(|line| line.starts_with("XDP ")) {
        notes.push(
            "this kernel has no AF_XDP sockets (CONFIG_XDP_SOCKETS): xskit builds, but can't run"
                .to_owned(),
        );
    }
    let missing = missing_capabilities();
    if !missing.is_empty() {
        notes.push(format!(
            "{missing} missing: the demo needs root, and privileged tests are skipped"
        ));
    }
    notes
}

/// The first two numbers of a kernel's release.
pub(crate) fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
