//! What running needs of this machine: the kernel's version, AF_XDP in it, and privilege. All read from /proc.

use std::fs;

/// The first kernel with all that is relied on: XDP programs attached by link (5.9), and BPF memory that isn't counted
/// against RLIMIT_MEMLOCK (5.11).
const OLDEST_KERNEL: (u32, u32) = (5, 11);

/// The capabilities of a data-plane process, by bit number. Source: capabilities(7), linux/capability.h.
const NEEDED: [(&str, u32); 4] = [
    ("CAP_NET_ADMIN", 12),
    ("CAP_NET_RAW", 13),
    ("CAP_SYS_ADMIN", 21),
    ("CAP_BPF", 39),
];

/// True for the super-user.
pub(crate) fn is_root() -> bool {
    // Four ids follow: real, effective, saved, file system. Source: proc_pid_status(5).
    status_field("Uid:")
        .and_then(|ids| ids.split_whitespace().nth(1).map(|id| id == "0"))
        .unwrap_or(false)
}

/// The capabilities that the demo and the privileged tests need and this process lacks.
pub(crate) fn missing_capabilities() -> Vec<&'static str> {
    let held = status_field("CapEff:")
        .and_then(|mask| u64::from_str_radix(&mask, 16).ok())
        .unwrap_or(0);
    lacking(held)
}

fn lacking(held: u64) -> Vec<&'static str> {
    NEEDED
        .iter()
        .filter(|(_, bit)| held & (1 << bit) == 0)
        .map(|(name, _)| *name)
        .collect()
}

/// What will not run here though it builds, one sentence each.
pub(crate) fn notes() -> Vec<String> {
    let mut notes = Vec::new();
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    if version(release).is_none_or(|found| found < OLDEST_KERNEL) {
        let (major, minor) = OLDEST_KERNEL;
        notes.push(format!(
            "the kernel is {release:?}; xskit is made for Linux {major}.{minor} or later"
        ));
    }
    // The table has a line for each kind of socket the kernel can open.
    let protocols = fs::read_to_string("/proc/net/protocols").unwrap_or_default();
    if !protocols
        .lines()
        .any(|line| line.split_whitespace().next() == Some("XDP"))
    {
        notes.push(
            "this kernel has no AF_XDP sockets (CONFIG_XDP_SOCKETS): xskit builds, but can't run"
                .to_owned(),
        );
    }
    let missing = missing_capabilities();
    if !missing.is_empty() {
        notes.push(format!(
            "{} missing: the demo needs root, and privileged tests are skipped",
            missing.join(", ")
        ));
    }
    notes
}

fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn status_field(name: &str) -> Option<String> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .map(|value| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{OLDEST_KERNEL, lacking, version};

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(version("6.18.44-generic"), Some((6, 18)));
        assert_eq!(version("5.4.0-150"), Some((5, 4)));
        assert!(version("5.4.0-150") < Some(OLDEST_KERNEL));
        assert!(version("5.15.0") > Some(OLDEST_KERNEL));
        assert_eq!(version("plan 9"), None);
    }

    #[test]
    fn each_missing_capability_is_named() {
        assert_eq!(lacking(u64::MAX), [""; 0]);
        assert_eq!(lacking(u64::MAX ^ (1 << 39)), ["CAP_BPF"]);
        assert_eq!(lacking(0).len(), 4);
    }
}
