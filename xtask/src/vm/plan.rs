//! What runs on the cards: the tests that run on veth too, each in a process of its own, and the demo.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::machine::quoted;
use crate::boringssl;
use crate::cargo;
use crate::setup;

/// A program of tests.
struct Suite {
    name: &'static str,
    /// Its source, by which cargo's messages name it.
    source: &'static str,
    /// How long a test may take in the emulated machine.
    limit_s: u32,
    /// The last part of a test's name, and why it can't hold here.
    left_out: &'static [(&'static str, &'static str)],
    /// The last parts of the names of the tests of the short form.
    short: &'static [&'static str],
}

const CARD_STAYS: &str = "a card does not go with its peer, as a veth does";
const TOO_MUCH: &str = "a million packets take an emulated card too long; the test of 20,000 runs";

const SUITES: [Suite; 2] = [
    Suite {
        name: "rustix",
        source: "backend-rustix/tests/veth.rs",
        limit_s: 120,
        left_out: BACKEND,
        short: SHORT,
    },
    Suite {
        name: "uring",
        source: "backend-uring/tests/veth.rs",
        limit_s: 120,
        left_out: BACKEND,
        short: SHORT,
    },
];

const BACKEND: &[(&str, &str)] = &[
    ("a_wait_says_that_the_interface_is_gone", CARD_STAYS),
    ("a_million_frames_forwarded_stay_accounted_for", TOO_MUCH),
];

const SHORT: &[&str] = &[
    "block::a_taken_port_comes_to_the_socket_and_others_to_the_kernel",
    "block::the_kernel_accepts_what_is_sent_checksums_and_all",
];

/// The demo: one HTTP/3 transfer, its hash compared, and pings beside it.
const DEMO: [&str; 2] = ["rustix", "uring"];
const DEMO_LIMIT_S: u32 = 120;

/// One thing to run.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// `suite::test`.
    pub(super) name: String,
    /// For a shell.
    pub(super) command: String,
    pub(super) limit_s: u32,
    /// What its output says when it passes, besides its exit code.
    pub(super) says: &'static str,
    /// Why it is not run.
    pub(super) left_out: Option<&'static str>,
    pub(super) is_short: bool,
}

/// What was built to run on the cards.
pub(super) struct Plan {
    pub(super) jobs: Vec<Job>,
    /// The folder of the `xskit` command.
    pub(super) programs: PathBuf,
}

impl Plan {
    /// Builds the tests and the command, and lists what there is to run.
    pub(super) fn build() -> Result<Self, String> {
        setup::ensure()?;
        let executables = build()?;
        let mut jobs = Vec::new();
        for suite in &SUITES {
            let executable = executables
                .iter()
                .find(|(source, _)| source.ends_with(suite.source))
                .map(|(_, executable)| executable);
            let executable =
                executable.ok_or_else(|| format!("cargo built no {}", suite.source))?;
            jobs.extend(suite.jobs(executable)?);
        }
        let programs = cargo::target().join("debug");
        jobs.extend(DEMO.map(|backend| demo(&programs.join("xskit"), backend)));
        Ok(Self { jobs, programs })
    }

    /// Those whose names have one of these parts, or all.
    pub(super) fn select(&mut self, parts: &[String]) -> Result<(), String> {
        for part in parts {
            if !self.jobs.iter().any(|job| job.name.contains(part)) {
                return Err(format!("no test has {part:?} in its name"));
            }
        }
        let is_meant = |job: &Job| parts.iter().any(|part| job.name.contains(part));
        if !parts.is_empty() {
            self.jobs.retain(is_meant);
        }
        Ok(())
    }

    /// Those that take little time and show the most.
    pub(super) fn shorten(&mut self) {
        self.jobs.retain(|job| job.is_short);
    }
}

impl Suite {
    fn jobs(&self, executable: &Path) -> Result<Vec<Job>, String> {
        let list = Command::new(executable)
            .args(["--list", "--format", "terse"])
            .output()
            .map_err(|error| format!("{} can't be run: {error}", executable.display()))?;
        let list = String::from_utf8_lossy(&list.stdout);
        let tests = list.lines().filter_map(|line| line.strip_suffix(": test"));
        Ok(tests.map(|test| self.job(executable, test)).collect())
    }

    fn job(&self, executable: &Path, test: &str) -> Job {
        let reason = self.left_out.iter().find(|(name, _)| is(test, name));
        Job {
            name: format!("{}::{test}", self.name),
            command: format!("{} --exact {}", quoted(executable), quoted(test)),
            limit_s: self.limit_s,
            // With a name that no test has, none fails.
            says: "test result: ok. 1 passed;",
            left_out: reason.map(|(_, reason)| *reason),
            is_short: self.short.iter().any(|name| is(test, name)),
        }
    }
}

/// Whether the test has this name, in whatever module.
fn is(test: &str, name: &str) -> bool {
    test.strip_suffix(name)
        .is_some_and(|module| module.is_empty() || module.ends_with("::"))
}

fn demo(xskit: &Path, backend: &str) -> Job {
    let options = "demo --size 4M --json --zero-copy force --backend";
    Job {
        name: format!("demo::{backend}"),
        command: format!("{} {options} {backend}", quoted(xskit)),
        limit_s: DEMO_LIMIT_S,
        says: "\"mode\":\"native, zero-copy\"",
        left_out: None,
        is_short: true,
    }
}

/// Builds what the whole workspace's tests are built of, so that nothing is built twice. Returns each test's source and
/// its executable.
fn build() -> Result<Vec<(PathBuf, PathBuf)>, String> {
    let mut cargo = cargo::command("test");
    cargo.args([
        "--workspace",
        "--all-features",
        "--no-run",
        "--message-format=json-render-diagnostics",
    ]);
    for test in ["veth", "command", "interop"] {
        cargo.args(["--test", test]);
    }
    // Where only the release was built, that is minutes less.
    cargo.envs(boringssl::for_linking(&cargo::target().join("debug")));
    let built = cargo
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo can't be run: {error}"))?;
    if !built.status.success() {
        return Err("the tests can't be built; cargo says why above".to_owned());
    }
    let messages = String::from_utf8_lossy(&built.stdout);
    let executable = |line: &str| {
        let source = member(line, "src_path")?;
        Some((source.into(), member(line, "executable")?.into()))
    };
    Ok(messages.lines().filter_map(executable).collect())
}

/// The text of a member of an object, if it is a text without escapes.
fn member<'a>(json: &'a str, name: &str) -> Option<&'a str> {
    let start = format!("\"{name}\":\"");
    let (_, rest) = json.split_once(&start)?;
    rest.split_once('"').map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::{is, member};

    #[test]
    fn a_test_is_known_by_the_end_of_its_path() {
        assert!(is("block::a_test", "a_test"));
        assert!(is("a_test", "a_test"));
        assert!(is("block::a_test", "block::a_test"));
        assert!(!is("sqpoll_block::a_test", "block::a_test"));
        assert!(!is("not_a_test", "a_test"));
    }

    #[test]
    fn members_of_cargos_messages_are_found() {
        let line = r#"{"target":{"src_path":"/w/a.rs"},"executable":"/t/a-1"}"#;
        assert_eq!(member(line, "src_path"), Some("/w/a.rs"));
        assert_eq!(member(line, "executable"), Some("/t/a-1"));
        assert_eq!(member(r#"{"executable":null}"#, "executable"), None);
    }
}
