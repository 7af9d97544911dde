//! The tests under AddressSanitizer: it checks what `unsafe` reads and writes, on the real kernel
//! too, and finds leaks.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::cargo;
use crate::step::Step;

/// Where the toolchain brings the sanitizer along, and the target to name: with one named, build
/// scripts and macros are built without it.
pub(crate) const TARGET: Option<&str> = if cfg!(all(target_arch = "x86_64", target_env = "gnu")) {
    Some("x86_64-unknown-linux-gnu")
} else if cfg!(all(target_arch = "aarch64", target_env = "gnu")) {
    Some("aarch64-unknown-linux-gnu")
} else {
    None
};

/// What it is called if it isn't there.
pub(crate) const PLACES: &str = "x86_64 or aarch64, with glibc";

const SANITIZER: &str = "-Zsanitizer=address";

/// The prefix of the names of tests that leak on purpose: they forget a socket, and with it what
/// the kernel may write to. They run by themselves, where a leak is not a failure. A list of
/// suppressions would name functions, which LeakSanitizer only knows if llvm-symbolizer is
/// installed.
const LEAKING: &str = "a_leaked_socket_";

/// The crates whose own code is `unsafe` or calls the kernel.
const PACKAGES: [&str; 4] = ["xskit-core", "xskit-rustix", "xskit-uring", "xskit"];

/// Tests of the other crates that touch memory of the library or the kernel.
const TESTS: [&str; 3] = ["pitfalls", "socket", "veth"];

/// Tests of core that run the compiler or read its sources, and those that loom runs.
const LEFT_OUT: [&str; 4] = ["compile_fail", "examples", "loom", "unsafe_list"];

/// The tests, those that leak, and two programs in which the sanitizer must find something.
pub(crate) fn steps() -> Result<Vec<Step>> {
    let Some(target) = TARGET else {
        return Ok(vec![Step::skip("AddressSanitizer", PLACES)]);
    };
    let tests = tests()?;
    let mut leaking = test(target, &tests);
    leaking.env("ASAN_OPTIONS", "detect_leaks=0").arg(LEAKING);
    let mut steps = vec![
        Step::run(
            "AddressSanitizer",
            test(target, &tests).args(["--skip", LEAKING]),
        )
        .counting_tests(),
        Step::run("AddressSanitizer: leaked sockets", &mut leaking).counting_tests(),
    ];
    steps.extend(controls(target));
    Ok(steps)
}

/// The names of all tests to run.
fn tests() -> Result<Vec<String>> {
    let packages = cargo::metadata()?.packages;
    let core = packages.into_iter().find(|it| it.name == PACKAGES[0]);
    let mut tests = core.context("the package of the core")?.targets;
    tests.retain(|it| it.is_test() && !LEFT_OUT.contains(&&*it.name));
    let names = TESTS.map(str::to_owned).into_iter();
    Ok(names.chain(tests.into_iter().map(|it| it.name)).collect())
}

/// One command for all, so that each dependency is built once.
fn test(target: &str, tests: &[String]) -> Command {
    let mut command = cargo::command("test");
    instrument(&mut command)
        .env("RUSTFLAGS", SANITIZER)
        .env("CARGO_TARGET_DIR", folder())
        .args(["--target", target, "--no-fail-fast"])
        .args(PACKAGES.iter().flat_map(|package| ["--package", package]))
        .args(["--features", "xskit/backend-uring", "--lib"])
        .args(tests.iter().flat_map(|test| ["--test", test]))
        .args(["--", "--show-output"]);
    command
}

/// What must be found: a read out of bounds, and a leak.
fn controls(target: &str) -> Vec<Step> {
    let program = folder().join("control");
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    instrument(&mut rustc)
        .args(["--edition", "2024", SANITIZER, "--target", target, "-o"])
        .arg(&program)
        .arg(cargo::workspace().join("xtask/controls/memory.rs"));
    let control = |name, deed, report| {
        let mut program = Command::new(&program);
        Step::run_to_fail(name, program.arg(deed), report)
    };
    vec![
        Step::run("controls of AddressSanitizer", &mut rustc),
        control(
            "control: a read out of bounds is found",
            "overflow",
            "AddressSanitizer: heap-buffer-overflow",
        ),
        control(
            "control: a leak is found",
            "leak",
            "LeakSanitizer: detected memory leaks",
        ),
    ]
}

/// The flag is unstable, and the toolchain is not: this opens it.
fn instrument(command: &mut Command) -> &mut Command {
    command.env("RUSTC_BOOTSTRAP", "1")
}

fn folder() -> PathBuf {
    cargo::target().join("sanitizer")
}
