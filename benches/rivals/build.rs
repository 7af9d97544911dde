//! Compiles the C half of the comparison with libxdp, where its header is installed.
//!
//! Nothing but `cargo bench` and `cargo xtask instructions` uses it, and without the header they
//! say so and leave libxdp out; so a missing header is no error.

use std::env;
use std::path::Path;
use std::process::Command;

const SHIM: &str = "src/libxdp.c";

/// Where headers are installed. Watched while the one wanted is missing, so that it is found once
/// it is there.
const INCLUDE_FOLDERS: [&str; 2] = ["/usr/include", "/usr/local/include"];

fn main() {
    println!("cargo::rustc-check-cfg=cfg(libxdp)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={SHIM}");
    println!("cargo::rerun-if-env-changed=CC");
    let mut build = cc::Build::new();
    build.file(SHIM).opt_level(3).flag("-std=gnu11");
    // Frame pointers would come with the debug information of the release profile: instructions
    // that Rust's side doesn't have.
    build.force_frame_pointer(false);
    // The compiler with rustc's back end, unless told otherwise: what is compared is the code.
    if env::var_os("CC").is_none() && version("clang").is_some() {
        build.compiler("clang");
    }
    // The preprocessor fails when a header is missing, and only then.
    if build.clone().cargo_warnings(false).try_expand().is_err() {
        let folders = INCLUDE_FOLDERS
            .into_iter()
            .filter(|folder| Path::new(folder).exists());
        folders.for_each(|folder| println!("cargo::rerun-if-changed={folder}"));
        return;
    }
    build.compile("xskit_rivals_libxdp");
    let compiler = build.get_compiler();
    let name = version(compiler.path()).unwrap_or_else(|| "an unknown compiler".to_owned());
    println!("cargo::rustc-cfg=libxdp");
    println!("cargo::rustc-env=XSKIT_RIVALS_CC={name}, -O3");
}

/// The first line of what a compiler says of itself.
fn version(compiler: impl AsRef<Path>) -> Option<String> {
    let output = Command::new(compiler.as_ref())
        .arg("--version")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(str::to_owned)
}
