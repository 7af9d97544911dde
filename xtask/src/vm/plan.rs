//! What runs on the cards: the tests that run on veth too, each in a process of its own, and the
//! demo.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use cargo_metadata::Message;
use serde::Deserialize;

use super::machine::{Driver, quoted};
use crate::boringssl;
use crate::cargo;
use crate::python::AIOQUIC;
use crate::setup;
use crate::tally::SKIPPED;

/// Of the names of the tests that take little time and show the most.
pub(super) const SHORT: [&str; 5] = [
    "rustix::block::a_taken_port_comes_to_the_socket_and_others_to_the_kernel",
    "rustix::block::the_kernel_accepts_what_is_sent_checksums_and_all",
    "uring::block::a_taken_port_comes_to_the_socket_and_others_to_the_kernel",
    "uring::block::the_kernel_accepts_what_is_sent_checksums_and_all",
    "demo::",
];

/// The profile of the command. What encrypts is far too slow without optimisation in an emulated
/// machine.
const PROFILE: &str = "demo";

/// The demo: one HTTP/3 transfer, its hash compared, and pings beside it.
const DEMO: &str = "demo";
const DEMO_ARGS: &str = "demo --size 4M --json --zero-copy force";
const DEMO_LIMIT_S: u32 = 120;

/// `xtask/cards.toml`.
#[derive(Deserialize)]
struct Cards {
    suites: BTreeMap<String, Suite>,
    left_out: LeftOut,
    left_out_on_virtio_net: LeftOut,
}

/// By the reason, the last parts of tests' names.
type LeftOut = BTreeMap<String, Vec<String>>;

/// A program of tests.
#[derive(Deserialize)]
struct Suite {
    /// The package's.
    folder: String,
    program: String,
    profile: String,
    /// How long a test may take in the emulated machine.
    limit_s: u32,
}

/// One thing to run.
pub(super) struct Job {
    /// `suite::test`.
    pub(super) name: String,
    /// For a shell.
    pub(super) command: String,
    pub(super) limit_s: u32,
    /// What its output says when it passes, besides its exit code.
    pub(super) says: &'static str,
}

impl Job {
    /// Whether it passed, by its exit code and its output; otherwise why not.
    pub(super) fn judge(&self, code: i32, output: &str) -> Result<(), String> {
        if let Some((_, what)) = output.split_once(SKIPPED) {
            let what = what.lines().next().unwrap_or_default();
            return Err(format!("skipped itself: needs {what}"));
        }
        match code {
            0 if output.contains(self.says) => Ok(()),
            0 => Err(format!("ended well without saying {:?}", self.says)),
            // Of timeout(1): the limit, and the same where SIGTERM was not enough.
            124 | 137 => Err(format!("not done in {} s", self.limit_s)),
            code => Err(format!("exit code {code}")),
        }
    }
}

/// What was built to run on the cards.
pub(super) struct Plan {
    pub(super) jobs: Vec<Job>,
    /// The folder of the `xskit` command.
    pub(super) programs: PathBuf,
    cards: Cards,
}

impl Plan {
    /// Builds what can have tests with one of these parts in their names, or all, and lists them.
    pub(super) fn of(parts: &[String]) -> Result<Self> {
        setup::ensure_for_tests()?;
        let cards: Cards = toml::from_str(include_str!("../../cards.toml"))?;
        let mut jobs = Vec::new();
        for (name, suite) in &cards.suites {
            if may_have(name, &cards, parts) {
                if name == "interop" {
                    // If this fails, the tests that need it say so.
                    let _ = AIOQUIC.ensure();
                }
                jobs.extend(suite.jobs(name)?);
            }
        }
        let programs = cargo::target().join(PROFILE);
        if may_have(DEMO, &cards, parts) {
            // Building the command's tests builds it too, with the features that they expect.
            let mut suites = cards.suites.iter();
            let is_built =
                suites.any(|(name, it)| it.profile == PROFILE && may_have(name, &cards, parts));
            if !is_built {
                build(PROFILE, &["--package", "xskit-cli", "--bin", "xskit"])?;
            }
            let xskit = quoted(programs.join("xskit"));
            jobs.extend(["rustix", "uring"].map(|backend| Job {
                name: format!("{DEMO}::{backend}"),
                command: format!("{xskit} {DEMO_ARGS} --backend {backend}"),
                limit_s: DEMO_LIMIT_S,
                says: "\"mode\":\"native, zero-copy\"",
            }));
        }
        for part in parts {
            let is_there = jobs.iter().any(|job| job.name.contains(part));
            ensure!(is_there, "no test has {part:?} in its name");
        }
        let is_meant = |job: &Job| parts.iter().any(|part| job.name.contains(part));
        jobs.retain(|job| parts.is_empty() || is_meant(job));
        Ok(Self {
            jobs,
            programs,
            cards,
        })
    }

    /// What a job needs that cards of this driver don't have.
    pub(super) fn left_out(&self, job: &Job, driver: Driver) -> Option<&str> {
        let mut all: Vec<_> = self.cards.left_out.iter().collect();
        if driver == Driver::VirtioNet {
            all.extend(&self.cards.left_out_on_virtio_net);
        }
        let has = |names: &Vec<String>| names.iter().any(|name| is(&job.name, name));
        Some(all.into_iter().find(|(_, names)| has(names))?.0)
    }
}

