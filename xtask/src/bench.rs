//! `cargo xtask bench`: the head-to-head and its report, or one of the benchmarks of `benches/`
//! alone.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Error, Result};

use crate::boringssl;
use crate::cargo;
use crate::requirement::{CLANG, H2LOAD, LIBXDP, NGINX, PERF};
use crate::setup;
use crate::trusting::Build;

/// So short that all of criterion's benchmarks together take about a minute.
const SHORT: &str = "-- --warm-up-time 0.2 --measurement-time 0.4 --sample-size 10 --noplot";

#[derive(clap::Args)]
#[command(override_usage = "\
cargo xtask bench [--quick | --update] [--no-rivals] [--minutes N]
       cargo xtask bench ledger
       cargo xtask bench tcp [--quick | --update]
       cargo xtask bench ARGS")]
pub(crate) struct Args {
    /// Of the report: `--quick` is a short round of the comparison alone, without criterion's
    /// benchmarks; `--update` writes the tables of benches/ANSWERS.md as well; `--minutes N` is how
    /// long the comparison may take; `--no-rivals` leaves other people's programs out. `ledger`
    /// measures what the ledger costs per packet over veth, with and without it in turns; `tcp`
    /// compares HTTP over TCP with nginx and with HTTP/3; anything else goes to `cargo bench`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn command(args: &Args) -> Result<ExitCode> {
    let words: Vec<_> = args.args.iter().map(String::as_str).collect();
    setup::ensure()?;
    match words[..] {
        [] => report(&words),
        [first, ..] if is_of_report(first) => report(&words),
        ["ledger"] => ledger(),
        ["tcp", ref flags @ ..] => tcp(flags),
        _ => {
            note_what_is_missing();
            Err(cargo::become_it(criterion().args(words)))
        }
    }
}

fn is_of_report(flag: &str) -> bool {
    let name = flag.split('=').next();
    name.is_some_and(|name| ["--quick", "--update", "--minutes", "--no-rivals"].contains(&name))
}

/// The benchmarks leave libxdp out where it is missing.
fn note_what_is_missing() {
    if let Err(problem) = setup::ensure_also(&[LIBXDP, CLANG]) {
        eprintln!("note: {problem:#}");
    }
}

fn criterion() -> Command {
    let mut bench = cargo::command("bench");
    bench.args(["--package", "xskit-benches", "--package", "xskit-rivals"]);
    bench.envs(boringssl::for_linking(&cargo::target().join("release")));
    bench
}

/// Builds what is to be measured; `what` is as for cargo, words separated by spaces. Returns the
/// folder of the programs.
pub(crate) fn build(what: &str) -> Result<PathBuf> {
    let release = cargo::target().join("release");
    let mut build = cargo::command("build");
    build.arg("--release").args(what.split(' '));
    build.envs(boringssl::for_linking(&release));
    cargo::run(&mut build)?;
    Ok(release)
}

/// Builds everything first, so that nothing is built while something is measured; then criterion,
/// then the rest.
fn report(flags: &[&str]) -> Result<ExitCode> {
    note_what_is_missing();
    let release = build(
        "--all-features --package xskit-cli --bin xskit --package xskit-report --bin head_to_head",
    )?;
    let mut measure = Command::new(release.join("head_to_head"));
    measure.arg("--xskit").arg(release.join("xskit"));
    measure.arg("--out").arg(cargo::target().join("report"));
    let answers = cargo::workspace().join("benches/ANSWERS.md");
    measure.arg("--answers").arg(answers);
    if !flags.contains(&"--quick") {
        cargo::run(criterion().arg("--no-run"))?;
        cargo::run(criterion().args(SHORT.split(' ')))?;
    }
    Err(cargo::become_it(measure.args(flags)))
}

/// What the ledger costs on the whole path of a packet.
fn ledger() -> Result<ExitCode> {
    let programs = |build: Build, names: &[&str]| build.programs(names).map_err(Error::msg);
    let with = programs(Build::WithLedger, &["packet_path", "ledger_pairs"])?;
    let without = programs(Build::WithoutLedger, &["packet_path"])?;
    let mut pairs = Command::new(with.join("ledger_pairs"));
    pairs.args([with.join("packet_path"), without.join("packet_path")]);
    Err(cargo::become_it(&mut pairs))
}

/// HTTP over the kernel's TCP, beside nginx and beside HTTP/3 over AF_XDP.
fn tcp(flags: &[&str]) -> Result<ExitCode> {
    setup::ensure_also(&[NGINX, H2LOAD, PERF])?;
    build("--package xskit-cli --bin xskit --all-features")?;
    build("--package xskit-report --bin tcp")?;
    let release = build("--package xskit-benches --example paced")?;
    let mut measure = Command::new(release.join("tcp"));
    measure.args([release.join("xskit"), release.join("examples/paced")]);
    measure.arg(cargo::workspace().join("benches/ANSWERS.md"));
    Err(cargo::become_it(measure.args(flags)))
}
