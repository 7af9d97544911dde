//! Runs a test with only certain capabilities, and reports it as skipped without them.

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};
use xskit_bpf::{Error, XdpProgram};
use xskit_testbed::{Capability, privilege};

/// What loading and attaching need.
const NEEDED: CapabilitySet = CapabilitySet::BPF
    .union(CapabilitySet::PERFMON)
    .union(CapabilitySet::NET_ADMIN);

/// Whether this thread may load and attach. If not, reports the test as skipped; it must return.
pub(crate) fn held() -> bool {
    use Capability::{Bpf, NetAdmin, Perfmon};
    let thread = std::thread::current();
    privilege::require(thread.name().unwrap_or("a test"), &[Bpf, Perfmon, NetAdmin])
}

/// A program of one queue without rules. `None` without privilege: the test must return.
pub(crate) fn program() -> Option<XdpProgram> {
    held().then(|| XdpProgram::load(1).unwrap())
}

/// Runs `test` in a thread of its own with no more than these capabilities in effect.
pub(crate) fn with_only<T: Send>(keep: CapabilitySet, test: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let now = capabilities(None).unwrap();
            let effective = now.effective & keep;
            set_capabilities(None, CapabilitySets { effective, ..now }).unwrap();
            test()
        });
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[test]
fn loading_without_privilege_names_the_capabilities() {
    let error = with_only(CapabilitySet::empty(), || XdpProgram::load(1)).unwrap_err();
    let text = error.to_string();
    let Error::Privilege { missing, .. } = error else {
        panic!("{text}")
    };
    let names = ["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"];
    assert_eq!(missing, names);
    let told = format!("missing: {}", names.join(", "));
    assert!(text.contains(&told), "{text}");
}

#[test]
fn loading_needs_no_more_than_these() {
    if !held() {
        return;
    }
    with_only(NEEDED, || XdpProgram::load(1)).unwrap();
}
