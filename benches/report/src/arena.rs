//! Where a job is done: two hosts joined by a wire, made for it.
//!
//! ```text
//!   first host, first core              second host, second core
//!  ┌─────────────────────────┐  veth  ┌─────────────────────────┐
//!  │ tx, ping; floods, paces ├────────┤ rx, fwd                 │
//!  └─────────────────────────┘        └─────────────────────────┘
//! ```

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use fs_err as fs;
use xskit_testbed::{Host, HostPair, HostPairConfig, Link};
use xskit_wire::MacAddr;

use crate::core::{Cores, Place};
use crate::figures::{CPU, Figures, PPS};
use crate::job::{BASELINE, Contestant, Job, Load, PORT, Task, Variant, Who};
use crate::profile;
use crate::program::Program;
use crate::rival::{Rival, Wire, words};
use crate::udp;

/// How long a program may take to begin its work.
const START_PATIENCE: Duration = Duration::from_secs(10);

/// How long the queue may stay taken after the previous program. Not every rival waits for it.
const RELEASE: Duration = Duration::from_millis(200);

/// How long a program may take to reach a steady state.
const WARM_UP: Duration = Duration::from_millis(300);

/// The hosts, and what runs in them.
pub(crate) struct Arena {
    pair: HostPair,
    cores: Cores,
    xskit: PathBuf,
}

