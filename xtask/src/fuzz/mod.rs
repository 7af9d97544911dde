//! `cargo xtask fuzz`: libFuzzer on the targets of `fuzz/`, under AddressSanitizer, on the stable
//! toolchain.
//!
//! cargo builds all targets at once, with the flags of cargo-fuzz, which would have to be built
//! first.

mod outcome;
mod target;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};
use clap::ValueEnum;
use fs_err as fs;

use self::outcome::{End, Outcome};
use self::target::Target;
use crate::boringssl;
use crate::cargo;
use crate::sanitizers;
use crate::setup;
use crate::step::Step;
use crate::tally::{self, SKIPPED};

/// What a run may take beyond its time: it ends when an input is done, and looks for leaks then.
const GRACE_S: u64 = 120;

/// The time of each target in `cargo xtask test`.
const SHORT_S: &str = "10";

/// How long one input may take: more is a finding. libFuzzer counts the time on the clock, and the
/// short round leaves the processor to the tests.
const INPUT_LIMIT_S: u32 = 60;

/// Rust links some objects twice, which is no finding.
const ENVIRONMENT: [(&str, &str); 2] = [
    ("ASAN_OPTIONS", "detect_odr_violation=0"),
    ("RUST_BACKTRACE", "1"),
];

/// The flags of cargo-fuzz 0.13, without `link-dead-code`, and without `codegen-units=1`, which
/// serves optimisation across crates.
const RUSTFLAGS: &str = "-Zsanitizer=address --cfg fuzzing -Cpasses=sancov-module \
     -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
     -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares \
     -Cllvm-args=-simplifycfg-branch-fold-threshold=0 \
     -Cllvm-args=-sanitizer-coverage-stack-depth -Cdebug-assertions";

#[derive(clap::Args)]
#[command(override_usage = "\
cargo xtask fuzz [--seconds N] [TARGET]...
       cargo xtask fuzz --replay TARGET FILE
       cargo xtask fuzz [--seconds N] --minimise TARGET FILE")]
pub(crate) struct Args {
    /// How long each target runs
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Run one input, as a finding's report names it
    #[arg(long, num_args = 2, value_names = ["TARGET", "FILE"], conflicts_with_all = ["minimise", "targets"])]
    replay: Option<Vec<String>>,
    /// Look for a shorter input that fails as well, and put it into FILE.min
    #[arg(long, num_args = 2, value_names = ["TARGET", "FILE"], conflicts_with = "targets")]
    minimise: Option<Vec<String>>,
    /// The targets; all unless named
    #[arg(value_name = "TARGET")]
    targets: Vec<Target>,
}

pub(crate) fn command(mut args: Args) -> Result<ExitCode> {
    let one = args.replay.as_ref().or(args.minimise.as_ref());
    if let Some([name, file]) = one.map(Vec::as_slice) {
        let target = Target::from_str(name, false);
        let target =
            target.map_err(|_| anyhow!("no target {name:?}; see `cargo xtask fuzz -h`"))?;
        // Before a build of minutes.
        let file = fs::canonicalize(file)?;
        setup::ensure()?;
        cargo::run(&mut build(&[target])?)?;
        if args.minimise.is_some() {
            return minimise(target, &file, args.seconds);
        }
        return Err(cargo::become_it(libfuzzer(target)?.arg(file)));
    }
    if args.targets.is_empty() {
        args.targets = Target::value_variants().to_vec();
    }
    setup::ensure()?;
    cargo::run(&mut build(&args.targets)?)?;
    let outcomes = fuzz(&args.targets, args.seconds);
    print!("{}", report(&outcomes));
    let has_failed = |outcome: &Outcome| matches!(outcome.end, End::Failed { .. });
    Ok(ExitCode::from(u8::from(outcomes.iter().any(has_failed))))
}

