//! The capabilities that the calling thread lacks.
//!
//! References: capabilities(7).

use rustix::thread::{CapabilitySet, capabilities};

/// A capability that xskit needs.
///
/// ```
/// use xskit_net::Capability;
/// use xskit_net::privilege::missing;
///
/// for capability in missing(&[Capability::NetRaw, Capability::Bpf]) {
///     println!("{} is missing", capability.name());
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Capability {
    /// CAP_NET_ADMIN: change links, addresses and neighbours; attach an XDP program.
    NetAdmin,
    /// CAP_NET_RAW: open an AF_XDP socket.
    NetRaw,
    /// CAP_SYS_ADMIN: create and enter network namespaces.
    SysAdmin,
    /// CAP_BPF: load an XDP program and its maps. CAP_SYS_ADMIN includes it.
    Bpf,
    /// CAP_PERFMON: get the XDP program past the verifier. CAP_SYS_ADMIN includes it.
    Perfmon,
}

impl Capability {
    /// The name in capabilities(7).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NetAdmin => "CAP_NET_ADMIN",
            Self::NetRaw => "CAP_NET_RAW",
            Self::SysAdmin => "CAP_SYS_ADMIN",
            Self::Bpf => "CAP_BPF",
            Self::Perfmon => "CAP_PERFMON",
        }
    }

    fn is_in(self, held: CapabilitySet) -> bool {
        held.intersects(match self {
            Self::NetAdmin => CapabilitySet::NET_ADMIN,
            Self::NetRaw => CapabilitySet::NET_RAW,
            Self::SysAdmin => CapabilitySet::SYS_ADMIN,
            Self::Bpf => CapabilitySet::BPF | CapabilitySet::SYS_ADMIN,
            Self::Perfmon => CapabilitySet::PERFMON | CapabilitySet::SYS_ADMIN,
        })
    }
}

impl std::fmt::Display for Capability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Those of `needed` that the calling thread doesn't have in effect; all of them if they can't be
/// read.
#[must_use]
pub fn missing(needed: &[Capability]) -> Vec<Capability> {
    let held = capabilities(None).map_or(CapabilitySet::empty(), |sets| sets.effective);
    missing_from(held, needed)
}

fn missing_from(held: CapabilitySet, needed: &[Capability]) -> Vec<Capability> {
    needed
        .iter()
        .copied()
        .filter(|capability| !capability.is_in(held))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_ones_are_listed() {
        let needed = [Capability::NetAdmin, Capability::NetRaw, Capability::Bpf];
        let held = CapabilitySet::NET_RAW;
        let missing = missing_from(held, &needed);
        assert_eq!(missing, [Capability::NetAdmin, Capability::Bpf]);
    }

    #[test]
    fn sys_admin_includes_bpf() {
        assert_eq!(
            missing_from(
                CapabilitySet::SYS_ADMIN,
                &[Capability::Bpf, Capability::SysAdmin]
            ),
            []
        );
    }
}
