//! The needed capabilities that the calling thread lacks.

use rustix::thread::{CapabilitySet, capabilities};

/// The capabilities that loading and attaching need and that this thread doesn't have in effect.
///
/// CAP_PERFMON is needed because without it the verifier rejects packet pointers with variable
/// offsets (EACCES), which reading an IP header takes. CAP_SYS_ADMIN includes it and CAP_BPF, as
/// before Linux 5.8. Empty also if the capabilities can't be read.
pub(crate) fn missing() -> Vec<&'static str> {
    capabilities(None)
        .map(|sets| missing_of(sets.effective))
        .unwrap_or_default()
}

fn missing_of(effective: CapabilitySet) -> Vec<&'static str> {
    let mut missing = Vec::new();
    if !effective.intersects(CapabilitySet::BPF | CapabilitySet::SYS_ADMIN) {
        missing.push("CAP_BPF");
    }
    if !effective.intersects(CapabilitySet::PERFMON | CapabilitySet::SYS_ADMIN) {
        missing.push("CAP_PERFMON");
    }
    if !effective.contains(CapabilitySet::NET_ADMIN) {
        missing.push("CAP_NET_ADMIN");
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_is_not_held() {
        use CapabilitySet as Set;
        let all = Set::BPF | Set::PERFMON | Set::NET_ADMIN;
        assert_eq!(
            missing_of(Set::empty()),
            ["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"]
        );
        assert_eq!(missing_of(all - Set::BPF), ["CAP_BPF"]);
        assert_eq!(missing_of(all - Set::PERFMON), ["CAP_PERFMON"]);
        assert_eq!(missing_of(all - Set::NET_ADMIN), ["CAP_NET_ADMIN"]);
        assert!(missing_of(all).is_empty());
        assert!(missing_of(Set::SYS_ADMIN | Set::NET_ADMIN).is_empty());
    }
}