impl Arena {
    /// Makes the hosts. `xskit` is the command's path.
    pub(crate) fn new(xskit: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            pair: HostPair::new(HostPairConfig::default())?,
            cores: Cores::of_this_thread()?,
            xskit: fs::canonicalize(xskit)?,
        })
    }

    /// Runs every contestant once, beginning with another one each round.
    ///
    /// # Errors
    /// Where the load can't be made. A contestant's failure is its outcome.
    pub(crate) fn round(
        &self,
        job: &Job,
        round: usize,
    ) -> anyhow::Result<Vec<anyhow::Result<Figures>>> {
        self.under_load(job, || {
            let count = job.contestants.len();
            let order = (0..count).map(|place| (place + round) % count);
            let turn = |who| (who, self.turn(job, &job.contestants[who]));
            let mut done: Vec<_> = order.map(turn).collect();
            done.sort_by_key(|(who, _)| *who);
            Ok(done.into_iter().map(|(_, figures)| figures).collect())
        })
    }

    /// Samples the first and the second core while a contestant does the job.
    pub(crate) fn profile(
        &self,
        job: &Job,
        contestant: &Contestant,
    ) -> anyhow::Result<[Figures; 2]> {
        let record = || profile::record(self.cores.first_two(), job.length);
        self.under_load(job, || match &contestant.who {
            Who::Xskit(variant, options) => {
                let mut program = self.start(job.task, job, (*variant, options), Duration::ZERO)?;
                thread::sleep(WARM_UP);
                let cores = record()?;
                ensure!(program.is_running()?, "{}", program.complaint());
                Ok(cores)
            }
            Who::Rival(rival) => self.with_rival(job, rival, |program| {
                first_rate(program, |line| rival.rate(job.task, line))?;
                record()
            }),
            Who::Udp(_) => bail!("kernel sockets do no job at saturation"),
        })
    }

    fn under_load<T>(
        &self,
        job: &Job,
        meanwhile: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        match job.load {
            Load::Nothing => meanwhile(),
            Load::Paced(rate) => {
                let pace = (rate, job.len_bytes, PORT);
                udp::at_a_pace(&self.pair, &self.cores, pace, meanwhile)
            }
            Load::Flood => {
                // No socket of the first host takes them when they are sent back.
                let to = format!("--to-mac={}", MacAddr::new(self.pair.second.mac));
                let flood = Job {
                    batch: 64,
                    ..job.clone()
                };
                let how = (BASELINE, to.as_str());
                let _flood = self.start(Task::Tx, &flood, how, Duration::ZERO)?;
                meanwhile()
            }
        }
    }

    fn turn(&self, job: &Job, contestant: &Contestant) -> anyhow::Result<Figures> {
        match &contestant.who {
            Who::Xskit(variant, options) => {
                let how = (*variant, options.as_str());
                let _other_end = match job.task {
                    Task::Ping => Some(self.start_with_program(Task::Fwd, job, how)?),
                    _ => None,
                };
                let program = self.start(job.task, job, how, job.length)?;
                Figures::of_xskit(&program.finish(job.length)?)
            }
            Who::Rival(rival) => self.with_rival(job, rival, |program| {
                watch(program, |line| rival.rate(job.task, line))
            }),
            Who::Udp(waiting) => {
                udp::ping(&self.pair, &self.cores, *waiting, job.len_bytes, job.length)
            }
        }
    }

    fn host(&self, task: Task) -> (&Host, Place) {
        match task {
            Task::Tx | Task::Ping => (&self.pair.first, Place::First),
            Task::Rx | Task::Fwd => (&self.pair.second, Place::Second),
        }
    }

    /// Starts `xskit bench` in the task's host. A `length` of zero has no end.
    fn start(
        &self,
        task: Task,
        job: &Job,
        (variant, options): (Variant, &str),
        length: Duration,
    ) -> anyhow::Result<Program> {
        let (host, place) = self.host(task);
        let to = match task {
            Task::Ping => format!("--to={}", self.pair.second.ipv4),
            _ => String::new(),
        };
        let mut all = vec![self.xskit.display().to_string()];
        all.extend(words(&format!(
            "bench {} --json --iface={} --port={PORT} --size={} --batch={} {to} {} {options} --seconds={}",
            task.word(),
            host.link.name,
            job.len_bytes,
            job.batch,
            variant.options,
            length.as_secs_f64()
        )));
        Program::start(&all, host, &self.cores, variant.place(place))
    }

    /// Starts a receiver in the second host, and waits until the interface has an XDP program.
    fn start_with_program(
        &self,
        task: Task,
        job: &Job,
        how: (Variant, &str),
    ) -> anyhow::Result<Program> {
        let mut program = self.start(task, job, how, Duration::ZERO)?;
        let second = &self.pair.second;
        program.wait_until("attaches no XDP program", || {
            let link = second.run(|| Link::by_name(&second.link.name))??;
            Ok(!link.xdp.is_empty())
        })?;
        Ok(program)
    }

    /// Runs a rival for as long as `meanwhile` takes.
    fn with_rival<T>(
        &self,
        job: &Job,
        rival: &Rival,
        meanwhile: impl FnOnce(&Program) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let (host, place) = self.host(job.task);
        let mut cores = self.cores.first_two();
        if place == Place::First {
            cores.reverse();
        }
        let wire = Wire {
            interface: &host.link.name,
            peer_mac: &MacAddr::new(self.pair.second.mac).to_string(),
            len_bytes: job.len_bytes,
            port: PORT,
            cores,
        };
        let taker = || self.start_with_program(Task::Rx, job, (BASELINE, ""));
        let _taker = rival.wants_program_on_peer.then(taker).transpose()?;
        thread::sleep(RELEASE);
        let program = Program::start(&rival.words(job.task, &wire), host, &self.cores, place)?;
        let outcome = meanwhile(&program);
        // It has to end by itself, to detach its XDP program.
        program.interrupt();
        let ended = program.finish(Duration::ZERO);
        outcome.map_err(|error| match ended {
            Err(ended) => ended,
            Ok(_) => error,
        })
    }
}

/// The second rate that a program prints, one per second, and its processor time since the first,
/// which covers its start.
fn watch(program: &Program, rate: impl Fn(&str) -> Option<f64>) -> anyhow::Result<Figures> {
    first_rate(program, &rate)?;
    let (started, ran_ns) = (Instant::now(), program.ran_ns()?);
    let pps = loop {
        let line = program.line(START_PATIENCE)?.context("it ended")?;
        if let Some(pps) = rate(&line) {
            break pps;
        }
    };
    let seconds = started.elapsed().as_secs_f64();
    let cpu_us = (program.ran_ns()? - ran_ns) as f64 / 1e3;
    Ok(Figures::of([(PPS, pps), (CPU, cpu_us / (pps * seconds))]))
}

/// Waits for the first rate that a program prints; a rate of 0 comes before the first packet.
fn first_rate(program: &Program, rate: impl Fn(&str) -> Option<f64>) -> anyhow::Result<()> {
    let deadline = Instant::now() + START_PATIENCE;
    while Instant::now() < deadline {
        let line = program.line(START_PATIENCE)?.context("it ended")?;
        if rate(&line).is_some_and(|rate| rate > 0.0) {
            return Ok(());
        }
    }
    bail!("no packet went for {START_PATIENCE:?}")
}
