//! `cargo xtask vm`: the tests on real drivers, in zero-copy mode. A machine that QEMU emulates has
//! two cards on one hub, each of which becomes a host's interface instead of a veth pair
//! (`XSKIT_CARDS`, see `xskit_testbed::cards`).
//!
//! | module | is |
//! | --- | --- |
//! | [`apt`] | Debian packages, in newer suites than the machine's own |
//! | [`packages`] | QEMU, a kernel, virtme-ng: downloaded once, kept in `target/vm` |
//! | [`machine`] | the machine, and `guest.sh`, which it runs |
//! | [`plan`] | what to run on the cards |
//! | [`count`] | instructions per packet, instead of tests |
//! | [`quiche`] | quiche's example server, to count beside ours |

mod apt;
mod count;
mod machine;
mod packages;
mod plan;
mod quiche;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use machine::{Driver, Machine};
use packages::Bed;
use plan::{Job, Plan};

use crate::cargo;
use crate::step::Step;
use crate::test;

/// What a job may take besides its limit: the guest's clock may be slower than this machine's.
const GRACE: Duration = Duration::from_secs(30);

/// What is asked for.
#[derive(Debug, clap::Args)]
#[command(override_usage = "\
cargo xtask vm [--short] [igb|virtio_net] [TEST]...
       cargo xtask vm --count [--update] [igb|virtio_net] [PART]...
       cargo xtask vm --shell [igb|virtio_net]")]
pub(crate) struct Request {
    /// Run what `cargo xtask test` runs
    #[arg(long)]
    short: bool,
    /// Open a shell in the emulated machine, with the xskit command in its PATH
    #[arg(long)]
    shell: bool,
    /// Count instructions per packet, beside xdpsock and kernel sockets, and for HTTP/3, beside
    /// nginx and quiche's example
    #[arg(long, conflicts_with_all = ["short", "shell"])]
    count: bool,
    /// Write the tables of benches/ANSWERS.md as well
    #[arg(long, requires = "count")]
    update: bool,
    /// A driver, igb or virtio_net (both unless named), and parts of the names of tests (all unless
    /// named)
    #[arg(value_name = "DRIVER|TEST")]
    words: Vec<String>,
}

impl Request {
    /// The drivers and the tests that are named.
    fn words(&self) -> Result<(Vec<Driver>, Vec<String>)> {
        let named = |word: &String| Driver::ALL.into_iter().find(|it| it.name() == word);
        let mut drivers: Vec<_> = self.words.iter().filter_map(named).collect();
        let mut tests = self.words.clone();
        tests.retain(|word| named(word).is_none());
        ensure!(
            tests.is_empty() || !(self.short || self.shell),
            "--short and --shell take no TEST"
        );
        if drivers.is_empty() {
            drivers = Driver::ALL.to_vec();
        }
        Ok((drivers, tests))
    }
}

/// Runs what is asked for on each driver in turn.
pub(crate) fn command(request: Request) -> Result<ExitCode> {
    let (drivers, mut tests) = request.words()?;
    let bed = Bed::ensure().map_err(|what| anyhow!("the emulated machine needs {what:#}"))?;
    if request.count {
        return count::command(&bed, &drivers, &tests, request.update);
    }
    if request.short || request.shell {
        tests = plan::SHORT.map(str::to_owned).into();
    }
    let plan = Plan::of(&tests)?;
    if request.shell {
        Machine::new(&bed, drivers[0]).shell(&plan.programs)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut steps = Vec::new();
    for driver in drivers {
        steps.extend(run(&Machine::new(&bed, driver), &plan)?);
    }
    Ok(test::close(&steps))
}

/// The steps of `xtask test`: the short form on each driver.
pub(crate) fn steps() -> Result<Vec<Step>> {
    let bed = Bed::ensure();
    let step = |driver: Driver| {
        let name = format!("emulated cards, zero-copy: {}", driver.name());
        let mut vm = cargo::xtask()?;
        vm.args(["vm", "--short", driver.name()]);
        Ok(match &bed {
            Ok(_) => Step::run(name, &mut vm),
            Err(what) => Step::skip(name, &format!("{what:#}")),
        })
    };
    Driver::ALL.into_iter().map(step).collect()
}

/// Runs all jobs of the plan in one machine.
fn run(machine: &Machine, plan: &Plan) -> Result<Vec<Step>> {
    let driver = machine.driver;
    let name = |job: &Job| format!("{}: {}", driver.name(), job.name);
    let (mut steps, mut meant) = (Vec::new(), Vec::new());
    for job in &plan.jobs {
        match plan.left_out(job, driver) {
            Some(reason) => steps.push(Step::skip(name(job), reason)),
            None => meant.push(job),
        }
    }
    if meant.is_empty() {
        return Ok(steps);
    }
    let job =
        |(number, job): (usize, &&Job)| format!("job {number} {} {}\n", job.limit_s, job.command);
    let script: String = meant.iter().enumerate().map(job).collect();
    println!("==> {}: {} tests", driver.name(), meant.len());
    let mut running = machine.boot(&script, &plan.programs);
    for (number, job) in meant.into_iter().enumerate() {
        let limit = Duration::from_secs(job.limit_s.into()) + GRACE;
        let ended = match &mut running {
            Ok(running) => running.wait_for(&format!("{number}.end"), limit),
            Err(why) => Err(why.clone()),
        };
        let (took, outcome) = match ended {
            Ok(end) => {
                let output = machine::read(&machine.results().join(format!("{number}.out")));
                let (code, took) = parse_end(&end);
                let outcome = job.judge(code, &output);
                (took, outcome.map_err(|why| format!("{output}\n{why}")))
            }
            Err(why) => {
                // Nothing more comes from this machine.
                running = Err(why.clone());
                (Duration::ZERO, Err(format!("not run: {why}")))
            }
        };
        let (succeeded, name) = (outcome.is_ok(), name(job));
        match outcome {
            Ok(()) => println!("    ok in {:.1} s ({name})", took.as_secs_f64()),
            Err(why) => println!("{why}\n    FAILED ({name})"),
        }
        // What a test says when it skips itself is shown above: here it is a failure.
        steps.push(Step::ended(name, took, succeeded, String::new()));
    }
    if let Ok(running) = running {
        running.finish();
    }
    Ok(steps)
}

/// An exit code and milliseconds.
fn parse_end(text: &str) -> (i32, Duration) {
    let (code, took_ms) = text.trim().split_once(' ').unwrap_or_default();
    let took_ms = took_ms.parse().unwrap_or(0);
    (code.parse().unwrap_or(-1), Duration::from_millis(took_ms))
}

#[cfg(test)]
mod tests {
    use super::{Driver, Request};
    use clap::{Args, Command, FromArgMatches};

    fn parse(line: &str) -> Result<Request, clap::Error> {
        let command = Request::augment_args(Command::new("vm").no_binary_name(true));
        Request::from_arg_matches(&command.try_get_matches_from(line.split_whitespace())?)
    }

    #[test]
    fn drivers_and_tests_are_told_apart() {
        let words = |line| parse(line).expect("well formed").words();
        assert_eq!(words("").unwrap(), (Driver::ALL.to_vec(), Vec::new()));
        let expected = (vec![Driver::VirtioNet], vec!["block::".to_owned()]);
        assert_eq!(words("virtio_net block::").unwrap(), expected);
        assert!(words("--count tx --update").is_ok());
        assert!(words("--short block::").is_err());
        for wrong in ["--update igb", "--count --short", "--fast"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
