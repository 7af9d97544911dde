//! The core, linked against nothing: it needs no std and no allocator, and no code that runs per
//! packet can panic. `core/freestanding/` says how.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::cargo;
use crate::step::Step;

/// What the panic handler of `core/freestanding/` calls, which does not link. The linker does not
/// say from where: `cargo rustc --release --lib -- --emit=asm` in that folder does.
const PANIC: &str = "the_hot_path_can_panic";

/// The checks, and beside each a control: the same with what it is to find.
pub(crate) fn steps() -> Vec<Step> {
    // The same dependencies as in the workspace; cargo takes out of the file what isn't used.
    let lock = fs::copy(
        cargo::workspace().join("Cargo.lock"),
        folder().join("Cargo.lock"),
    );
    if let Err(error) = lock {
        println!("note: the lock file of core/freestanding: {error}");
    }
    let mut steps = vec![
        Step::run("freestanding: formatting", command(&["fmt"]).arg("--check")),
        Step::run(
            "freestanding: lints",
            command(&["clippy", "--release"]).args(["--", "-D", "warnings"]),
        ),
        Step::run(
            "core without std, alloc and libc, and without a panic per packet",
            &mut library(),
        ),
    ];
    let controls = [
        ("std", "with-std", "duplicate lang item `panic_impl`"),
        (
            "the crate alloc",
            "with-alloc",
            "no global memory allocator",
        ),
        ("a panic", "with-panic", PANIC),
    ];
    steps.extend(controls.map(|(what, feature, reason)| {
        let name = format!("control: {what} is found");
        Step::run_to_fail(name, library().args(["--features", feature]), reason)
    }));
    steps
}

fn library() -> Command {
    command(&["build", "--release", "--lib"])
}

fn command(args: &[&str]) -> Command {
    let mut command = cargo::program();
    command
        .args(args)
        .arg("--manifest-path")
        .arg(folder().join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", target());
    command
}

fn folder() -> PathBuf {
    cargo::workspace().join("core/freestanding")
}

fn target() -> PathBuf {
    cargo::target().join("freestanding")
}
