//! `cargo xtask fuzz`: libFuzzer on the targets of `fuzz/`, under AddressSanitizer, on the stable
//! toolchain.
//!
//! cargo builds all targets at once, with the flags of cargo-fuzz, which would have to be built
//! first.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::Target;
use fs_err as fs;

use crate::boringssl;
use crate::cargo;
use crate::sanitizers;
use crate::setup;
use crate::step::{self, Step};
use crate::tally::SKIPPED;
use crate::test;

/// The package whose programs are the targets.
const PACKAGE: &str = "xskit-fuzz";

/// What a run may take beyond its time: it ends when an input is done, and looks for leaks then.
const GRACE_S: u64 = 120;

/// The time of each target in `cargo xtask test`.
const SHORT_S: u64 = 10;

/// How long one input may take: more is a finding. libFuzzer counts the time on the clock, and the
/// short round leaves the processor to the tests.
const INPUT_LIMIT_S: u32 = 20;

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
    #[arg(long, conflicts_with = "minimise")]
    replay: bool,
    /// Look for a shorter input that fails as well, and put it into FILE.min
    #[arg(long)]
    minimise: bool,
    /// The targets, all unless named; or one and a file
    #[arg(value_name = "TARGET")]
    words: Vec<String>,
}

pub(crate) fn command(args: &Args) -> Result<ExitCode> {
    if !args.replay && !args.minimise {
        let targets = targets(&args.words)?;
        setup::ensure()?;
        cargo::run(&mut build(&targets)?)?;
        return Ok(test::close(&fuzz(&targets, args.seconds)));
    }
    let [target, file] = &args.words[..] else {
        bail!("--replay and --minimise take a TARGET and a FILE");
    };
    // Before a build of minutes.
    let (target, file) = (
        targets(std::slice::from_ref(target))?,
        fs::canonicalize(file)?,
    );
    setup::ensure()?;
    cargo::run(&mut build(&target)?)?;
    if args.minimise {
        return minimise(&target[0], &file, args.seconds);
    }
    Err(cargo::become_it(libfuzzer(&target[0])?.arg(file)))
}

/// The short round of `cargo xtask test`: each target is a check.
pub(crate) fn short_round() -> Result<Vec<Step>> {
    if host().is_err() {
        return Ok(vec![Step::skip("fuzzing", sanitizers::PLACES)]);
    }
    let targets = targets(&[])?;
    let built = Step::run("fuzz targets, built", &mut build(&targets)?);
    let mut steps = vec![built];
    if steps[0].succeeded {
        steps.extend(fuzz(&targets, SHORT_S));
    }
    Ok(steps)
}

/// The targets of these names, or all.
fn targets(names: &[String]) -> Result<Vec<Target>> {
    let packages = cargo::metadata()?.packages;
    let package = packages.into_iter().find(|package| package.name == PACKAGE);
    let mut targets = package.context("the package of the targets")?.targets;
    targets.retain(Target::is_bin);
    let known: Vec<_> = targets.iter().map(|target| target.name.clone()).collect();
    for name in names {
        let known_names = known.join(", ");
        ensure!(
            known.contains(name),
            "no target {name:?}; there are {known_names}"
        );
    }
    targets.retain(|target| names.is_empty() || names.contains(&target.name));
    Ok(targets)
}

/// What libFuzzer may make of a target: the longest input in bytes, and memory in MiB.
fn limits(target: &Target) -> (u32, u32) {
    match &*target.name {
        "ring_ops" | "hostile_kernel" => (1024, 1024),
        "udp_datagram" => (2048, 2048),
        _ => (2048, 1024),
    }
}

/// Logs and builds, of which nothing is worth keeping.
fn folder() -> PathBuf {
    cargo::target().join("fuzz")
}

/// Builds targets, with a target triple, so that build scripts and macros stay as they are. One
/// that needs only the core doesn't wait for QUIC.
fn build(targets: &[Target]) -> Result<Command> {
    let mut build = cargo::command("build");
    build
        .args(["--release", "--package", PACKAGE])
        .args(["--target", host()?, "--target-dir"])
        // Apart from the other builds: theirs would be thrown away for these flags.
        .arg(folder().join("build"))
        // Dependencies are most of what is compiled, and the attacks are not on them.
        .args(["--config", "profile.release.package.'*'.opt-level=1"]);
    for target in targets {
        build.args(["--bin", &target.name]);
        for feature in &target.required_features {
            build.args(["--features", feature]);
        }
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
    Ok(folder().join("build").join(host()?).join("release"))
}

/// The triple to build for.
fn host() -> Result<&'static str> {
    sanitizers::TARGET.context(sanitizers::PLACES)
}

/// Runs as many targets at a time as there are cores. One that can't be run has failed, and the
/// others go on.
fn fuzz(targets: &[Target], each_s: u64) -> Vec<Step> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut steps = Vec::new();
    for round in targets.chunks(cores) {
        let began = Instant::now();
        let runs: Vec<_> = round.iter().map(|target| start(target, each_s)).collect();
        for (target, run) in round.iter().zip(runs) {
            let ended = run.and_then(|(run, log)| finish(run, &log));
            let (succeeded, output) =
                ended.unwrap_or_else(|problem| (false, format!("{problem:#}")));
            let name = format!("fuzzing for {each_s} s: {}", target.name);
            steps.push(match output.split_once(SKIPPED) {
                Some((_, what)) if succeeded => {
                    Step::skip(name, what.lines().next().unwrap_or_default())
                }
                _ => {
                    let summary = summary(&target.name, succeeded, &output);
                    step::say(&format!("{}: {summary}", target.name));
                    Step::ended(name, began.elapsed(), succeeded, output)
                }
            });
        }
    }
    steps
}

