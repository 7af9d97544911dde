//! `cargo xtask fuzz`: libFuzzer on the targets of `fuzz/`, under AddressSanitizer, on the stable
//! toolchain.
//!
//! cargo builds all targets at once, with the flags of cargo-fuzz, which would have to be built first.

mod outcome;
mod target;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, presets};
use fs_err as fs;

use self::outcome::{End, Figures, HEAD, Outcome};
use self::target::Target;
use crate::boringssl;
use crate::cargo;
use crate::setup;
use crate::step::Step;
use crate::tally::Tally;

/// What a run may take beyond its time: it ends when an input is done, and looks for leaks then.
const GRACE_S: u64 = 120;

/// The time of each target in `cargo xtask test`.
const SHORT_S: u64 = 10;

/// How often the figures of the running targets are printed.
const BEAT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(200);

/// For the sanitizer: Rust links some objects twice, which is no finding.
const ASAN_OPTIONS: &str = "detect_odr_violation=0";

/// Those of cargo-fuzz 0.13. Without `codegen-units=1` and `link-dead-code`: they cost half of the
/// build's time, and the one is for optimising across crates, which is off here.
const RUSTFLAGS: &str = "--cfg fuzzing -Zsanitizer=address -Cdebug-assertions \
     -Cpasses=sancov-module \
     -Cllvm-args=-sanitizer-coverage-level=4 \
     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
     -Cllvm-args=-sanitizer-coverage-pc-table \
     -Cllvm-args=-sanitizer-coverage-trace-compares \
     -Cllvm-args=-sanitizer-coverage-stack-depth \
     -Cllvm-args=-simplifycfg-branch-fold-threshold=0";

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
        let target = Target::from_str(name, false).map_err(anyhow::Error::msg)?;
        // Before a build of minutes.
        let file = fs::canonicalize(file)?;
        setup::ensure()?;
        cargo::run(&mut build(&[target])?)?;
        if args.minimise.is_some() {
            return minimise(libfuzzer(target)?, &file, args.seconds);
        }
        return Err(cargo::become_it(libfuzzer(target)?.arg(file)));
    }
    if args.targets.is_empty() {
        args.targets = Target::value_variants().to_vec();
    }
    setup::ensure()?;
    cargo::run(&mut build(&args.targets)?)?;
    let outcomes = fuzz(&args.targets, args.seconds)?;
    print!("{}", report(&outcomes));
    Ok(match tally(&outcomes).failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// The short round of `cargo xtask test`: each target is a check.
pub(crate) fn short_round() -> Step {
    let began = Instant::now();
    let targets = Target::value_variants();
    let name = format!("fuzzing, {SHORT_S} s per target");
    let mut built = match build(targets) {
        Ok(mut build) => Step::run("fuzz targets, built", &mut build),
        Err(problem) => Step::skip(&name, &format!("{problem:#}")),
    };
    if !built.succeeded || built.tally.skipped > 0 {
        return built;
    }
    println!("==> {name}");
    match fuzz(targets, SHORT_S) {
        Ok(outcomes) => {
            built.output = report(&outcomes);
            built.tally = tally(&outcomes);
        }
        Err(problem) => {
            built.output = format!("{problem:#}\n");
            built.tally = Tally {
                failed: 1,
                ..Tally::default()
            };
        }
    }
    print!("{}", built.output);
    Step {
        name,
        took: began.elapsed(),
        succeeded: built.tally.failed == 0,
        ..built
    }
}

fn tally(outcomes: &[Outcome]) -> Tally {
    let count = |is: fn(&End) -> bool| outcomes.iter().filter(|it| is(&it.end)).count();
    Tally {
        passed: count(|end| *end == End::Clean),
        skipped: count(|end| matches!(end, End::Skipped(_))),
        failed: count(|end| matches!(end, End::Failed { .. })),
    }
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
        .args(["--features", &features.join(",")]);
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
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .envs(boringssl::for_linking(&programs()?));
    Ok(build)
}

/// The folder of the targets' programs.
fn programs() -> Result<PathBuf> {
    Ok(built().join(host()?).join("release"))
}

fn host() -> Result<&'static str> {
    let architecture = std::env::consts::ARCH;
    let triples = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];
    let mut triples = triples.into_iter();
    let host = triples.find(|triple| triple.starts_with(architecture));
    host.context("x86_64 or aarch64, with glibc")
}

