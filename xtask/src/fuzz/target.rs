//! The targets: what each needs to be built, and how large its inputs may be.

use clap::ValueEnum;

/// A fuzz target of the crate `fuzz/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum Target {
    RingOps,
    HostileKernel,
    WireParse,
    BpfVsUser,
    UdpDatagram,
}

impl Target {
    /// The name of the program, of its corpus and of its seeds.
    pub(crate) fn name(self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Features of the crate: a target that needs only the core doesn't wait for QUIC.
    pub(crate) fn features(self) -> &'static str {
        match self {
            Self::RingOps | Self::HostileKernel | Self::WireParse => "",
            Self::BpfVsUser => "bpf",
            Self::UdpDatagram => "quic",
        }
    }

    /// The longest input that libFuzzer makes.
    pub(crate) fn max_len_bytes(self) -> u32 {
        match self {
            Self::RingOps | Self::HostileKernel => 1024,
            Self::WireParse | Self::BpfVsUser | Self::UdpDatagram => 2048,
        }
    }

    /// More is a finding.
    pub(crate) fn rss_limit_mib(self) -> u32 {
        if self == Self::UdpDatagram {
            2048
        } else {
            1024
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Target;
    use crate::cargo;
    use clap::ValueEnum;
    use std::fs;

    #[test]
    fn each_target_of_the_crate_is_listed_and_has_seeds() {
        let folder = cargo::workspace().join("fuzz");
        let programs = fs::read_dir(folder.join("fuzz_targets")).expect("the crate has targets");
        let mut names: Vec<String> = programs
            .map(|entry| entry.expect("it can be listed").path())
            .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
            .collect();
        let mut listed: Vec<_> = Target::value_variants()
            .iter()
            .map(|it| it.name())
            .collect();
        names.sort();
        listed.sort();
        assert_eq!(listed, names);
        for name in names {
            assert!(folder.join("seeds").join(&name).is_dir(), "{name}");
        }
    }
}
