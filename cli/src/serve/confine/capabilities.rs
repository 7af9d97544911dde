//! Capabilities, given up in every set.

use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
    clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
};

/// Empties the bounding set, if CAP_SETPCAP allows it. If not, no_new_privs still keeps any program
/// from giving anything back.
pub(super) fn drop_bounding_set() {
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        // EINVAL: this kernel has no more.
        let Ok(is_in) = capability_is_in_bounding_set(capability) else {
            return;
        };
        if is_in && let Err(errno) = remove_capability_from_bounding_set(capability) {
            tracing::debug!(%errno, "the bounding set stays: prctl(PR_CAPBSET_DROP)");
            return;
        }
    }
}

/// Gives up all but `kept`. Keeps CAP_BPF too if `works` fails without it: this is tried with only
/// `kept` in effect, while that can still be undone. Returns what was needed.
pub(super) fn drop_all_but(
    kept: CapabilitySet,
    works: impl Fn() -> bool,
) -> Result<CapabilitySet, Errno> {
    let held = capabilities(None)?.permitted;
    let set = |effective, permitted| {
        let inheritable = CapabilitySet::empty();
        let sets = CapabilitySets {
            effective,
            permitted,
            inheritable,
        };
        set_capabilities(None, sets)
    };
    let kept = kept & held;
    set(kept, held)?;
    let needed = match works() {
        true => CapabilitySet::empty(),
        false => CapabilitySet::BPF & held,
    };
    set(kept | needed, kept | needed)?;
    // The ambient set only holds what is permitted and inheritable; before Linux 4.3 there is none.
    let _ = clear_ambient_capability_set();
    Ok(needed)
}