impl Suite {
    /// Builds the program as the whole workspace's are built, so that nothing is built twice, and
    /// lists its tests.
    fn jobs(&self, suite: &str) -> Result<Vec<Job>> {
        let messages = build(
            &self.profile,
            &["--workspace", "--all-features", "--test", &self.program],
        )?;
        let folder = cargo::workspace().join(&self.folder).join("tests");
        let mut built = Message::parse_stream(&messages[..]).filter_map(|message| match message {
            Ok(Message::CompilerArtifact(it)) if it.target.src_path.starts_with(&folder) => {
                it.executable
            }
            _ => None,
        });
        let executable = built
            .next()
            .with_context(|| format!("cargo built no {suite}"))?;
        let mut list = Command::new(&executable);
        let list = list.args(["--list", "--format", "terse"]).output();
        let list = list.with_context(|| format!("{executable} can't be run"))?;
        let status = list.status;
        ensure!(
            status.success(),
            "{executable} does not list its tests ({status})"
        );
        let list = String::from_utf8_lossy(&list.stdout);
        let tests = list.lines().filter_map(|line| line.strip_suffix(": test"));
        let job = |test| Job {
            name: format!("{suite}::{test}"),
            command: format!("{} --exact {}", quoted(&executable), quoted(test)),
            limit_s: self.limit_s,
            // With a name that no test has, none fails.
            says: "test result: ok. 1 passed;",
        };
        let jobs: Vec<_> = tests.map(job).collect();
        ensure!(!jobs.is_empty(), "{suite} has no tests");
        Ok(jobs)
    }
}

/// Whether a suite can have tests with one of these parts in their names: not if all of them begin
/// with the names of others.
fn may_have(suite: &str, cards: &Cards, parts: &[String]) -> bool {
    let may_mean = |part: &String| match part.split_once("::") {
        Some((first, _)) if first == DEMO || cards.suites.contains_key(first) => first == suite,
        _ => true,
    };
    parts.is_empty() || parts.iter().any(may_mean)
}

/// Whether the test has this name, in any module.
fn is(test: &str, name: &str) -> bool {
    test.strip_suffix(name)
        .is_some_and(|module| module.ends_with("::"))
}

/// Builds, and returns cargo's messages.
fn build(profile: &str, what: &[&str]) -> Result<Vec<u8>> {
    let folder = if profile == "dev" { "debug" } else { profile };
    let is_test = what.contains(&"--test");
    let mut cargo = cargo::command(if is_test { "test" } else { "build" });
    cargo.args(is_test.then_some("--no-run"));
    cargo.args([
        "--message-format=json-render-diagnostics",
        "--profile",
        profile,
    ]);
    // If only another profile was built, this saves minutes.
    cargo
        .args(what)
        .envs(boringssl::for_linking(&cargo::target().join(folder)));
    let built = cargo.stderr(Stdio::inherit()).output();
    let built = built.context("cargo can't be run")?;
    ensure!(
        built.status.success(),
        "the build failed; cargo says why above"
    );
    Ok(built.stdout)
}

#[cfg(test)]
mod tests {
    use super::{Cards, DEMO, Job, SHORT, is, may_have};

    fn cards() -> Cards {
        toml::from_str(include_str!("../../cards.toml")).expect("well formed")
    }

    #[test]
    fn only_suites_that_are_meant_are_built() {
        let cards = cards();
        let names = |parts: &[&str]| -> Vec<_> {
            let parts: Vec<_> = parts.iter().map(|part| (*part).to_owned()).collect();
            let suites = cards.suites.keys().map(String::as_str).chain([DEMO]);
            suites
                .filter(|suite| may_have(suite, &cards, &parts))
                .collect()
        };
        assert_eq!(names(&["uring::block"]), ["uring"]);
        assert_eq!(names(&["demo::uring"]), [DEMO]);
        assert_eq!(names(&SHORT), ["rustix", "uring", DEMO]);
        assert_eq!(names(&["block::"]).len(), cards.suites.len() + 1);
    }

    #[test]
    fn a_job_passes_only_if_it_ends_well_and_says_so() {
        let job = Job {
            name: String::new(),
            command: String::new(),
            limit_s: 60,
            says: "1 passed",
        };
        assert_eq!(job.judge(0, "test result: ok. 1 passed;"), Ok(()));
        for (code, output, why) in [
            (0, "test result: ok. 0 passed;", "without saying"),
            (0, "skipped: needs CAP_BPF (test a)\n1 passed", "CAP_BPF"),
            (101, "1 passed", "101"),
            (124, "1 passed", "60 s"),
        ] {
            let said = job.judge(code, output).expect_err(output);
            assert!(said.contains(why), "{said}");
        }
    }

    #[test]
    fn a_test_is_known_by_the_end_of_its_path() {
        assert!(is("rustix::block::a_test", "a_test"));
        assert!(is("rustix::a_test", "a_test"));
        assert!(!is("rustix::not_a_test", "a_test"));
    }
}
