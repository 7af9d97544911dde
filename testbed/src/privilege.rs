//! How a test that needs capabilities says that it was skipped, and how one goes on without any.

use std::fs;
use std::io::Write;

use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use xskit_net::Capability;
use xskit_net::privilege::missing;

/// For a test's first line: `if !privilege::require("its name", &[…]) { return; }`.
///
/// Says `skipped: needs CAP_…` on the error stream where something is missing, past the test
/// harness, which would swallow what a passing test prints.
pub fn require(test: &str, needed: &[Capability]) -> bool {
    let missing = missing(needed);
    if missing.is_empty() {
        return true;
    }
    // If even the error stream is closed there is nobody left to tell.
    let _ = writeln!(std::io::stderr().lock(), "{}", skipped(test, &missing));
    false
}

/// [`require`] of what a [`HostPair`](crate::HostPair) needs: CAP_NET_ADMIN and CAP_SYS_ADMIN.
pub fn require_net_admin(test: &str) -> bool {
    require(test, &[Capability::NetAdmin, Capability::SysAdmin])
}

/// From now on this thread has no capability, nor a way to get one back.
///
/// # Panics
/// When the kernel does not say so afterwards.
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
