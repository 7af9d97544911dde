//! `cargo xtask test`: everything that must hold before a change lands.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::thread;

use anyhow::{Result, anyhow};

use crate::boringssl;
use crate::cargo;
use crate::deny::{self, CARGO_DENY};
use crate::freestanding;
use crate::fuzz;
use crate::interop;
use crate::loom;
use crate::machine;
use crate::packages;
use crate::probe;
use crate::python::AIOQUIC;
use crate::requirement::H2LOAD;
use crate::sanitizers;
use crate::setup;
use crate::step::{self, Step};
use crate::tally::{self, Tally};
use crate::vm;

/// What runs beside the tests takes the processor time that they leave.
const NICENESS: i32 = 10;

/// A download can break off.
const TRIES_TO_INSTALL: usize = 2;

/// Runs every step, even after one has failed, and closes with a table and one line of counts.
pub(crate) fn command() -> Result<ExitCode> {
    setup::ensure_for_tests()?;
    add_rust_components();
    for note in machine::notes() {
        println!("note: {note}");
    }
    if let Err(problem) = AIOQUIC.ensure() {
        println!("note: no tests with aioquic: {problem:#}");
    }
    if let Err(problem) = interop::ensure_browser() {
        println!("note: no test with a browser: {problem:#}");
    }
    if let Err(problem) = setup::ensure_also(&[H2LOAD]) {
        println!("note: no test with h2load: {problem:#}");
    }
    // Two threads: a build ends on one core, and tests sleep. Each has its own target folders.
    let (in_target, apart) = thread::scope(|scope| {
        let apart = scope.spawn(|| {
            step::set_margin("| ");
            // On Linux this holds for the thread and the programs it starts. The tests in the other
            // thread keep time.
            if let Err(error) = rustix::process::nice(NICENESS) {
                println!("| note: nice(2): {error}");
            }
            steps_apart()
        });
        let in_target = steps_in_target();
        (in_target, apart.join())
    });
    let mut steps = in_target?;
    steps.extend(apart.map_err(|_| anyhow!("the thread of the steps apart panicked"))??);
    Ok(close(&steps))
}

/// What is built in cargo's own target folder, and the emulated cards, which run the same tests.
fn steps_in_target() -> Result<Vec<Step>> {
    let mut steps = vec![
        Step::run(
            "formatting",
            cargo::command("fmt").args(["--all", "--", "--check"]),
        ),
        Step::run("tests", &mut tests()).counting_tests(),
        Step::run("XDP program as it ships", &mut shipped()).counting_tests(),
    ];
    steps.extend(vm::steps()?);
    Ok(steps)
}

/// What is built with other features, flags or tools, in target folders of its own. Those that run
/// the library's tests come last, when the tests above are mostly done.
fn steps_apart() -> Result<Vec<Step>> {
    let mut lints = lint();
    lints.args(["--workspace", "--all-targets", "--all-features"]);
    let mut steps = vec![
        Step::run("lints", lints.args(WARNINGS_ARE_ERRORS)),
        Step::run("documentation", &mut documentation()),
    ];
    steps.extend(feature_steps()?);
    steps.extend(packages::steps()?);
    steps.extend(ordering_steps()?);
    steps.extend(freestanding::steps());
    steps.extend(deny_steps()?);
    steps.extend(fuzz::short_round()?);
    steps.extend(sanitizers::steps()?);
    Ok(steps)
}

