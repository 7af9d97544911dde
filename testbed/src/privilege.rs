//! Skips tests for missing capabilities, and drops capabilities.

use std::fs;
use std::io::Write;

use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use xskit_net::Capability;
use xskit_net::privilege::missing;

/// For a test's first line: `if !privilege::require("its name", &[…]) { return; }`.
///
/// If a capability is missing, prints `skipped: needs CAP_…` on stderr, past the test harness,
/// which swallows the output of a passing test.
pub fn require(test: &str, needed: &[Capability]) -> bool {
    let missing = missing(needed);
    if missing.is_empty() {
        return true;
    }
    // If even stderr is closed, there is nowhere to report it.
    let _ = writeln!(std::io::stderr().lock(), "{}", skipped(test, &missing));
    false
}

/// [`require`] for a [`HostPair`](crate::HostPair): CAP_NET_ADMIN and CAP_SYS_ADMIN.
pub fn require_net_admin(test: &str) -> bool {
    require(test, &[Capability::NetAdmin, Capability::SysAdmin])
}

/// Drops all capabilities of this thread for good.
///
/// # Panics
/// If the kernel does not confirm it.
pub fn drop_all() {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    set_capabilities(None, sets).expect("less than before");
    let status = fs::read_to_string("/proc/thread-self/status").expect("/proc");
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        let nothing = format!("\n{set}:\t0000000000000000\n");
        assert!(status.contains(&nothing), "{status}");
    }
}

fn skipped(test: &str, missing: &[Capability]) -> String {
    let names: Vec<_> = missing.iter().map(|capability| capability.name()).collect();
    format!("skipped: needs {} (test {test})", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said() {
        assert_eq!(
            skipped("t", &[Capability::NetAdmin, Capability::Bpf]),
            "skipped: needs CAP_NET_ADMIN, CAP_BPF (test t)"
        );
    }
}
