//! Building a target: cargo-fuzz on the stable toolchain, with AddressSanitizer, in a target folder of its own.

use std::path::PathBuf;
use std::process::Command;

use super::target::Target;
use crate::boringssl;
use crate::cargo;
use crate::tool::Tool;

const CARGO_FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    version: "0.13.2",
};

/// Builds targets, and knows where they land.
pub(super) struct Builder {
    cargo_fuzz: PathBuf,
    /// The machine that is built for: sanitizers want it named.
    host: String,
}

impl Builder {
    /// Installs cargo-fuzz, unless it is there.
    pub(super) fn new() -> Result<Self, String> {
        if CARGO_FUZZ.installed().is_none() {
            install()?;
        }
        let cargo_fuzz = CARGO_FUZZ
            .installed()
            .ok_or("cargo-fuzz was built, but can't be found")?;
        Ok(Self {
            cargo_fuzz,
            host: host()?,
        })
    }

    /// The command that builds a target.
    pub(super) fn build(&self, target: Target) -> Command {
        let mut build = Command::new(&self.cargo_fuzz);
        build
            .args(["fuzz", "build", "--fuzz-dir"])
            .arg(cargo::workspace().join("fuzz"))
            .arg("--target-dir")
            .arg(folder())
            .args(["--target", &self.host]);
        if !target.features.is_empty() {
            build.args(["--features", target.features]);
        }
        build.arg(target.name);
        build
            // Sanitizers are behind a flag that a stable compiler opens only so.
            .env("RUSTC_BOOTSTRAP", "1")
            // Optimising across crates costs minutes, and what it inlines is lost to coverage.
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .envs(boringssl::for_linking(&self.output()));
        build
    }

    /// The program of a target that was built.
    pub(super) fn program(&self, target: Target) -> PathBuf {
        self.output().join(target.name)
    }

    fn output(&self) -> PathBuf {
        folder().join(&self.host).join("release")
    }
}

fn install() -> Result<(), String> {
    let log = super::log("cargo-fuzz")?;
    println!("building cargo-fuzz, once; log in {}", log.display());
    super::carry_out(&mut CARGO_FUZZ.install(), &log)
}

/// Apart from the other builds: theirs would be thrown away for these flags, and these for theirs.
fn folder() -> PathBuf {
    super::folder().join("build")
}

fn host() -> Result<String, String> {
    let mut rustc = Command::new("rustc");
    let output = rustc.arg("-vV").output();
    let output = output.map_err(|error| format!("{rustc:?} can't be run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| "rustc -vV names no host".to_owned())
}