/// A minimal toolchain has neither rustfmt nor clippy; where rustup is, it can add them.
fn add_rust_components() {
    let has = |tool| {
        let mut version = cargo::program();
        version
            .args([tool, "--version"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        version.status().is_ok_and(|status| status.success())
    };
    if !(has("fmt") && has("clippy")) && probe::on_path("rustup").is_some() {
        // If this fails, the steps that need them say so.
        let _ = Command::new("rustup")
            .args(["component", "add", "rustfmt", "clippy"])
            .status();
    }
}

const WARNINGS_ARE_ERRORS: [&str; 3] = ["--", "-D", "warnings"];

fn lint() -> Command {
    let mut lint = cargo::command("clippy");
    lint.envs(boringssl::for_checking());
    lint
}

/// Each crate with none of its features, and with each one alone: they are additive, so none may
/// need another.
fn feature_steps() -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let metadata = cargo::metadata()?;
    for package in metadata.workspace_packages() {
        let features = package.features.keys().filter(|it| *it != "default");
        let features: Vec<_> = features.map(String::as_str).collect();
        if features.is_empty() {
            continue;
        }
        for feature in [""].into_iter().chain(features) {
            let mut lint = lint();
            lint.args(["--package", &package.name, "--no-default-features"]);
            lint.args(["--features", feature]).args(WARNINGS_ARE_ERRORS);
            let label = if feature.is_empty() {
                "no feature"
            } else {
                feature
            };
            steps.push(Step::run(
                format!("{} with {label}", package.name),
                &mut lint,
            ));
        }
    }
    Ok(steps)
}

fn documentation() -> Command {
    let mut doc = cargo::command("doc");
    doc.args(["--workspace", "--no-deps", "--all-features"])
        .envs(boringssl::for_checking())
        .env("RUSTDOCFLAGS", "-D warnings");
    doc
}

/// Unit, integration and doc tests. The dev profile: it checks overflow, on which ring arithmetic
/// must not rely.
fn tests() -> Command {
    let mut test = cargo::command("test");
    // A passing test's output is shown too: a skipped test reports it there.
    test.args([
        "--workspace",
        "--all-features",
        "--no-fail-fast",
        "--",
        "--show-output",
    ]);
    test
}

/// All features include the one that compiles the XDP program anew. These are its tests on the
/// object that ships.
fn shipped() -> Command {
    let mut test = cargo::command("test");
    test.args(["--package", "xskit-bpf", "--test", "xdp"]);
    test.args(["--", "--show-output"]);
    test
}

/// The rings under loom; then each of their orderings weakened in turn, which a loom test has to
/// notice.
fn ordering_steps() -> Result<[Step; 2]> {
    let mut tests = loom::tests(&cargo::workspace());
    tests.args(["--", "--show-output"]);
    Ok([
        Step::run("loom", &mut tests).counting_tests(),
        Step::run("orderings, each weakened", cargo::xtask()?.arg("orderings")),
    ])
}

/// The checks of the dependencies, with a cargo-deny that is built here if there is none. If it
/// can't be built, that is not a fault of this workspace, and the checks are skipped.
fn deny_steps() -> Result<[Step; 3]> {
    for _ in 0..TRIES_TO_INSTALL {
        if CARGO_DENY.installed().is_none() {
            // Whether it worked shows below, by the program itself.
            Step::run("cargo-deny, built once", &mut CARGO_DENY.install());
        }
    }
    let cargo_deny = CARGO_DENY.installed();
    let run_or_skip = |name, check: fn(&Path) -> Command| match &cargo_deny {
        Some(cargo_deny) => Step::run(name, &mut check(cargo_deny)),
        None => Step::skip(name, "cargo-deny, which can't be built here (see above)"),
    };
    let name = "advisories";
    let has_database = cargo_deny.as_deref().is_none_or(has_database);
    Ok([
        run_or_skip("licences, duplicates, sources", deny::check),
        Step::run(
            "versions whose advisories were read",
            cargo::xtask()?.arg(name),
        ),
        match has_database {
            true => run_or_skip(name, deny::advisories),
            false => Step::skip(name, "RustSec's database, which can't be fetched here"),
        },
    ])
}

/// Whether the database of advisories could be fetched. It is on a server of others, too.
fn has_database(cargo_deny: &Path) -> bool {
    deny::fetch(cargo_deny)
        .output()
        .is_ok_and(|fetched| fetched.status.success())
}

/// The closing table, and whether all succeeded.
pub(crate) fn close(steps: &[Step]) -> ExitCode {
    let mut total = Tally::default();
    println!();
    for step in steps {
        let state = if step.succeeded { "ok" } else { "FAILED" };
        println!(
            "{state:<6} {:>7.1} s  {:<40} {}",
            step.took.as_secs_f64(),
            step.name,
            step.tally
        );
        total += step.tally;
    }
    for step in steps.iter().filter(|step| step.tally.skipped > 0) {
        for (reason, count) in tally::skip_reasons(&step.output) {
            println!("{count} skipped: needs {reason}");
        }
    }
    println!("{total}");
    if steps.iter().all(|step| step.succeeded) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
