//! `cargo xtask fuzz`: libFuzzer on each target of `fuzz/`, under AddressSanitizer, on the stable toolchain.

mod build;
mod minimise;
mod outcome;
mod request;
mod target;
mod watch;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use self::build::Builder;
use self::outcome::{End, Figures, Outcome};
use self::request::Request;
use self::target::Target;
use crate::cargo;
use crate::setup;
use crate::step::Step;
use crate::tally::Tally;

/// A build takes minutes where all is new; this is for a hang.
const BUILD_LIMIT: Duration = Duration::from_secs(40 * 60);
/// What a run may take beyond its time: it ends when an input is done, and looks for leaks then.
const GRACE: Duration = Duration::from_secs(120);
/// The time of each target in `cargo xtask test`.
const SHORT: Duration = Duration::from_secs(10);

/// Fuzzes, replays or minimises, as the arguments say.
pub(crate) fn command(args: &[String]) -> Result<ExitCode, String> {
    let request = Request::parse(args)?;
    setup::ensure()?;
    let builder = Builder::new()?;
    match request {
        Request::Fuzz(targets, each) => {
            let outcomes = fuzz(&builder, &targets, each);
            report(&outcomes);
            let failed = |outcome: &Outcome| matches!(outcome.end, End::Failed { .. });
            Ok(if outcomes.iter().any(failed) {
                ExitCode::FAILURE
            } else {
                ExitCode::SUCCESS
            })
        }
        Request::Replay(target, file) => replay(&builder, target, &file),
        Request::Minimise(target, file, time) => {
            present(&file)?;
            build(&builder, target)?;
            let shorter = minimise::run(libfuzzer(&builder, target)?, &file, time)?;
            println!("{}", shorter.display());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The short round of `cargo xtask test`: each target is a check.
pub(crate) fn short_round() -> Step {
    let name = format!("fuzzing, {} s a target", SHORT.as_secs());
    println!("==> {name}");
    let began = Instant::now();
    let outcomes = match Builder::new() {
        Ok(builder) => fuzz(&builder, target::ALL, SHORT),
        Err(problem) => vec![failure("cargo-fuzz", problem)],
    };
    let output = report(&outcomes);
    let tally = tally(&outcomes);
    Step {
        name,
        took: began.elapsed(),
        succeeded: tally.failed == 0,
        output,
        tally,
    }
}

fn tally(outcomes: &[Outcome]) -> Tally {
    let mut tally = Tally::default();
    for outcome in outcomes {
        match outcome.end {
            End::Clean => tally.passed += 1,
            End::Skipped(_) => tally.skipped += 1,
            End::Failed { .. } => tally.failed += 1,
        }
    }
    tally
}

/// Logs and builds: nothing of it is worth keeping.
fn folder() -> PathBuf {
    cargo::target().join("fuzz")
}

fn fuzz(builder: &Builder, targets: &[Target], each: Duration) -> Vec<Outcome> {
    let run = |target: &Target| {
        let outcome = build(builder, *target).and_then(|()| fuzz_one(builder, *target, each));
        outcome.unwrap_or_else(|problem| failure(target.name, problem))
    };
    targets.iter().map(run).collect()
}

/// What came to no run at all.
fn failure(name: &'static str, what: String) -> Outcome {
    let end = End::Failed {
        what,
        artifact: None,
    };
    Outcome {
        name,
        figures: Figures::default(),
        end,
    }
}

fn build(builder: &Builder, target: Target) -> Result<(), String> {
    let log = log(&format!("{}.build", target.name))?;
    println!("{}: building; log in {}", target.name, log.display());
    carry_out(&mut builder.build(target), &log)
}

/// Runs what must succeed; if it doesn't, the end of what it said is the error.
fn carry_out(command: &mut Command, log: &Path) -> Result<(), String> {
    let last = |output: &str| output.lines().last().unwrap_or_default().trim().to_owned();
    let ended = watch::run(command, log, BUILD_LIMIT, last)
        .map_err(|error| format!("{command:?} can't be run: {error}"))?;
    if ended.succeeded {
        return Ok(());
    }
    let lines: Vec<&str> = ended.output.lines().collect();
    let tail = lines[lines.len().saturating_sub(30)..].join("\n");
    Err(format!("{command:?} failed:\n{tail}"))
}

fn fuzz_one(builder: &Builder, target: Target, each: Duration) -> Result<Outcome, String> {
    let log = log(target.name)?;
    println!(
        "{}: fuzzing for {} s; log in {}",
        target.name,
        each.as_secs(),
        log.display()
    );
    let crate_folder = cargo::workspace().join("fuzz");
    let corpus = made(crate_folder.join("corpus").join(target.name))?;
    let mut run = libfuzzer(builder, target)?;
    // Of the search alone: minimising finds its own length, and libFuzzer dies of being told another.
    run.arg(format!("-max_len={}", target.max_len_bytes))
        .arg(format!("-max_total_time={}", each.as_secs()))
        .arg("-print_final_stats=1")
        // What is new goes to the first folder.
        .arg(corpus)
        .arg(crate_folder.join("seeds").join(target.name));
    let beat = |output: &str| {
        let Figures {
            executions, edges, ..
        } = Figures::of(output);
        format!("{executions} executions, {edges} edges")
    };
    let ended = watch::run(&mut run, &log, each + GRACE, beat)
        .map_err(|error| format!("{run:?} can't be run: {error}"))?;
    Ok(Outcome::of(target.name, ended.succeeded, &ended.output))
}

/// A target's program with what one input may cost.
fn libfuzzer(builder: &Builder, target: Target) -> Result<Command, String> {
    let artifacts = made(cargo::workspace().join("fuzz/artifacts").join(target.name))?;
    let mut run = Command::new(builder.program(target));
    run.arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(format!("-timeout={}", target.timeout_s))
        .arg(format!("-rss_limit_mb={}", target.rss_limit_mib))
        // Rust links some objects twice; that is no finding.
        .env("ASAN_OPTIONS", "detect_odr_violation=0")
        .env("RUST_BACKTRACE", "1");
    Ok(run)
}

/// One input, with all that the target says on the screen.
fn replay(builder: &Builder, target: Target, file: &Path) -> Result<ExitCode, String> {
    present(file)?;
    build(builder, target)?;
    let mut run = libfuzzer(builder, target)?;
    let status = run.arg(file).status();
    let status = status.map_err(|error| format!("{run:?} can't be run: {error}"))?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Said before a build of minutes.
fn present(file: &Path) -> Result<(), String> {
    let found = fs::metadata(file);
    found
        .map(drop)
        .map_err(|error| format!("{}: {error}", file.display()))
}

/// Prints the table, then what was found and how to see it again. Returns what it printed.
fn report(outcomes: &[Outcome]) -> String {
    let mut text = format!("\n{}\n", Outcome::HEAD);
    for outcome in outcomes {
        text += &format!("{outcome}\n");
    }
    for outcome in outcomes {
        if let End::Failed { what, artifact } = &outcome.end {
            text += &format!("\n{}: {what}\n", outcome.name);
            if let Some(artifact) = artifact {
                text += &format!("  input   {artifact}\n");
                text += &format!(
                    "  replay  cargo xtask fuzz --replay {} {artifact}\n",
                    outcome.name
                );
            }
        }
    }
    text += &format!("logs in {}\n", folder().display());
    print!("{text}");
    text
}

fn log(name: &str) -> Result<PathBuf, String> {
    Ok(made(folder())?.join(format!("{name}.log")))
}

fn made(folder: PathBuf) -> Result<PathBuf, String> {
    let made: io::Result<()> = fs::create_dir_all(&folder);
    made.map_err(|error| format!("{} can't be made: {error}", folder.display()))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::{failure, tally};
    use crate::fuzz::outcome::{End, Outcome};
    use crate::tally::Tally;

    #[test]
    fn each_target_counts_once() {
        let bad = failure("a", "no compiler".to_owned());
        let with = |end| Outcome { end, ..bad.clone() };
        let skipped = with(End::Skipped("CAP_BPF".to_owned()));
        let expected = Tally {
            passed: 2,
            failed: 1,
            skipped: 1,
        };
        let outcomes = [with(End::Clean), bad.clone(), skipped, with(End::Clean)];
        assert_eq!(tally(&outcomes), expected);
    }
}
