//! What runs on the cards: the tests that run on veth too, each in a process of its own, and the
//! demo.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use cargo_metadata::Message;

use super::machine::{Driver, quoted};
use crate::boringssl;
use crate::cargo;
use crate::python::AIOQUIC;
use crate::setup;

/// A program of tests.
struct Suite {
    name: &'static str,
    /// Its name for cargo, and its source, by which cargo's messages name it.
    test: &'static str,
    source: &'static str,
    profile: Profile,
    /// How long a test may take in the emulated machine.
    limit_s: u32,
    /// The last part of a test's name, and why it can't hold here.
    left_out: &'static [(&'static str, &'static str)],
    /// The last parts of the names of the tests of the short form.
    short: &'static [&'static str],
}

const CARD_STAYS: &str = "a card does not go with its peer, as a veth does";
const TOO_MUCH: &str =
    "a million packets take an emulated card too long; the test of a few thousand runs";

/// aioquic is slow where the processor is emulated.
const PYTHON_LIMIT_S: u32 = 480;

/// All of xskxceiver's cases in one test.
const CONFORMANCE_LIMIT_S: u32 = 480;

const TOO_LONG: &str = "500 megabytes take an emulated machine too long";
const BROWSER: &str = "a browser takes an emulated machine too long";
const FOUR_ENDS: &str = "needs two wires, and there are two cards";
const COPY_MODE: &str = "counts what a kick does in copy mode";
const VETH_MTU: &str = "needs an MTU at which veth has no native mode";
const HUB: &str = "a card on a hub keeps its carrier when its peer goes down";
const NOT_LOCAL: &str = "a card cuts into segments what it sends";
const HASH: &str = "a card's own hash chooses the queue";
const FILTERS: &str = "a card keeps frames to other hosts from the program, and may take tags off";
const QUEUES: &str = "needs more queues than the cards have active";

/// Tests with two active queues on each card, which virtio_net on a hub doesn't have.
const SEVERAL_QUEUES: &[&str] = &[
    "two_hundred_clients_that_move_are_served_by_several_queues",
    "garbage_at_the_port_disturbs_no_transfer_over_several_queues",
    "several_workers_write_one_log",
];

const SUITES: [Suite; 6] = [
    Suite {
        name: "rustix",
        test: "veth",
        source: "backend-rustix/tests/veth.rs",
        profile: Profile::Dev,
        limit_s: 120,
        left_out: BACKEND,
        short: SHORT,
    },
    Suite {
        name: "uring",
        test: "veth",
        source: "backend-uring/tests/veth.rs",
        profile: Profile::Dev,
        limit_s: 120,
        left_out: BACKEND,
        short: SHORT,
    },
    Suite {
        name: "command",
        test: "command",
        source: "cli/tests/command/main.rs",
        profile: Profile::Demo,
        limit_s: 240,
        left_out: &[
            (
                "a_bridge_that_takes_all_passes_on_what_the_kernels_ask_each_other",
                FOUR_ENDS,
            ),
            ("packets_are_passed_on_between_two_interfaces", FOUR_ENDS),
            (
                "a_file_gets_through_where_the_path_takes_less_than_either_interface",
                FOUR_ENDS,
            ),
            (
                "a_download_goes_on_when_the_gateways_of_both_ends_change_their_mac_addresses",
                FOUR_ENDS,
            ),
            (
                "a_download_goes_on_from_another_address_when_its_own_is_lost",
                FOUR_ENDS,
            ),
            (
                "an_address_that_is_lost_for_good_is_why_nothing_comes",
                FOUR_ENDS,
            ),
            (
                "a_download_goes_on_when_both_ends_change_their_own_mac_addresses",
                FOUR_ENDS,
            ),
            (
                "a_browser_goes_on_by_http_3_and_by_tcp_where_udp_is_blocked",
                BROWSER,
            ),
            ("a_carrier_that_is_late_is_waited_for", HUB),
            ("calls_and_submissions_are_counted_by_kind", COPY_MODE),
            ("interfaces_that_are_down_are_refused", HUB),
            (
                "native_mode_is_refused_or_given_up_where_the_driver_cannot",
                VETH_MTU,
            ),
            ("packets_larger_than_frames_are_refused", VETH_MTU),
            ("what_the_kernel_would_not_take_is_not_answered", FILTERS),
            (
                "packets_on_a_queue_without_a_socket_are_told_by_benchmarks",
                HASH,
            ),
            (
                "packets_on_a_queue_without_a_socket_are_told_by_the_client",
                HASH,
            ),
            (
                "packets_on_a_queue_without_a_socket_are_told_by_the_server",
                HASH,
            ),
            (
                "what_a_local_sender_has_not_cut_into_segments_is_warned_of",
                NOT_LOCAL,
            ),
            (
                "what_is_taken_is_refused_and_its_owner_not_disturbed",
                QUEUES,
            ),
        ],
        short: &[],
    },
    Suite {
        name: "interop",
        test: "interop",
        source: "cli/tests/interop/main.rs",
        profile: Profile::Demo,
        limit_s: PYTHON_LIMIT_S,
        left_out: &[
            ("a_file_of_500_megabytes", TOO_LONG),
            ("aioquic_fetches_a_file_of_500_megabytes", TOO_LONG),
        ],
        short: &[],
    },
    Suite {
        name: "conformance-rustix",
        test: "conformance",
        source: "backend-rustix/tests/conformance.rs",
        profile: Profile::Dev,
        limit_s: CONFORMANCE_LIMIT_S,
        left_out: &[],
        short: &[],
    },
    Suite {
        name: "conformance-uring",
        test: "conformance",
        source: "backend-uring/tests/conformance.rs",
        profile: Profile::Dev,
        limit_s: CONFORMANCE_LIMIT_S,
        left_out: &[],
        short: &[],
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
const DEMO: &str = "demo";
const DEMO_BACKENDS: [&str; 2] = ["rustix", "uring"];
const DEMO_LIMIT_S: u32 = 120;

/// How something is built. What encrypts is far too slow without optimisation in an emulated
/// machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Profile {
    /// Checks overflow, on which ring arithmetic must not rely.
    Dev,
    Demo,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Demo => "demo",
        }
    }

    fn folder(self) -> PathBuf {
        cargo::target().join(match self {
            Self::Dev => "debug",
            Self::Demo => "demo",
        })
    }
}

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
    left_out: Option<&'static str>,
    needs_queues: bool,
    pub(super) is_short: bool,
}