fn start(target: &Target, each_s: u64) -> Result<(Child, PathBuf)> {
    let name = &target.name;
    fs::create_dir_all(folder())?;
    let path = folder().join(format!("{name}.log"));
    let log = path.display();
    step::say(&format!("{name}: fuzzing for {each_s} s; log in {log}"));
    let fuzz = cargo::workspace().join("fuzz");
    let corpus = fuzz.join("corpus").join(name);
    fs::create_dir_all(&corpus)?;
    let mut run = limited(target, each_s)?;
    run
        // Of the search alone: minimising finds its own length, and libFuzzer dies of another.
        .arg(format!("-max_len={}", limits(target).0))
        .arg("-print_final_stats=1")
        // New inputs go to the first folder.
        .arg(corpus)
        .arg(fuzz.join("seeds").join(name));
    let mut log = File::create(&path)?;
    writeln!(log, "{run:?}")?;
    run.stdout(log.try_clone()?).stderr(log);
    Ok((run.spawn().context("timeout can't be run")?, path))
}

/// Whether it succeeded, and its output.
fn finish(mut run: Child, log: &Path) -> Result<(bool, String)> {
    let status = run.wait()?;
    let mut output = String::from_utf8_lossy(&fs::read(log)?).into_owned();
    // The codes of timeout(1), which prints nothing itself.
    if let Some(124 | 137) = status.code() {
        output += "\nERROR: did not end by itself, and was killed\n";
    }
    Ok((status.success(), output))
}

/// A target's program with what one input may cost.
fn libfuzzer(target: &Target) -> Result<Command> {
    let artifacts = cargo::workspace().join("fuzz/artifacts").join(&target.name);
    fs::create_dir_all(&artifacts)?;
    let mut run = Command::new(programs()?.join(&target.name));
    run.arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(format!("-timeout={INPUT_LIMIT_S}"))
        .arg(format!("-rss_limit_mb={}", limits(target).1))
        .envs(ENVIRONMENT);
    Ok(run)
}

/// As [`libfuzzer`], for this long; it is killed if it runs much longer. In the foreground, so that
/// Ctrl-C ends it as well.
fn limited(target: &Target, time_s: u64) -> Result<Command> {
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
fn minimise(target: &Target, file: &Path, time_s: u64) -> Result<ExitCode> {
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

/// libFuzzer's last figures; or what it found, and how to see it again.
fn summary(target: &str, succeeded: bool, output: &str) -> String {
    let mut lines = output.lines();
    if succeeded {
        let figures = lines.rfind(|line| line.contains(" cov: "));
        return figures.unwrap_or_default().to_owned();
    }
    let written = lines.find_map(|line| line.split_once("Test unit written to "));
    let replay =
        written.map(|(_, input)| format!("\n  cargo xtask fuzz --replay {target} {input}"));
    complaint(output) + &replay.unwrap_or_default()
}

/// A panic's place and message, or else the first line in which the fuzzer or a sanitizer says
/// "ERROR", or else the last.
fn complaint(output: &str) -> String {
    let mut lines = output.lines();
    let is_panic = |line: &str| line.contains("' panicked at ") || line.contains(") panicked at ");
    if let Some(line) = lines.find(|line| is_panic(line)) {
        let place = line.split_once("panicked at ").map_or(line, |(_, at)| at);
        return format!("panicked at {place} {}", lines.next().unwrap_or_default());
    }
    let error = output.lines().find(|line| line.contains("ERROR: "));
    let last = || output.lines().rev().find(|line| !line.trim().is_empty());
    error.or_else(last).unwrap_or("no output").to_owned()
}

#[cfg(test)]
mod tests {
    use super::{summary, targets};
    use crate::cargo;
    use fs_err as fs;

    #[test]
    fn each_program_is_a_target_and_has_seeds() {
        let folder = cargo::workspace().join("fuzz");
        let targets = targets(&[]).expect("targets");
        let mut files = 0;
        for file in fs::read_dir(folder.join("fuzz_targets")).expect("the programs") {
            let path = file.expect("a program").path();
            let name = path.file_stem().expect("a name").to_string_lossy();
            let is_known = targets.iter().any(|target| target.name == name);
            assert!(is_known, "{name} has no [[bin]]");
            assert!(folder.join("seeds").join(&*name).is_dir(), "{name}");
            files += 1;
        }
        assert_eq!(files, targets.len());
    }

    const CLEAN: &str = "\
#2	INITED cov: 17 ft: 18 corp: 1/1b exec/s: 0 rss: 36Mb
#115038	DONE   cov: 595 ft: 847
###### End of recommended dictionary. ######
";
    const PANIC: &str = "\
thread '<unnamed>' (77) panicked at fuzz/src/x.rs:7:9:
two owners
==77== ERROR: libFuzzer: deadly signal
artifact_prefix='/a/'; Test unit written to /a/crash-0bad
";

    #[test]
    fn a_clean_run_has_figures_and_a_finding_its_cause_and_its_input() {
        let overflow = "==9==ERROR: AddressSanitizer: heap-buffer-overflow";
        for (succeeded, output, expected) in [
            (true, CLEAN, "#115038\tDONE   cov: 595 ft: 847"),
            (
                false,
                PANIC,
                "panicked at fuzz/src/x.rs:7:9: two owners\n  cargo xtask fuzz --replay x /a/crash-0bad",
            ),
            (false, overflow, overflow),
            (false, "", "no output"),
        ] {
            assert_eq!(summary("x", succeeded, output), expected);
        }
    }
}
