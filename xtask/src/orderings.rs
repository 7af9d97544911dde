//! `cargo xtask orderings`: weakens each memory ordering of the rings in turn, and sees which loom
//! test notices.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Error, Result, bail, ensure};
use fs_err as fs;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use toml::{Table, Value};

use crate::cargo;
use crate::loom;
use crate::mutant;

/// Where the orderings are.
const RINGS: &str = "core/src/ring";

/// A mutant under which the tests take more processor time is not counted as caught. Unmutated they
/// take some seconds, whatever else the machine does.
const LIMIT_CPU_S: u64 = 120;

/// What the tests made of the code as it was.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    /// These tests, a line each.
    Failed(String),
    TimedOut,
}

/// Mutates a copy of the crate; the one in the workspace is not touched.
pub(crate) fn command() -> Result<ExitCode> {
    // The programs that are started from here have it too.
    let limit = getrlimit(Resource::Cpu);
    let limit = Rlimit {
        current: Some(LIMIT_CPU_S),
        ..limit
    };
    setrlimit(Resource::Cpu, limit)?;
    let copy = cargo::target().join("orderings");
    lay_out(&copy)?;
    let verdict = test(&copy)?;
    ensure!(
        verdict == Verdict::Passed,
        "the loom tests fail without a mutation: {verdict:?}"
    );
    let (mut caught, mut unguarded) = (0, 0);
    for file in glob::glob(&format!("{}/*.rs", copy.join(RINGS).display()))? {
        let file = file?;
        let name = file.file_name().unwrap_or_default().display();
        let text = fs::read_to_string(&file)?;
        let mutants = mutant::mutants(&text).with_context(|| file.display().to_string())?;
        for mutant in mutants {
            fs::write(&file, &mutant.text)?;
            let outcome = match test(&copy)? {
                Verdict::Failed(tests) => {
                    caught += 1;
                    format!("caught by{tests}")
                }
                Verdict::Passed => {
                    unguarded += 1;
                    "NOT GUARDED".to_owned()
                }
                Verdict::TimedOut => {
                    unguarded += 1;
                    format!("NOT GUARDED: no verdict in {LIMIT_CPU_S} s of processor time")
                }
            };
            let (line, code, weakened) = (mutant.line, &mutant.code, mutant.weakened);
            println!("{RINGS}/{name}:{line}: {code} -> {weakened}: {outcome}");
        }
        fs::write(&file, &text)?;
    }
    println!("\n{caught} weaker orderings caught, {unguarded} NOT GUARDED");
    ensure!(caught > 0, "no ordering was found in {RINGS}");
    Ok(ExitCode::from(u8::from(unguarded > 0)))
}

/// Runs the loom tests in `workspace`. Code that doesn't compile is an error: nothing was learned
/// of it.
fn test(workspace: &Path) -> Result<Verdict> {
    // How it ended, its output, and what cargo says.
    let run = |command: &mut Command| {
        let output = command.output().context("cargo can't be run")?;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Ok::<_, Error>((output.status, text(&output.stdout), text(&output.stderr)))
    };
    let (built, _, said) = run(loom::tests(workspace).arg("--no-run"))?;
    ensure!(built.success(), "a build failed:\n{said}");
    let (ended, output, said) = run(&mut loom::tests(workspace))?;
    match ended.code() {
        Some(0) => Ok(Verdict::Passed),
        // So cargo names SIGXCPU.
        Some(101) if said.contains("(signal: 24") => Ok(Verdict::TimedOut),
        // Cargo's own, when a test failed.
        Some(101) => Ok(Verdict::Failed(failures(&output))),
        _ => bail!("the tests can't be run ({ended}):\n{said}"),
    }
}

/// The tests that libtest's output calls failed, a line each.
fn failures(output: &str) -> String {
    let of_test = |line: &str| {
        let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
        Some(format!("\n    {name}"))
    };
    let mut names: Vec<_> = output.lines().filter_map(of_test).collect();
    if names.is_empty() {
        return " a test that broke off all".to_owned();
    }
    names.sort();
    names.concat()
}

/// Makes a workspace of the crate alone, without what only its other tests need.
fn lay_out(copy: &Path) -> Result<()> {
    let from = cargo::workspace();
    if copy.exists() {
        fs::remove_dir_all(copy)?;
    }
    fs::create_dir_all(copy)?;
    cargo::run(
        Command::new("cp")
            .arg("-R")
            .arg(from.join("core"))
            .arg(copy),
    )?;
    fs::copy(from.join("Cargo.lock"), copy.join("Cargo.lock"))?;
    let mut whole: Table = fs::read_to_string(from.join("Cargo.toml"))?.parse()?;
    whole.retain(|name, _| name == "workspace");
    if let Some(Value::Table(workspace)) = whole.get_mut("workspace") {
        workspace.remove("default-members");
        workspace.insert("members".to_owned(), vec!["core"].into());
    }
    fs::write(copy.join("Cargo.toml"), whole.to_string())?;
    let manifest = copy.join("core/Cargo.toml");
    let mut core: Table = fs::read_to_string(&manifest)?.parse()?;
    core.remove("dev-dependencies");
    Ok(fs::write(manifest, core.to_string())?)
}

#[cfg(test)]
mod tests {
    use super::failures;

    #[test]
    fn failed_tests_are_named() {
        let output = "test b::c ... FAILED\ntest a ... ok\ntest a::b ... FAILED\ntest result: FAILED. 1 passed\n";
        assert_eq!(failures(output), "\n    a::b\n    b::c");
    }
}
