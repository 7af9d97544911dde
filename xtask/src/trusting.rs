//! Builds of the programs in `benches/rivals`: as they are, and with a core that believes what the
//! kernel says of frames, which shows what not believing it costs.

use std::env;
use std::path::PathBuf;

use anyhow::Result;

use crate::cargo;

/// What makes the ledger's checks compile to nothing.
const TRUST_KERNEL: &str = "--cfg xskit_trust_kernel";

/// Which of the two builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Build {
    WithLedger,
    WithoutLedger,
}

impl Build {
    /// Builds programs of the package, and returns the folder they are in.
    pub(crate) fn programs(self, names: &[&str]) -> Result<PathBuf> {
        let target = match self {
            Self::WithLedger => cargo::target(),
            // Other flags, other artefacts: in one folder each build would throw the other's away.
            Self::WithoutLedger => cargo::target().join("trust-kernel"),
        };
        let mut build = cargo::command("build");
        build.args(["--release", "--package", "xskit-rivals"]);
        build.args(names.iter().flat_map(|name| ["--bin", name]));
        build.env("CARGO_TARGET_DIR", &target);
        if self == Self::WithoutLedger {
            let given = env::var("RUSTFLAGS").unwrap_or_default();
            build.env("RUSTFLAGS", format!("{given} {TRUST_KERNEL}").trim());
        }
        cargo::run(&mut build)?;
        Ok(target.join("release"))
    }
}
