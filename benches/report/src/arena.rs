//! Where a job is done: two hosts joined by a wire, made for it.
//!
//! ```text
//!   first host, first core              second host, second core
//!  ┌─────────────────────────┐  veth  ┌─────────────────────────┐
//!  │ tx, ping; floods, paces ├────────┤ rx, fwd                 │
//!  └─────────────────────────┘        └─────────────────────────┘
//! ```

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use xskit_testbed::{Host, HostPair, HostPairConfig, Link};
use xskit_wire::MacAddr;

use crate::core::{Cores, Place};
use crate::figures::{CPU, Figures, PPS};
use crate::job::{Contestant, Job, Load, PORT, Task, Who};
use crate::profile;
use crate::program::Program;
use crate::rival::{Rival, Wire, words};
use crate::udp;
use crate::variant::{BASELINE, Variant};

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
    pub(crate) fn new(xskit: PathBuf) -> anyhow::Result<Self> {
        Ok(Self {
            pair: HostPair::new(HostPairConfig::default())?,
            cores: Cores::of_this_thread()?,
            xskit,
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
        let turns = || {
            let count = job.contestants.len();
            let order = (0..count).map(|place| (place + round) % count);
            let mut done: Vec<_> = order
                .map(|who| (who, self.turn(job, &job.contestants[who])))
                .collect();
            done.sort_by_key(|(who, _)| *who);
            Ok(done.into_iter().map(|(_, figures)| figures).collect())
        };
        self.under_load(job, turns)
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
                first_rate(program, |line| (rival.rate)(job.task, line))?;
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
                let _flood = self.flood(job)?;
                meanwhile()
            }
        }
    }

    fn turn(&self, job: &Job, contestant: &Contestant) -> anyhow::Result<Figures> {
        match &contestant.who {
            Who::Xskit(variant, options) => self.xskit_turn(job, *variant, options),
            Who::Rival(rival) => self.rival_turn(job, rival),
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

    fn xskit_turn(
        &self,
        job: &Job,
        variant: Variant,
        options: &[String],
    ) -> anyhow::Result<Figures> {
        let how = (variant, options);
        let _other_end = match job.task {
            Task::Ping => {
                let mut echo = self.start(Task::Fwd, job, how, Duration::ZERO)?;
                self.await_program_on_second(&mut echo)?;
                Some(echo)
            }
            _ => None,
        };
        let program = self.start(job.task, job, how, job.length)?;
        Figures::of_xskit(&program.finish(job.length)?)
    }

    /// Starts `xskit bench` in the task's host. A `length` of zero has no end.
    fn start(
        &self,
        task: Task,
        job: &Job,
        (variant, options): (Variant, &[String]),
        length: Duration,
    ) -> anyhow::Result<Program> {
        let mut words = self.xskit_words(task, job, variant, options);
        words.push(format!("--seconds={}", length.as_secs_f64()));
        let (host, place) = self.host(task);
        Program::start(&words, host, &self.cores, variant.place(place))
    }

    fn xskit_words(
        &self,
        task: Task,
        job: &Job,
        variant: Variant,
        options: &[String],
    ) -> Vec<String> {
        let (interface, len_bytes) = (&self.host(task).0.link.name, job.len_bytes);
        let to = match task {
            Task::Ping => format!(" --to={}", self.pair.second.ipv4),
            _ => String::new(),
        };
        let mut all = vec![self.xskit.to_string_lossy().into_owned()];
        all.extend(words(&format!(
            "bench {} --json --iface={interface} --port={PORT} --size={len_bytes} --batch={}{to} {}",
            task.word(),
            job.batch,
            variant.options
        )));
        all.extend(job.options.iter().chain(options).cloned());
        all
    }

    /// Sends packets from the first host, where no socket takes them when they are sent back.
    fn flood(&self, job: &Job) -> anyhow::Result<Program> {
        let flood = Job {
            batch: 64,
            options: Vec::new(),
            ..job.clone()
        };
        let mut words = self.xskit_words(Task::Tx, &flood, BASELINE, &[]);
        words.push(format!("--to-mac={}", MacAddr::new(self.pair.second.mac)));
        words.push("--seconds=0".to_owned());
        Program::start(&words, &self.pair.first, &self.cores, Place::First)
    }

    /// Waits until the second host's interface has an XDP program.
    fn await_program_on_second(&self, program: &mut Program) -> anyhow::Result<()> {
        let second = &self.pair.second;
        program.wait_until("attaches no XDP program", || {
            let link = second.run(|| Link::by_name(&second.link.name))??;
            Ok(!link.xdp.is_empty())
        })
    }

    fn rival_words(&self, job: &Job, rival: &Rival) -> Option<Vec<String>> {
        let (host, place) = self.host(job.task);
        let [first, second] = self.cores.first_two();
        let wire = Wire {
            interface: &host.link.name,
            peer_mac: &MacAddr::new(self.pair.second.mac).to_string(),
            len_bytes: job.len_bytes,
            port: PORT,
            cores: match place {
                Place::First => [second, first],
                Place::Second | Place::Anywhere => [first, second],
            },
        };
        rival.words(job.task, wire)
    }

    fn rival_turn(&self, job: &Job, rival: &Rival) -> anyhow::Result<Figures> {
        self.with_rival(job, rival, |program| {
            watch(program, |line| (rival.rate)(job.task, line))
        })
    }

    /// Runs a rival for as long as `meanwhile` takes.
    fn with_rival<T>(
        &self,
        job: &Job,
        rival: &Rival,
        meanwhile: impl FnOnce(&Program) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let words = self.rival_words(job, rival).context("it can't do that")?;
        let is_needed = rival.wants_program_on_peer;
        let _taker = is_needed.then(|| self.taker(job)).transpose()?;
        let (host, place) = self.host(job.task);
        thread::sleep(RELEASE);
        let program = Program::start(&words, host, &self.cores, place)?;
        let outcome = meanwhile(&program);
        // It has to end by itself, to detach its XDP program.
        program.interrupt();
        let ended = program.finish(Duration::ZERO);
        outcome.map_err(|error| match ended {
            Err(ended) => ended,
            Ok(_) => error,
        })
    }

    /// Receives what is sent to the second host, through an XDP program.
    fn taker(&self, job: &Job) -> anyhow::Result<Program> {
        let mut words = self.xskit_words(Task::Rx, job, BASELINE, &[]);
        words.push("--seconds=0".to_owned());
        let mut taker = Program::start(&words, &self.pair.second, &self.cores, Place::Second)?;
        self.await_program_on_second(&mut taker)?;
        Ok(taker)
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