/// Runs as many targets at a time as there are cores.
fn fuzz(targets: &[Target], each_s: u64) -> Result<Vec<Outcome>> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut outcomes = Vec::new();
    for round in targets.chunks(cores) {
        let runs: Result<Vec<_>> = round.iter().map(|target| start(*target, each_s)).collect();
        let mut runs = runs?;
        let mut last = Instant::now();
        while runs
            .iter_mut()
            .any(|(_, _, run)| matches!(run.try_wait(), Ok(None)))
        {
            thread::sleep(POLL);
            if last.elapsed() > BEAT {
                last = Instant::now();
                for (target, log, _) in &runs {
                    let figures = Figures::of(&read(log)?);
                    let (executions, edges) = (figures.executions, figures.edges);
                    println!("{}: {executions} executions, {edges} edges", target.name());
                }
            }
        }
        for (target, log, mut run) in runs {
            let status = run.wait()?;
            let mut output = read(&log)?;
            // Of timeout(1), which says nothing itself.
            if let Some(124 | 137) = status.code() {
                output += "\nERROR: did not end by itself, and was killed\n";
            }
            outcomes.push(Outcome::of(target.name(), status.success(), &output));
        }
    }
    Ok(outcomes)
}

fn start(target: Target, each_s: u64) -> Result<(Target, PathBuf, Child)> {
    let name = target.name();
    let (path, log) = log(&name)?;
    println!("{name}: fuzzing for {each_s} s; log in {}", path.display());
    let fuzz = cargo::workspace().join("fuzz");
    let corpus = fuzz.join("corpus").join(&name);
    fs::create_dir_all(&corpus)?;
    let libfuzzer = libfuzzer(target)?;
    let mut run = Command::new("timeout");
    run.args(["--kill-after=5", &(each_s + GRACE_S).to_string()])
        .arg(libfuzzer.get_program())
        .args(libfuzzer.get_args())
        // Of the search alone: minimising finds its own length, and libFuzzer dies of another.
        .arg(format!("-max_len={}", target.limits().max_len_bytes))
        .arg(format!("-max_total_time={each_s}"))
        .arg("-print_final_stats=1")
        // New inputs go to the first folder.
        .arg(corpus)
        .arg(fuzz.join("seeds").join(&name))
        .env("ASAN_OPTIONS", ASAN_OPTIONS)
        .env("RUST_BACKTRACE", "1");
    let run = logged(&mut run, &log)?;
    Ok((target, path, run))
}

/// A target's program with what one input may cost.
fn libfuzzer(target: Target) -> Result<Command> {
    let artifacts = cargo::workspace()
        .join("fuzz/artifacts")
        .join(target.name());
    fs::create_dir_all(&artifacts)?;
    let limits = target.limits();
    let mut run = Command::new(programs()?.join(target.name()));
    run.arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(format!("-timeout={}", limits.timeout_s))
        .arg(format!("-rss_limit_mb={}", limits.rss_limit_mib))
        .env("ASAN_OPTIONS", ASAN_OPTIONS)
        .env("RUST_BACKTRACE", "1");
    Ok(run)
}