impl Job {
    /// Why it is not run on cards of this driver.
    pub(super) fn left_out(&self, driver: Driver) -> Option<&'static str> {
        let lacks_queues = self.needs_queues && driver == Driver::VirtioNet;
        self.left_out.or(lacks_queues.then_some(QUEUES))
    }
}

/// What was built to run on the cards.
pub(super) struct Plan {
    pub(super) jobs: Vec<Job>,
    /// The folder of the `xskit` command.
    pub(super) programs: PathBuf,
}

impl Plan {
    /// Builds what can have tests of these names, or all, and lists what there is to run.
    pub(super) fn whole(parts: &[String]) -> Result<Self> {
        setup::ensure_for_tests()?;
        let suites: Vec<_> = SUITES
            .iter()
            .filter(|suite| may_have(suite.name, parts))
            .collect();
        if suites.iter().any(|suite| suite.name == "interop") {
            // If this fails, the tests that need it say so.
            let _ = AIOQUIC.ensure();
        }
        let mut executables = Vec::new();
        for profile in [Profile::Dev, Profile::Demo] {
            let mut tests: Vec<_> = suites
                .iter()
                .filter(|suite| suite.profile == profile)
                .map(|suite| suite.test)
                .collect();
            tests.dedup();
            if !tests.is_empty() {
                executables.extend(build(profile, &tests)?);
            }
        }
        // Building its tests builds the command.
        let has_command = suites.iter().any(|suite| suite.profile == Profile::Demo);
        if may_have(DEMO, parts) && !has_command {
            build_command()?;
        }
        let mut plan = Self::of(suites, &executables)?;
        plan.select(parts)?;
        Ok(plan)
    }

    /// The same for the tests that take little time and show the most.
    pub(super) fn short() -> Result<Self> {
        let executables = build(Profile::Dev, &["veth"])?;
        build_command()?;
        let suites = SUITES.iter().filter(|suite| !suite.short.is_empty());
        let mut plan = Self::of(suites, &executables)?;
        plan.jobs.retain(|job| job.is_short);
        Ok(plan)
    }

    fn of<'a>(
        suites: impl IntoIterator<Item = &'a Suite>,
        executables: &[(PathBuf, PathBuf)],
    ) -> Result<Self> {
        let mut jobs = Vec::new();
        for suite in suites {
            let executable = executables
                .iter()
                .find(|(source, _)| source.ends_with(suite.source))
                .map(|(_, executable)| executable);
            let executable =
                executable.with_context(|| format!("cargo built no {}", suite.source))?;
            jobs.extend(suite.jobs(executable)?);
        }
        let programs = Profile::Demo.folder();
        jobs.extend(DEMO_BACKENDS.map(|backend| demo(&programs.join("xskit"), backend)));
        Ok(Self { jobs, programs })
    }

    /// Those whose names have one of these parts, or all.
    fn select(&mut self, parts: &[String]) -> Result<()> {
        for part in parts {
            let is_there = self.jobs.iter().any(|job| job.name.contains(part));
            ensure!(is_there, "no test has {part:?} in its name");
        }
        let is_meant = |job: &Job| parts.iter().any(|part| job.name.contains(part));
        if !parts.is_empty() {
            self.jobs.retain(is_meant);
        }
        Ok(())
    }
}

