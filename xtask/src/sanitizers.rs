//! The tests once more under AddressSanitizer: what `unsafe` reads and writes, on the real kernel too, and what is
//! never freed.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::cargo;
use crate::step::Step;

/// Where the toolchain brings the sanitizer along, and the target to name: with one named, build scripts and macros are
/// built without it.
const TARGET: Option<&str> = if cfg!(all(target_arch = "x86_64", target_env = "gnu")) {
    Some("x86_64-unknown-linux-gnu")
} else if cfg!(all(target_arch = "aarch64", target_env = "gnu")) {
    Some("aarch64-unknown-linux-gnu")
} else {
    None
};

const SANITIZER: &str = "-Zsanitizer=address";

/// The beginning of the names of tests that leak on purpose: a socket that is forgotten, and so what the kernel may write
/// to. They run by themselves, where leaks are no failure: a list of suppressions names functions, which LeakSanitizer only knows where llvm-symbolizer is there.
const LEAKING: &str = "a_leaked_socket_";

/// Those above, one that takes the compiler for a walk, and no memory of ours, and one that runs an example, which is not
/// built here.
const LEFT_OUT: [&str; 3] = [LEAKING, "the_right_use_compiles", "core_alone"];

/// Core's tests, the tests on real sockets, and two programs that are to be caught.
pub(crate) fn steps() -> Vec<Step> {
    let Some(target) = TARGET else {
        return vec![Step::skip(
            "AddressSanitizer",
            "x86_64 or aarch64, with glibc",
        )];
    };
    let left_out = LEFT_OUT.iter().flat_map(|test| ["--skip", *test]);
    let mut core = test(target, &["xskit-core", "--lib", "--tests"]);
    let mut leaking = test(target, &["xskit-core", "--test", "socket"]);
    leaking.env("ASAN_OPTIONS", "detect_leaks=0");
    let mut veth = test(target, &["xskit-rustix", "--test", "veth"]);
    let what = [
        "xskit-uring",
        "--lib",
        "--test",
        "veth",
        "--test",
        "pitfalls",
    ];
    let mut uring = test(target, &what);
    let what = ["xskit", "--test", "socket", "--features", "backend-uring"];
    let mut kept = test(target, &what);
    let mut steps = vec![
        Step::run("AddressSanitizer: core", core.args(left_out)).counting_tests(),
        Step::run("AddressSanitizer: leaked sockets", leaking.arg(LEAKING)).counting_tests(),
        Step::run("AddressSanitizer: veth, rustix", &mut veth).counting_tests(),
        Step::run("AddressSanitizer: veth, uring", &mut uring).counting_tests(),
        Step::run("AddressSanitizer: sockets that are kept", &mut kept).counting_tests(),
    ];
    steps.extend(controls(target));
    steps
}

fn test(target: &str, what: &[&str]) -> Command {
    let mut command = cargo::command("test");
    instrument(&mut command)
        .env("RUSTFLAGS", SANITIZER)
        .env("CARGO_TARGET_DIR", folder())
        .args(["--target", target, "--no-fail-fast", "--package"])
        .args(what)
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
