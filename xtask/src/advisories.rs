//! `cargo xtask advisories`: are the packages that strangers or the kernel reach locked in the
//! versions whose advisories were read (`xtask/advisories.toml`)?
//!
//! `cargo xtask test` asks cargo-deny as well, for every package, where RustSec's database can be
//! fetched. This holds without: a version that moves has to be looked up before it passes.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use serde::Deserialize;

use crate::cargo;

#[derive(Deserialize)]
struct Read {
    read_on: String,
    /// Version and purpose by name.
    packages: BTreeMap<String, (String, String)>,
}

/// Fails if one of them is locked in another version.
pub(crate) fn command() -> Result<ExitCode> {
    let read: Read = toml::from_str(include_str!("../advisories.toml"))?;
    let packages = cargo::metadata()?.packages.into_iter();
    let locked: Vec<_> = packages
        .map(|it| (it.name.to_string(), it.version.to_string()))
        .collect();
    println!("advisories were read on {} for:", read.read_on);
    let mut code = ExitCode::SUCCESS;
    for (name, (version, purpose)) in &read.packages {
        println!("  {name:<22}{version:<14}{purpose}");
        if let Some(to_do) = moved(&locked, name, version) {
            println!("{to_do}");
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// The remedy for a package that is locked in another version, in several, or not at all.
fn moved(locked: &[(String, String)], name: &str, version: &str) -> Option<String> {
    let locked = locked.iter().filter(|(locked, _)| locked == name);
    let locked: Vec<_> = locked.map(|(_, version)| version).collect();
    (locked != [version]).then(|| {
        format!(
            "{name}: Cargo.lock has {locked:?}, and advisories were read for {version}: read those of \
             https://rustsec.org/packages/{name}.html, then write the version into xtask/advisories.toml"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::moved;

    #[test]
    fn what_moved_is_named_with_its_remedy() {
        let locked = [("a", "1.0.0"), ("b", "1.0.0"), ("b", "2.0.0")];
        let locked = locked.map(|(name, version)| (name.to_owned(), version.to_owned()));
        assert_eq!(moved(&locked, "a", "1.0.0"), None);
        for (name, version) in [("a", "1.0.1"), ("b", "1.0.0"), ("c", "1.0.0")] {
            let to_do = moved(&locked, name, version).expect("it moved");
            assert!(to_do.contains("rustsec.org/packages"), "{to_do}");
        }
    }
}