impl Suite {
    fn jobs(&self, executable: &Path) -> Result<Vec<Job>> {
        let list = Command::new(executable)
            .args(["--list", "--format", "terse"])
            .output()
            .with_context(|| format!("{} can't be run", executable.display()))?;
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
            needs_queues: SEVERAL_QUEUES.iter().any(|name| is(test, name)),
            is_short: self.short.iter().any(|name| is(test, name)),
        }
    }
}

/// Whether a test of the suite can have one of these parts in its name: not if all of them name
/// other suites.
fn may_have(suite: &str, parts: &[String]) -> bool {
    let is_suite = |name: &str| name == DEMO || SUITES.iter().any(|it| it.name == name);
    let names_another = |part: &String| {
        let first = part.split_once("::").map(|(first, _)| first);
        first.is_some_and(|first| first != suite && is_suite(first))
    };
    parts.is_empty() || !parts.iter().all(names_another)
}

/// Whether the test has this name, in any module.
fn is(test: &str, name: &str) -> bool {
    test.strip_suffix(name)
        .is_some_and(|module| module.is_empty() || module.ends_with("::"))
}

fn demo(xskit: &Path, backend: &str) -> Job {
    let options = "demo --size 4M --json --zero-copy force --backend";
    Job {
        name: format!("{DEMO}::{backend}"),
        command: format!("{} {options} {backend}", quoted(xskit)),
        limit_s: DEMO_LIMIT_S,
        says: "\"mode\":\"native, zero-copy\"",
        left_out: None,
        needs_queues: false,
        is_short: true,
    }
}

/// Builds tests as the whole workspace's are built, so that nothing is built twice. Returns each
/// one's source and its executable.
fn build(profile: Profile, tests: &[&str]) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut cargo = cargo::command("test");
    cargo.args([
        "--workspace",
        "--all-features",
        "--no-run",
        "--message-format=json-render-diagnostics",
        "--profile",
        profile.name(),
    ]);
    for test in tests {
        cargo.args(["--test", test]);
    }
    let messages = succeed(&mut cargo, profile)?;
    let built = Message::parse_stream(&messages[..]).filter_map(|message| match message {
        Ok(Message::CompilerArtifact(it)) => {
            Some((it.target.src_path.into(), it.executable?.into()))
        }
        _ => None,
    });
    Ok(built.collect())
}

/// Builds the command as `xtask demo` does, which usually follows.
fn build_command() -> Result<()> {
    let mut command = cargo::command("build");
    command.args([
        "--profile",
        Profile::Demo.name(),
        "--package",
        "xskit-cli",
        "--bin",
        "xskit",
    ]);
    succeed(&mut command, Profile::Demo).map(drop)
}

/// Runs a build, and returns what it prints.
fn succeed(cargo: &mut Command, profile: Profile) -> Result<Vec<u8>> {
    // If only the other profile was built, this saves minutes.
    cargo.envs(boringssl::for_linking(&profile.folder()));
    let built = cargo
        .stderr(Stdio::inherit())
        .output()
        .context("cargo can't be run")?;
    ensure!(
        built.status.success(),
        "the build failed; cargo says why above"
    );
    Ok(built.stdout)
}

#[cfg(test)]
mod tests {
    use super::{SUITES, is, may_have};

    #[test]
    fn only_suites_that_are_meant_are_built() {
        let names = |part: &str| -> Vec<_> {
            let parts = [part.to_owned()];
            let meant = SUITES.iter().filter(|suite| may_have(suite.name, &parts));
            meant.map(|suite| suite.name).collect()
        };
        assert_eq!(names("uring::block"), ["uring"]);
        assert_eq!(names("demo::uring"), [""; 0]);
        assert_eq!(names("block::").len(), SUITES.len());
    }

    #[test]
    fn a_test_is_known_by_the_end_of_its_path() {
        assert!(is("block::a_test", "a_test"));
        assert!(is("a_test", "a_test"));
        assert!(is("block::a_test", "block::a_test"));
        assert!(!is("sqpoll_block::a_test", "block::a_test"));
        assert!(!is("not_a_test", "a_test"));
    }
}