/// The short round of `cargo xtask test`. A target that can't run here counts as skipped.
pub(crate) fn short_round() -> Result<Step> {
    if host().is_err() {
        return Ok(Step::skip("fuzzing", sanitizers::PLACES));
    }
    let mut round = cargo::xtask()?;
    round.args(["fuzz", "--seconds", SHORT_S]);
    let mut step = Step::run(format!("fuzzing, {SHORT_S} s per target"), &mut round);
    step.tally.skipped = tally::skip_reasons(&step.output).values().sum();
    Ok(step)
}

/// Logs and builds, of which nothing is worth keeping.
fn folder() -> PathBuf {
    cargo::target().join("fuzz")
}

/// Apart from the other builds: theirs would be thrown away for these flags, and these for theirs.
fn built() -> PathBuf {
    folder().join("build")
}

/// Builds targets, with a target triple, so that build scripts and macros stay as they are.
fn build(targets: &[Target]) -> Result<Command> {
    let features: Vec<_> = targets.iter().map(|target| target.features()).collect();
    let mut build = cargo::command("build");
    build
        .args(["--release", "--package", "xskit-fuzz"])
        .args(["--target", host()?, "--target-dir"])
        .arg(built())
        .args(["--features", &features.join(",")])
        // Dependencies are most of what is compiled, and the attacks are not on them.
        .args(["--config", "profile.release.package.'*'.opt-level=1"]);
    for target in targets {
        build.args(["--bin", &target.name()]);
    }
    build
        // Sanitizers are behind a flag that a stable compiler opens only so.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", RUSTFLAGS)
        // Optimising across crates costs minutes, and what it inlines is lost to coverage.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .envs(boringssl::for_linking(&programs()?));
    Ok(build)
}

/// The folder of the targets' programs.
fn programs() -> Result<PathBuf> {
    Ok(built().join(host()?).join("release"))
}

/// The triple to build for.
fn host() -> Result<&'static str> {
    sanitizers::TARGET.context(sanitizers::PLACES)
}

/// Runs as many targets at a time as there are cores. One that can't be run has failed, and the
/// others go on.
fn fuzz(targets: &[Target], each_s: u64) -> Vec<Outcome> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut outcomes = Vec::new();
    for round in targets.chunks(cores) {
        let start = |target: &Target| (target.name(), start(*target, each_s));
        let runs: Vec<_> = round.iter().map(start).collect();
        for (target, run) in runs {
            let outcome = run.and_then(|(run, log)| finish(&target, run, &log));
            outcomes.push(outcome.unwrap_or_else(|problem| Outcome {
                end: End::Failed {
                    what: format!("{problem:#}"),
                    artifact: None,
                },
                target,
                figures: String::new(),
            }));
        }
    }
    outcomes
}

fn start(target: Target, each_s: u64) -> Result<(Child, PathBuf)> {
    let name = target.name();
    fs::create_dir_all(folder())?;
    let path = folder().join(format!("{name}.log"));
    println!("{name}: fuzzing for {each_s} s; log in {}", path.display());
    let fuzz = cargo::workspace().join("fuzz");
    let corpus = fuzz.join("corpus").join(&name);
    fs::create_dir_all(&corpus)?;
    let mut run = limited(target, each_s)?;
    run
        // Of the search alone: minimising finds its own length, and libFuzzer dies of another.
        .arg(format!("-max_len={}", target.max_len_bytes()))
        .arg("-print_final_stats=1")
        // New inputs go to the first folder.
        .arg(corpus)
        .arg(fuzz.join("seeds").join(&name));
    let mut log = File::create(&path)?;
    writeln!(log, "{run:?}")?;
    run.stdout(log.try_clone()?).stderr(log);
    Ok((run.spawn().context("timeout can't be run")?, path))
}

