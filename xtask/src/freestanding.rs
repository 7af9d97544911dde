//! The core, linked against nothing: that it needs no std and no allocator, and that what runs for every packet can't
//! panic. `core/freestanding/` says how.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::cargo;
use crate::panics;
use crate::step::Step;

/// Where it has an entry point of its own (`src/no_std/start.rs`).
const HAS_ENTRY_POINT: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// The checks, and beside each a control: the same with what it is to find.
pub(crate) fn steps() -> Vec<Step> {
    let name = "core without std, alloc and libc";
    if !HAS_ENTRY_POINT {
        return vec![Step::skip(name, "x86_64 or aarch64")];
    }
    // The same dependencies as in the workspace; cargo takes out of the file what isn't used.
    let lock = fs::copy(
        cargo::workspace().join("Cargo.lock"),
        folder().join("Cargo.lock"),
    );
    if let Err(error) = lock {
        println!("note: the lock file of core/freestanding: {error}");
    }
    let no_std = || command(&["run", "--release", "--bin", "no_std"]);
    vec![
        Step::run("freestanding: formatting", command(&["fmt"]).arg("--check")),
        Step::run(
            "freestanding: lints",
            command(&["clippy", "--release"]).args(["--", "-D", "warnings"]),
        ),
        Step::run(name, &mut no_std()),
        Step::run_to_fail(
            "control: std is found",
            no_std().args(["--features", "with-std"]),
            "duplicate lang item `panic_impl`",
        ),
        Step::run_to_fail(
            "control: an allocation is found",
            no_std().args(["--features", "with-alloc"]),
            "no global memory allocator",
        ),
        without_panic(),
        Step::run_to_fail(
            "control: a panic is found",
            no_panic().args(["--features", "with-panic"]),
            panics::SYMBOL,
        ),
    ]
}

/// The linker says that there is a panic, not where; the assembly does.
fn without_panic() -> Step {
    let step = Step::run("core without a panic for a packet", &mut no_panic());
    if !step.succeeded && step.output.contains(panics::SYMBOL) {
        let assembly = command(&["rustc", "--release", "--lib", "--quiet"])
            .args(["--", "--emit=asm"])
            .output();
        let file = target().join("release/deps/no_panic.s");
        if let (Ok(_), Ok(text)) = (assembly, fs::read_to_string(&file)) {
            println!("    can panic: {}", panics::callers(&text).join(", "));
            println!("    see {}", file.display());
        }
    }
    step
}

fn no_panic() -> Command {
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
