//! Which cargo features each crate of the workspace offers, read from the manifests.

use std::fs;
use std::path::Path;

/// A crate and its features.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) package: String,
    pub(crate) features: Vec<String>,
}

/// The crates in `workspace` and in the folders just below it that offer features, by name.
pub(crate) fn of_workspace(workspace: &Path) -> Vec<Offer> {
    let folders = fs::read_dir(workspace)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let manifests = folders
        .chain([workspace.to_path_buf()])
        .map(|folder| folder.join("Cargo.toml"));
    let mut offers: Vec<Offer> = manifests
        .filter_map(|path| fs::read_to_string(path).ok())
        .filter_map(|text| offer(&text))
        .collect();
    offers.sort_by(|a, b| a.package.cmp(&b.package));
    offers
}

/// Reads one manifest. A folder with a workspace of its own (fuzz/) has no features to offer, and
/// is left out with it.
fn offer(manifest: &str) -> Option<Offer> {
    let mut section = "";
    let (mut package, mut features) = (None, Vec::new());
    for line in manifest
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
    {
        if line.starts_with('[') && line.ends_with(']') && !line.contains('"') {
            section = line;
        } else if let Some((key, value)) = line.split_once('=') {
            let (key, value) = (key.trim(), value.trim());
            match section {
                "[package]" if key == "name" => package = Some(value.trim_matches('"').to_owned()),
                "[features]" if value.starts_with('[') && key != "default" => {
                    features.push(key.to_owned())
                }
                _ => {}
            }
        }
    }
    let package = package.filter(|_| !features.is_empty())?;
    Some(Offer { package, features })
}

#[cfg(test)]
mod tests {
    use super::{Offer, of_workspace, offer};
    use crate::cargo;

    #[test]
    fn features_are_keys_of_their_section_only() {
        let manifest = "\
[package]
name = \"x\"
[features]
default = [
    \"a\",
]
# note = [\"x\"]
a = []
b-c = [\"dep:d\", \"e/f\"]
[dependencies]
d = { version = \"1\", features = [\"z\"] }
";
        let expected = Offer {
            package: "x".to_owned(),
            features: vec!["a".to_owned(), "b-c".to_owned()],
        };
        assert_eq!(offer(manifest), Some(expected));
        assert_eq!(
            offer("[package]\nname = \"x\"\n[dependencies]\na = [\"b\"]\n"),
            None
        );
    }

    #[test]
    fn the_simulated_kernel_of_core_is_seen() {
        let offers = of_workspace(&cargo::workspace());
        let core = offers.iter().find(|offer| offer.package == "xskit-core");
        assert!(
            core.is_some_and(|offer| offer.features.iter().any(|feature| feature == "sim")),
            "{offers:?}"
        );
    }
}