fn finish(target: &str, mut run: Child, log: &Path) -> Result<Outcome> {
    let status = run.wait()?;
    let mut output = String::from_utf8_lossy(&fs::read(log)?).into_owned();
    // The codes of timeout(1), which prints nothing itself.
    if let Some(124 | 137) = status.code() {
        output += "\nERROR: did not end by itself, and was killed\n";
    }
    Ok(Outcome::of(target, status.success(), &output))
}

/// A target's program with what one input may cost.
fn libfuzzer(target: Target) -> Result<Command> {
    let artifacts = cargo::workspace()
        .join("fuzz/artifacts")
        .join(target.name());
    fs::create_dir_all(&artifacts)?;
    let mut run = Command::new(programs()?.join(target.name()));
    run.arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(format!("-timeout={INPUT_LIMIT_S}"))
        .arg(format!("-rss_limit_mb={}", target.rss_limit_mib()))
        .envs(ENVIRONMENT);
    Ok(run)
}

/// As [`libfuzzer`], for this long; it is killed if it runs much longer. In the foreground, so that
/// Ctrl-C ends it as well.
fn limited(target: Target, time_s: u64) -> Result<Command> {
    let libfuzzer = libfuzzer(target)?;
    let mut run = Command::new("timeout");
    run.args(["--foreground", "--kill-after=5"])
        .arg((time_s + GRACE_S).to_string())
        .arg(libfuzzer.get_program())
        .args(libfuzzer.get_args())
        .arg(format!("-max_total_time={time_s}"))
        .envs(ENVIRONMENT);
    Ok(run)
}

/// Leaves the shortest input found in FILE.min.
fn minimise(target: Target, file: &Path, time_s: u64) -> Result<ExitCode> {
    let mut shorter = file.as_os_str().to_owned();
    shorter.push(".min");
    let shorter = PathBuf::from(shorter);
    // Left by an earlier run; usually there is none.
    let _ = fs::remove_file(&shorter);
    let mut run = limited(target, time_s)?;
    run.arg("-minimize_crash=1")
        .arg(format!("-exact_artifact_path={}", shorter.display()));
    let status = run.arg(file).status().context("timeout can't be run")?;
    // What can't be made shorter is written as it is.
    let len = |path: &Path| fs::metadata(path).map_or(u64::MAX, |metadata| metadata.len());
    ensure!(
        len(&shorter) < len(file),
        "no shorter input was found ({status})"
    );
    println!("{}", shorter.display());
    Ok(ExitCode::SUCCESS)
}

/// A line per target, with libFuzzer's figures; then the findings, and how to see each again.
fn report(outcomes: &[Outcome]) -> String {
    let mut lines = vec![String::new()];
    for outcome in outcomes {
        let end = match &outcome.end {
            End::Clean => "ok",
            End::Skipped(what) => &format!("{SKIPPED}{what}"),
            End::Failed { .. } => "FAILED",
        };
        lines.push(format!(
            "{:<15} {end:<6} {}",
            outcome.target, outcome.figures
        ));
    }
    for Outcome { target, end, .. } in outcomes {
        if let End::Failed { what, artifact } = end {
            lines.push(format!("\n{target}: {what}"));
            if let Some(input) = artifact {
                lines.push(format!(
                    "  replay  cargo xtask fuzz --replay {target} {input}"
                ));
            }
        }
    }
    lines.push(format!("logs in {}\n", folder().display()));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::outcome::Outcome;
    use super::report;

    #[test]
    fn a_finding_can_be_replayed_and_a_skip_is_seen() {
        let outcomes = [
            (false, "two owners\nTest unit written to /a/crash-0bad\n"),
            (true, "skipped: needs CAP_BPF\n"),
        ];
        let outcomes = outcomes.map(|(succeeded, output)| Outcome::of("a", succeeded, output));
        let report = report(&outcomes);
        assert!(
            report.contains("cargo xtask fuzz --replay a /a/crash-0bad\n"),
            "{report}"
        );
        assert!(report.contains("skipped: needs CAP_BPF"), "{report}");
    }
}
