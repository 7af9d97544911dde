//! `cargo xtask orderings`: weakens each memory ordering of the rings in turn, and sees which loom
//! test notices.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use fs_err as fs;

use crate::cargo;
use crate::loom;
use crate::mutant::{self, Site};

/// Where the orderings are, in the crate.
const RINGS: &str = "src/ring";

/// A mutant under which the tests run for longer is not counted as caught. Unmutated they take some
/// seconds.
const TIME_LIMIT_SECONDS: u32 = 120;

/// What the tests made of the code as it was.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Passed,
    /// By these tests; none if the run broke off before it named them.
    Failed(Vec<String>),
    TimedOut,
}

/// Mutates a copy of the crate; the one in the workspace is not touched.
pub(crate) fn command() -> Result<ExitCode> {
    let copy = cargo::target().join("orderings");
    lay_out(&copy)?;
    let verdict = test(&copy)?;
    ensure!(
        verdict == Verdict::Passed,
        "the loom tests fail without a mutation: {verdict:?}"
    );
    let (mut caught, mut unguarded, mut relaxed) = (0, 0, 0);
    for file in sources(&copy.join("core").join(RINGS))? {
        let text = fs::read_to_string(&file)?;
        let sites = mutant::sites(&text).with_context(|| file.display().to_string())?;
        for site in &sites {
            relaxed += usize::from(site.ordering == "Relaxed");
            for mutant in site.mutants(&text) {
                fs::write(&file, &mutant.text)?;
                let verdict = test(&copy)?;
                caught += usize::from(matches!(verdict, Verdict::Failed(_)));
                unguarded += usize::from(!matches!(verdict, Verdict::Failed(_)));
                show(&file, site, mutant.weakened, &verdict);
            }
            if site.ordering == "Relaxed" {
                println!("{}: can't be weaker", place(&file, site));
            }
        }
        fs::write(&file, &text)?;
    }
    println!("\n{caught} weaker orderings caught, {unguarded} NOT GUARDED, {relaxed} relaxed ones");
    ensure!(caught > 0, "no ordering was found in core/{RINGS}");
    Ok(ExitCode::from(u8::from(unguarded > 0)))
}

fn show(file: &Path, site: &Site, weakened: &str, verdict: &Verdict) {
    let outcome = match verdict {
        Verdict::Passed => "NOT GUARDED".to_owned(),
        Verdict::TimedOut => format!("NOT GUARDED: no verdict in {TIME_LIMIT_SECONDS} s"),
        Verdict::Failed(tests) if tests.is_empty() => {
            "caught, by a test that broke off all".to_owned()
        }
        Verdict::Failed(tests) => format!("caught by\n    {}", tests.join("\n    ")),
    };
    println!("{} -> {weakened}: {outcome}", place(file, site));
}

fn place(file: &Path, site: &Site) -> String {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let Site {
        line,
        function,
        call,
        ordering,
        ..
    } = site;
    format!("core/{RINGS}/{name}:{line} {function}: {call} {ordering}")
}

/// Runs the loom tests in `workspace`. Code that doesn't compile is an error: nothing was learned
/// of it.
fn test(workspace: &Path) -> Result<Verdict> {
    let run = |command: &mut Command| {
        let output = command.output();
        output.with_context(|| format!("{command:?} can't be run"))
    };
    let built = run(loom::tests(workspace).arg("--no-run"))?;
    ensure!(
        built.status.success(),
        "a build failed:\n{}",
        String::from_utf8_lossy(&built.stderr)
    );
    let tests = loom::tests(workspace);
    let mut timed = Command::new("timeout");
    timed.args(["--kill-after=5", &TIME_LIMIT_SECONDS.to_string()]);
    timed.arg(tests.get_program()).args(tests.get_args());
    timed.envs(
        tests
            .get_envs()
            .filter_map(|(key, value)| Some((key, value?))),
    );
    let ended = run(&mut timed)?;
    match ended.status.code() {
        Some(0) => Ok(Verdict::Passed),
        // Cargo's own, when a test failed.
        Some(101) => Ok(Verdict::Failed(failures(&String::from_utf8_lossy(
            &ended.stdout,
        )))),
        // Those of `timeout`.
        Some(124 | 137) => Ok(Verdict::TimedOut),
        _ => bail!(
            "the tests can't be run ({}):\n{}",
            ended.status,
            String::from_utf8_lossy(&ended.stderr)
        ),
    }
}

/// The tests that libtest's output calls failed.
fn failures(output: &str) -> Vec<String> {
    let failed = |line: &str| {
        Some(
            line.strip_prefix("test ")?
                .strip_suffix(" ... FAILED")?
                .to_owned(),
        )
    };
    let mut names: Vec<_> = output.lines().filter_map(failed).collect();
    names.sort();
    names
}

/// Makes a workspace of the crate alone, with its loom tests and without what they don't need.
fn lay_out(copy: &Path) -> Result<()> {
    let from = cargo::workspace();
    if copy.exists() {
        fs::remove_dir_all(copy)?;
    }
    for folder in ["src", "tests/loom"] {
        copy_folder(
            &from.join("core").join(folder),
            &copy.join("core").join(folder),
        )?;
    }
    let workspace = sections(&fs::read_to_string(from.join("Cargo.toml"))?, |header| {
        header.starts_with("[workspace.")
    });
    let head = "[workspace]\nresolver = \"3\"\nmembers = [\"core\"]\n";
    fs::write(copy.join("Cargo.toml"), format!("{head}{workspace}"))?;
    let manifest = sections(
        &fs::read_to_string(from.join("core/Cargo.toml"))?,
        |header| !header.starts_with("[dev-dependencies") && !header.starts_with("[["),
    );
    fs::write(copy.join("core/Cargo.toml"), manifest)?;
    fs::copy(from.join("Cargo.lock"), copy.join("Cargo.lock"))?;
    Ok(())
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else {
            fs::write(to, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}

/// The sections of a manifest whose header line is to be kept.
fn sections(manifest: &str, keep: impl Fn(&str) -> bool) -> String {
    let mut keeping = false;
    let mut kept = String::new();
    for line in manifest.split_inclusive('\n') {
        if line.starts_with('[') {
            keeping = keep(line);
        }
        if keeping {
            kept.push_str(line);
        }
    }
    kept
}

/// The Rust files of a folder, by name.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut sources: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "rs"))
        .collect();
    sources.sort();
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::{failures, sections};

    #[test]
    fn failed_tests_are_named() {
        let output = "test b::c ... FAILED\ntest a ... ok\ntest a::b ... FAILED\ntest result: FAILED. 1 passed\n";
        assert_eq!(failures(output), ["a::b", "b::c"]);
    }

    #[test]
    fn sections_are_kept_whole() {
        let manifest = "[a]\nb = [\n    \"c\",\n]\n\n[d.e]\nf = 1\n[a.g]\nh = 2\n";
        assert_eq!(
            sections(manifest, |header| !header.starts_with("[d")),
            "[a]\nb = [\n    \"c\",\n]\n\n[a.g]\nh = 2\n"
        );
    }
}
