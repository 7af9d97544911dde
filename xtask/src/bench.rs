//! `cargo xtask bench`: the head-to-head and its report, or one of the benchmarks of `benches/` alone.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use crate::boringssl;
use crate::cargo;
use crate::requirement::{CLANG, H2LOAD, LIBXDP, NGINX, PERF};
use crate::setup;
use crate::trusting::Build;

/// So short that all of criterion's benchmarks together take about a minute.
const SHORT: [&str; 8] = [
    "--",
    "--warm-up-time",
    "0.2",
    "--measurement-time",
    "0.4",
    "--sample-size",
    "10",
    "--noplot",
];

/// Without arguments, and with those of the report, makes the report. `ledger` is a comparison of two builds, `tcp`
/// of servers over the kernel's TCP; anything else is passed to `cargo bench`.
pub(crate) fn command(args: &[String]) -> Result<ExitCode, String> {
    let request = Request::of(args);
    setup::ensure()?;
    match request {
        Request::Ledger => return ledger(&args[1..]),
        Request::Tcp => return tcp(&args[1..]),
        Request::Report => return report(args),
        Request::Criterion => {}
    }
    if let Err(problem) = setup::ensure_also(&[&LIBXDP, &CLANG]) {
        eprintln!("note: {problem}");
    }
    Err(format!(
        "cargo can't be run: {}",
        criterion().args(args).exec()
    ))
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Request {
    Report,
    Ledger,
    Tcp,
    Criterion,
}

impl Request {
    fn of(args: &[String]) -> Self {
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let mut left = args.as_slice();
        loop {
            left = match left {
                [] => return Self::Report,
                ["ledger", ..] if left.len() == args.len() => return Self::Ledger,
                ["tcp", ..] if left.len() == args.len() => return Self::Tcp,
                ["--quick" | "--update", rest @ ..] | ["--minutes", _, rest @ ..] => rest,
                _ => return Self::Criterion,
            };
        }
    }
}

fn criterion() -> Command {
    let mut bench = cargo::command("bench");
    bench.args(["--package", "xskit-benches", "--package", "xskit-rivals"]);
    bench.envs(boringssl::for_linking(&cargo::target().join("release")));
    bench
}

/// Builds everything first, so that nothing is built while something is measured; then criterion, then the rest.
fn report(args: &[String]) -> Result<ExitCode, String> {
    if let Err(problem) = setup::ensure_also(&[&LIBXDP, &CLANG]) {
        eprintln!("note: {problem}");
    }
    let release = cargo::target().join("release");
    let mut build = cargo::command("build");
    build.args(["--release", "--all-features"]);
    build.args(["--package", "xskit-cli", "--bin", "xskit"]);
    build.args(["--package", "xskit-report", "--bin", "head_to_head"]);
    build.envs(boringssl::for_linking(&release));
    run(&mut build, "what is to be measured was not built")?;
    let is_quick = args.iter().any(|arg| arg == "--quick");
    if !is_quick {
        run(criterion().arg("--no-run"), "the benchmarks were not built")?;
        run(criterion().args(SHORT), "a benchmark failed")?;
    }
    let mut measure = Command::new(release.join("head_to_head"));
    measure.arg("--xskit").arg(release.join("xskit"));
    measure.arg("--out").arg(cargo::target().join("report"));
    let answers = cargo::workspace().join("benches/ANSWERS.md");
    measure.arg("--answers").arg(answers);
    if !is_quick {
        let estimates = cargo::target().join("criterion");
        measure.arg("--criterion").arg(estimates);
    }
    let typed = [&["cargo xtask bench".to_owned()], args].concat();
    measure.args(["--command", &typed.join(" ")]).args(args);
    Err(format!("head_to_head can't be run: {}", measure.exec()))
}

fn run(command: &mut Command, failure: &str) -> Result<(), String> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(failure.to_owned()),
        Err(error) => Err(format!("cargo can't be run: {error}")),
    }
}

/// What the ledger costs on the whole path of a packet.
fn ledger(args: &[String]) -> Result<ExitCode, String> {
    if !args.is_empty() {
        return Err("bench ledger takes no argument".to_owned());
    }
    let with = Build::WithLedger.programs(&["packet_path", "ledger_pairs"])?;
    let without = Build::WithoutLedger.programs(&["packet_path"])?;
    let mut pairs = Command::new(with.join("ledger_pairs"));
    pairs.args([with.join("packet_path"), without.join("packet_path")]);
    Err(format!("ledger_pairs can't be run: {}", pairs.exec()))
}

/// HTTP over the kernel's TCP, beside nginx and beside HTTP/3 over AF_XDP.
fn tcp(args: &[String]) -> Result<ExitCode, String> {
    setup::ensure_also(&[&NGINX, &H2LOAD, &PERF])?;
    let release = cargo::target().join("release");
    let build = |what: &[&str]| {
        let mut build = cargo::command("build");
        build.arg("--release").args(what);
        build.envs(boringssl::for_linking(&release));
        run(&mut build, "what is to be measured was not built")
    };
    let xskit = ["--package", "xskit-cli", "--bin", "xskit", "--all-features"];
    build(&xskit)?;
    build(&["--package", "xskit-report", "--bin", "tcp"])?;
    build(&["--package", "xskit-benches", "--example", "paced"])?;
    let mut measure = Command::new(release.join("tcp"));
    measure.args([release.join("xskit"), release.join("examples/paced")]);
    measure.arg(cargo::workspace().join("benches/ANSWERS.md"));
    measure.args(args);
    Err(format!("tcp can't be run: {}", measure.exec()))
}

#[cfg(test)]
mod tests {
    use super::Request;

    #[test]
    fn what_is_not_the_reports_goes_to_criterion() {
        let cases: [(&[&str], Request); 10] = [
            (&[], Request::Report),
            (&["--quick"], Request::Report),
            (&["--minutes", "5", "--update"], Request::Report),
            (&["ledger"], Request::Ledger),
            (&["ledger", "more"], Request::Ledger),
            (&["tcp", "--quick"], Request::Tcp),
            (&["--quick", "tcp"], Request::Criterion),
            (&["--bench", "ring"], Request::Criterion),
            (&["--quick", "--bench", "ring"], Request::Criterion),
            (&["--quick", "ledger"], Request::Criterion),
        ];
        for (words, expected) in cases {
            let args: Vec<_> = words.iter().map(ToString::to_string).collect();
            assert_eq!(Request::of(&args), expected, "{words:?}");
        }
    }
}
