//! BoringSSL, which takes minutes to build. Checking links nothing, so there its headers are enough.

use std::path::PathBuf;

use crate::cargo;

/// The sources of BoringSSL as the crate boring-sys brings them, with `include/` in them. As `BORING_BSSL_PATH` they
/// stand for a built library, wherever none is linked.
pub(crate) fn headers() -> Option<PathBuf> {
    let mut metadata = cargo::command("metadata");
    let output = metadata.args(["--format-version", "1"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let sources = crate_folder(&text, "boring-sys")?.join("deps/boringssl");
    sources.join("include/openssl").is_dir().then_some(sources)
}

/// The folder of a crate from a registry, by the paths of the manifests in cargo's metadata.
fn crate_folder(metadata: &str, name: &str) -> Option<PathBuf> {
    metadata
        .split("\"manifest_path\":\"")
        .filter_map(|rest| rest.split_once("/Cargo.toml\""))
        .map(|(folder, _)| PathBuf::from(folder))
        .find(|folder| {
            let own = folder.file_name().and_then(|own| own.to_str());
            let version = own
                .and_then(|own| own.strip_prefix(name))
                .and_then(|rest| rest.strip_prefix('-'));
            version.is_some_and(|version| version.starts_with(|first: char| first.is_ascii_digit()))
        })
}

#[cfg(test)]
mod tests {
    use super::{crate_folder, headers};
    use std::path::PathBuf;

    #[test]
    fn a_crate_is_found_by_name_and_version() {
        let metadata = r#"{"a":1,"manifest_path":"/r/boring-sys-x-1.0.0/Cargo.toml","b":2},
            {"manifest_path":"/r/boring-sys-5.4.0/Cargo.toml"}"#;
        let found = crate_folder(metadata, "boring-sys");
        assert_eq!(found, Some(PathBuf::from("/r/boring-sys-5.4.0")));
        assert_eq!(crate_folder(metadata, "boring"), None);
    }

    #[test]
    fn the_headers_are_where_the_build_script_looks() {
        let sources = headers().expect("boring-sys is a dependency");
        assert!(sources.join("include/openssl/x509v3.h").is_file());
    }
}
