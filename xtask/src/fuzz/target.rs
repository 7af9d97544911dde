//! The targets: what each needs to be built, and what libFuzzer may spend on one input.

/// A fuzz target of the crate `fuzz/`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    /// The name of the program, of its corpus and of its seeds.
    pub(crate) name: &'static str,
    /// Features of the crate: a target that needs only the core doesn't wait for QUIC.
    pub(crate) features: &'static str,
    /// The longest input, in bytes.
    pub(crate) max_len_bytes: u32,
    /// An input that takes longer is a finding, in seconds.
    pub(crate) timeout_s: u32,
    /// More memory in use is a finding, in MiB.
    pub(crate) rss_limit_mib: u32,
}

/// All of them, the quickest to build first.
pub(crate) const ALL: &[Target] = &[
    Target {
        name: "ring_ops",
        features: "",
        max_len_bytes: 1024,
        timeout_s: 10,
        rss_limit_mib: 1024,
    },
    Target {
        name: "hostile_kernel",
        features: "",
        max_len_bytes: 1024,
        timeout_s: 10,
        rss_limit_mib: 1024,
    },
    Target {
        name: "wire_parse",
        features: "",
        max_len_bytes: 2048,
        timeout_s: 5,
        rss_limit_mib: 1024,
    },
    Target {
        name: "bpf_vs_user",
        features: "bpf",
        max_len_bytes: 2048,
        timeout_s: 5,
        rss_limit_mib: 1024,
    },
    Target {
        name: "udp_datagram",
        features: "quic",
        max_len_bytes: 2048,
        // Handshakes, and on a busy machine.
        timeout_s: 20,
        rss_limit_mib: 2048,
    },
];

/// The target of this name.
pub(crate) fn named(name: &str) -> Result<Target, String> {
    let found = ALL.iter().find(|target| target.name == name);
    found.copied().ok_or_else(|| {
        let names: Vec<&str> = ALL.iter().map(|target| target.name).collect();
        format!("no target {name:?}; there are: {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::ALL;
    use crate::cargo;
    use std::fs;

    #[test]
    fn each_target_of_the_crate_is_listed_and_has_seeds() {
        let folder = cargo::workspace().join("fuzz");
        let programs = fs::read_dir(folder.join("fuzz_targets")).expect("the crate has targets");
        let mut names: Vec<String> = programs
            .map(|entry| entry.expect("it can be listed").path())
            .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
            .collect();
        let mut listed: Vec<&str> = ALL.iter().map(|target| target.name).collect();
        names.sort();
        listed.sort_unstable();
        assert_eq!(listed, names);
        for name in names {
            assert!(folder.join("seeds").join(&name).is_dir(), "{name}");
        }
    }
}
