//! BoringSSL, which takes minutes to build. Checking links nothing, so there its headers are
//! enough; and what another build has made can be linked again.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::SystemTime;

use crate::cargo;

/// What to set for a command that links nothing: the headers in place of a library, in a target
/// folder of its own. Most sets of features would build another library.
pub(crate) fn for_checking() -> Vec<(&'static str, PathBuf)> {
    /// cargo is asked only once.
    static HEADERS: LazyLock<Option<PathBuf>> = LazyLock::new(headers);
    let mut variables = vec![("CARGO_TARGET_DIR", cargo::target().join("check"))];
    variables.extend(HEADERS.clone().map(|path| ("BORING_BSSL_PATH", path)));
    variables
}

/// The sources of BoringSSL as the crate boring-sys brings them, with `include/` in them.
fn headers() -> Option<PathBuf> {
    let sources = cargo::sources_of("boring-sys")?.join("deps/boringssl");
    sources.join("include/openssl").is_dir().then_some(sources)
}

/// What to set for a build into `output` (a profile's folder) so that it links a BoringSSL that is
/// built already: nothing if the caller has named one, if that build has made its own, or if there
/// is none. Every profile's is optimised.
pub(crate) fn for_linking(output: &Path) -> Vec<(&'static str, PathBuf)> {
    if env::var_os("BORING_BSSL_PATH").is_some() || newest(output).is_some() {
        return Vec::new();
    }
    let profiles = ["release", "demo", "debug"].map(|profile| cargo::target().join(profile));
    let Some(built) = profiles.iter().find_map(|profile| newest(profile)) else {
        return Vec::new();
    };
    vec![
        ("BORING_BSSL_PATH", built.join("build")),
        ("BORING_BSSL_INCLUDE_PATH", built.join("boringssl/include")),
    ]
}

/// Where the build script of boring-sys has put its library last, among the builds of a profile.
fn newest(profile: &Path) -> Option<PathBuf> {
    let builds = fs::read_dir(profile.join("build")).ok()?;
    let scripts = builds.flatten().filter(|entry| {
        entry
            .file_name()
            .to_string_lossy()
            .starts_with("boring-sys-")
    });
    let built = |out: PathBuf| -> Option<(SystemTime, PathBuf)> {
        let library = fs::metadata(out.join("build/libssl.a")).ok()?;
        let whole = out.join("build/libcrypto.a").is_file()
            && out.join("boringssl/include/openssl").is_dir();
        whole.then_some((library.modified().ok()?, out))
    };
    let outs = scripts.filter_map(|entry| built(entry.path().join("out")));
    outs.max().map(|(_, out)| out)
}

#[cfg(test)]
mod tests {
    use super::{headers, newest};
    use std::{env, fs, process};

    #[test]
    fn the_headers_are_where_the_build_script_looks() {
        let sources = headers().expect("boring-sys is a dependency");
        assert!(sources.join("include/openssl/x509v3.h").is_file());
    }

    #[test]
    fn a_library_is_found_when_all_of_it_is_there() {
        let profile = env::temp_dir().join(format!("xskit-boringssl-{}", process::id()));
        let out = profile.join("build/boring-sys-0123/out");
        fs::create_dir_all(out.join("boringssl/include/openssl")).expect("folders");
        fs::create_dir_all(out.join("build")).expect("a folder");
        fs::write(out.join("build/libssl.a"), "").expect("a file");
        assert_eq!(newest(&profile), None);
        fs::write(out.join("build/libcrypto.a"), "").expect("a file");
        let found = newest(&profile);
        fs::remove_dir_all(&profile).expect("they can be removed");
        assert_eq!(found, Some(out));
    }
}