/// libFuzzer leaves one file per step, of which the shortest is wanted.
fn minimise(mut libfuzzer: Command, file: &Path, time_s: u64) -> Result<ExitCode> {
    let steps = folder().join("minimise");
    if steps.exists() {
        fs::remove_dir_all(&steps)?;
    }
    fs::create_dir_all(&steps)?;
    let (path, log) = log("minimise")?;
    println!("minimising for {time_s} s; log in {}", path.display());
    libfuzzer
        .arg("-minimize_crash=1")
        .arg(format!("-max_total_time={time_s}"))
        .arg(format!("-artifact_prefix={}/", steps.display()))
        .arg(file);
    logged(&mut libfuzzer, &log)?.wait()?;
    let found = fs::read_dir(&steps)?.flatten();
    let shortest = found.min_by_key(|step| step.metadata().map_or(u64::MAX, |it| it.len()));
    let shortest = shortest.with_context(|| {
        format!(
            "no shorter input was found; {} says whether this one fails at all",
            path.display()
        )
    })?;
    let target = file.with_added_extension("min");
    fs::copy(shortest.path(), &target)?;
    println!("{}", target.display());
    Ok(ExitCode::SUCCESS)
}

fn log(name: &str) -> Result<(PathBuf, fs::File)> {
    fs::create_dir_all(folder())?;
    let path = folder().join(format!("{name}.log"));
    let log = fs::File::create(&path)?;
    Ok((path, log))
}

/// Starts a command whose output goes to the log, after the command itself.
fn logged(command: &mut Command, mut log: &fs::File) -> Result<Child> {
    writeln!(log, "{command:?}")?;
    let log = log.file();
    command.stdout(log.try_clone()?).stderr(log.try_clone()?);
    let name = command.get_program().to_string_lossy().into_owned();
    command
        .spawn()
        .with_context(|| format!("{name} can't be run"))
}

fn read(log: &Path) -> Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(log)?).into_owned())
}

/// The table, then the findings and how to see each again.
fn report(outcomes: &[Outcome]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(HEAD);
    for column in table.column_iter_mut().skip(1).take(HEAD.len() - 2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.add_rows(outcomes.iter().map(Outcome::row));
    let mut text = format!("\n{table}\n");
    for Outcome { target, end, .. } in outcomes {
        let End::Failed { what, artifact } = end else {
            continue;
        };
        text += &format!("\n{target}: {what}\n");
        if let Some(input) = artifact {
            text += &format!("  input   {input}\n");
            text += &format!("  replay  cargo xtask fuzz --replay {target} {input}\n");
        }
    }
    text += &format!("logs in {}\n", folder().display());
    text
}

#[cfg(test)]
mod tests {
    use super::outcome::{End, Figures, Outcome};
    use super::{minimise, report, tally};
    use crate::tally::Tally;
    use std::process::Command;
    use std::{env, fs, process};

    fn outcome(end: End) -> Outcome {
        Outcome {
            target: "a".to_owned(),
            figures: Figures::default(),
            end,
        }
    }

    #[test]
    fn each_target_counts_once_and_a_finding_can_be_replayed() {
        let failed = End::Failed {
            what: "two owners".to_owned(),
            artifact: Some("/a/crash-0bad".to_owned()),
        };
        let skipped = End::Skipped("CAP_BPF".to_owned());
        let outcomes = [End::Clean, failed, skipped, End::Clean].map(outcome);
        let expected = Tally {
            passed: 2,
            failed: 1,
            skipped: 1,
        };
        assert_eq!(tally(&outcomes), expected);
        let report = report(&outcomes);
        assert!(
            report.contains("cargo xtask fuzz --replay a /a/crash-0bad\n"),
            "{report}"
        );
        assert!(report.contains("skipped: needs CAP_BPF\n"), "{report}");
    }

    /// A shell instead of libFuzzer, which writes two steps where it is told.
    #[test]
    fn the_shortest_step_is_kept() {
        let file = env::temp_dir().join(format!("xskit-minimise-{}", process::id()));
        fs::write(&file, "as found").expect("a file");
        let mut libfuzzer = Command::new("sh");
        let script = "prefix=${3#*=}; printf abc > ${prefix}b; printf abcd > ${prefix}a; exit 1";
        libfuzzer.args(["-c", script, "sh"]);
        minimise(libfuzzer, &file, 1).expect("there are two");
        let shorter = file.with_extension("min");
        assert_eq!(fs::read(&shorter).expect("it is there"), b"abc");
        fs::remove_file(&shorter).expect("it can be removed");
        fs::remove_file(&file).expect("it can be removed");
    }
}
