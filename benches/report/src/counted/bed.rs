//! The two hosts, what runs in them, and the window in which instructions are counted.
//!
//! ```text
//!   first host                          second host
//!  ┌─────────────────────────┐  wire   ┌──────────────────┐
//!  │ tx, ping; bursts        ├─────────┤ rx, fwd; servers │
//!  └─────────────────────────┘         └──────────────────┘
//! ```

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use xskit_benches::stop::Stop;
use xskit_benches::veth;
use xskit_testbed::{Host, HostPair, HostPairConfig, Link, WhenParentDies};
use xskit_wire::MacAddr;

use super::meter::{Direction, Meter, Packets};
use super::plan::{Entry, Mode, Who};
use super::{Count, PER_PACKET, Run, burst, fetch, plan, servers, sockets};
use crate::core::{Cores, Place};
use crate::figures::Figures;
use crate::job::{PORT, Task};
use crate::program::Program;
use crate::rival::Rival;
use crate::table::short;
use crate::udp;

/// How long instructions are counted: as many millions as milliseconds.
const WINDOW: Duration = Duration::from_millis(100);

/// Windows, the median of which counts: a link that comes and goes spoils one.
const WINDOWS: u32 = 3;

/// What goes on before, with packets: caches of the kernel's allocators fill.
const WARM_UP: Duration = Duration::from_millis(40);

/// A receiver's start: a card may be without its carrier for some seconds after an XDP program came.
const START: Duration = Duration::from_secs(6);

/// How long it may take until packets go.
const PATIENCE: Duration = Duration::from_secs(8);

/// Packets after which they are taken to go on.
const UNDER_WAY: u64 = 100;

/// Bytes of all packets, with all headers: xdpsock takes four off what it is told, for the checksum.
const LEN_BYTES: usize = veth::PACKET_LEN;

/// Counts everything of the plan whose job and way have one of these parts, or all. Tells how far it is.
///
/// # Errors
/// Where nothing can be counted at all. A way's failure is its own.
pub fn run(xskit: PathBuf, driver: &str, parts: &[String]) -> anyhow::Result<Run> {
    let bed = Bed {
        meter: Meter::new()?,
        cores: Cores::of_this_thread()?,
        xskit,
    };
    let is_meant = |entry: &Entry| {
        let name = format!("{}: {}", entry.job, entry.who.name());
        parts.is_empty() || parts.iter().any(|part| name.contains(part))
    };
    let mut counts = Vec::new();
    for entry in plan::entries().into_iter().filter(is_meant) {
        let outcome = bed.count(&entry);
        let way = entry.who.name();
        match &outcome {
            Ok(figures) => {
                let figure = figures.get(entry.unit()).unwrap_or_default();
                eprintln!("{driver} {:<13} {way:<40} {:>9}", entry.job, short(figure));
            }
            Err(error) => eprintln!("{driver} {:<13} {way:<40} {error:#}", entry.job),
        }
        counts.push(Count {
            job: entry.job.to_owned(),
            way,
            problem: outcome.as_ref().err().map(|error| format!("{error:#}")),
            figures: outcome.ok(),
        });
    }
    let kernel = rustix::system::uname();
    Ok(Run {
        driver: driver.to_owned(),
        kernel: kernel.release().to_string_lossy().into_owned(),
        counts,
    })
}

/// What counts, and where programs are.
pub struct Bed {
    /// The meter.
    pub meter: Meter,
    /// The processors; a counted machine has one.
    pub cores: Cores,
    /// The `xskit` command.
    pub xskit: PathBuf,
}

impl Bed {
    fn count(&self, entry: &Entry) -> anyhow::Result<Figures> {
        if let Who::Xdpsock(_) = entry.who {
            let is_there = Rival::named("xdpsock").is_some_and(|it| it.is_installed());
            ensure!(is_there, "not installed");
        }
        servers::require(entry.who)?;
        let pair = HostPair::new(HostPairConfig::default())?;
        let hosts = [&pair.first, &pair.second];
        take_programs_off(hosts)?;
        burst::introduce_nobody(hosts)?;
        let Some(task) = entry.task() else {
            return fetch::count(self, &pair, entry);
        };
        match entry.who {
            Who::Sender => self.under_bursts(&pair, burst::NOBODY_MAC, Direction::Tx, &pair.first),
            Who::Sockets if task == Task::Ping => self.socket_ping(&pair),
            Who::Sockets => self.sockets(&pair, task),
            who => self.program(&pair, task, who),
        }
    }

    /// A program that moves packets through AF_XDP sockets.
    fn program(&self, pair: &HostPair, task: Task, who: Who) -> anyhow::Result<Figures> {
        let host = host(pair, task);
        let echo = match task {
            Task::Ping => Some(self.start(&pair.second, &self.words(pair, Task::Fwd, who)?)?),
            _ => None,
        };
        if echo.is_some() {
            thread::sleep(START);
        }
        let mut program = self.start(host, &self.words(pair, task, who)?)?;
        let counted = match task {
            Task::Tx | Task::Ping => self.window(&Packets::of(host, Direction::Tx)?),
            Task::Rx | Task::Fwd => {
                thread::sleep(START);
                let direction = direction(task);
                self.under_bursts(pair, MacAddr::new(pair.second.mac), direction, host)
            }
        };
        // What it says of its end is better than that no packets went.
        ensure!(program.is_running()?, "{}", program.complaint());
        program.interrupt();
        let printed = program.finish(Duration::ZERO);
        let counted = counted?;
        match who {
            Who::Xskit(..) | Who::TakingAll(..) => Ok(Figures::of_xskit(&printed?)?.and(&counted)),
            // How a rival ends is its own affair: what it leaves behind is taken off.
            _ => Ok(counted),
        }
    }

    /// Starts a program on the one CPU.
    pub(super) fn start(&self, host: &Host, words: &[String]) -> anyhow::Result<Program> {
        Program::start(words, host, &self.cores, Place::Anywhere)
    }

    fn words(&self, pair: &HostPair, task: Task, who: Who) -> anyhow::Result<Vec<String>> {
        let interface = &host(pair, task).link.name;
        Ok(match who {
            Who::Xskit(mode, backend) | Who::TakingAll(mode, backend) => {
                let mut words = self.xskit(&["bench", task.word(), "--json"], interface);
                words.extend(mode.words().map(str::to_owned));
                words.push(format!("--backend={backend}"));
                words.push(format!("--port={PORT}"));
                words.push(format!("--size={LEN_BYTES}"));
                words.push("--seconds=0".to_owned());
                match task {
                    Task::Tx => words.push(format!("--to-mac={}", burst::NOBODY_MAC)),
                    Task::Ping => words.push(format!("--to={}", pair.second.ipv4)),
                    Task::Rx | Task::Fwd => words.push("--lend=4000".to_owned()),
                }
                // On one CPU, whoever looks again and again takes the time of those whom it waits for.
                if task != Task::Tx {
                    words.push("--spin=0".to_owned());
                }
                if task == Task::Rx {
                    words.push("--pause=0".to_owned());
                }
                if matches!(who, Who::TakingAll(..)) {
                    words.push("--take-all".to_owned());
                }
                words
            }
            Who::Xdpsock(mode) => xdpsock(task, mode, interface),
            _ => bail!("no program of its own"),
        })
    }

    /// The command with these words, for an interface.
    pub(super) fn xskit(&self, words: &[&str], interface: &str) -> Vec<String> {
        let mut all = vec![self.xskit.to_string_lossy().into_owned()];
        all.extend(words.iter().map(ToString::to_string));
        all.push(format!("--iface={interface}"));
        all
    }

    /// Counts while bursts go to a MAC address, and packets at a host's interface.
    fn under_bursts(
        &self,
        pair: &HostPair,
        to: MacAddr,
        direction: Direction,
        host: &Host,
    ) -> anyhow::Result<Figures> {
        let packets = Packets::of(host, direction)?;
        self.beside(
            |stop| burst::send(&pair.first, to, pair.second.ipv4, stop),
            || self.window(&packets),
        )
    }

    fn sockets(&self, pair: &HostPair, task: Task) -> anyhow::Result<Figures> {
        let host = host(pair, task);
        let count = || match task {
            Task::Tx | Task::Ping => self.window(&Packets::of(host, Direction::Tx)?),
            Task::Rx | Task::Fwd => {
                let to = MacAddr::new(pair.second.mac);
                self.under_bursts(pair, to, direction(task), host)
            }
        };
        self.beside(|stop| sockets::work(task, host, LEN_BYTES, stop), count)
    }

    fn socket_ping(&self, pair: &HostPair) -> anyhow::Result<Figures> {
        let packets = Packets::of(&pair.first, Direction::Tx)?;
        // A warm-up is waited for twice, and a window's start takes a little as well.
        let length = (WARM_UP + WINDOW) * (WINDOWS + 1);
        self.beside(
            |_| udp::ping(pair, &self.cores, udp::Waiting::Block, LEN_BYTES, length).map(drop),
            || self.window(&packets),
        )
    }

    /// Does one thing as long as another takes. The error of the first says more than that of the second.
    fn beside<T>(
        &self,
        work: impl FnOnce(&Stop) -> anyhow::Result<()> + Send,
        meanwhile: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let stop = Stop::default();
        thread::scope(|scope| {
            let until = stop.on_drop();
            let worker = scope.spawn(|| work(&stop));
            let outcome = meanwhile();
            drop(until);
            match worker.join() {
                Ok(done) => done.and(outcome),
                Err(_) => bail!("a thread panicked"),
            }
        })
    }

    /// Waits until packets go, and counts for a while.
    fn window(&self, packets: &Packets) -> anyhow::Result<Figures> {
        let (deadline, first) = (Instant::now() + PATIENCE, packets.now(LEN_BYTES as u64)?);
        while packets.now(LEN_BYTES as u64)? < first + UNDER_WAY {
            ensure!(Instant::now() < deadline, "no packet went for {PATIENCE:?}");
            thread::sleep(WARM_UP);
        }
        thread::sleep(WARM_UP);
        let counted = (0..WINDOWS).map(|_| self.one_window(packets));
        let mut counted = counted.collect::<anyhow::Result<Vec<_>>>()?;
        counted.sort_by(f64::total_cmp);
        Ok(Figures::of([(PER_PACKET, counted[counted.len() / 2])]))
    }

    fn one_window(&self, packets: &Packets) -> anyhow::Result<f64> {
        let (instructions, passed) = self.meter.count(|| {
            let before = packets.now(LEN_BYTES as u64)?;
            thread::sleep(WINDOW);
            Ok(packets.now(LEN_BYTES as u64)? - before)
        })?;
        ensure!(passed > 0, "no packet went in {WINDOW:?}");
        Ok(instructions / passed as f64)
    }
}

/// Takes off the XDP programs that a rival left behind: a card does not go with its host, and they stay with it.
fn take_programs_off(hosts: [&Host; 2]) -> anyhow::Result<()> {
    for host in hosts {
        let link = host.run(|| Link::by_name(&host.link.name))??;
        for mode in link.xdp.iter().flat_map(|_| ["xdpdrv", "xdpgeneric"]) {
            // One of the two is not what is there.
            let _ = in_host(host, &["ip", "link", "set", "dev", &link.name, mode, "off"]);
        }
    }
    Ok(())
}

/// Runs a command in a host.
pub(super) fn in_host(host: &Host, words: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stderr(Stdio::null());
    host.namespace
        .enter_command(&mut command, WhenParentDies::Kill)?;
    let status = command.status().with_context(|| words.join(" "))?;
    ensure!(status.success(), "{} failed", words.join(" "));
    Ok(())
}

const fn host(pair: &HostPair, task: Task) -> &Host {
    match task {
        Task::Tx | Task::Ping => &pair.first,
        Task::Rx | Task::Fwd => &pair.second,
    }
}

/// Where a job's packets are counted: those that were sent back count for `fwd`.
const fn direction(task: Task) -> Direction {
    match task {
        Task::Rx => Direction::Rx,
        Task::Tx | Task::Fwd | Task::Ping => Direction::Tx,
    }
}

/// The kernel's sample program. As a receiver it polls, since `xskit` waits as well: on one CPU, looking again and again
/// takes the sender's time.
fn xdpsock(task: Task, mode: Mode, interface: &str) -> Vec<String> {
    let nobody = burst::NOBODY_MAC.to_string();
    let what: &[&str] = match task {
        Task::Tx | Task::Ping => &["-t", "-s", "64", "-G", &nobody],
        Task::Rx => &["-r", "-p"],
        Task::Fwd => &["-l", "-p"],
    };
    let mode = match mode {
        Mode::ZeroCopy => ["-N", "-z"],
        Mode::Copy => ["-N", "-c"],
        Mode::Generic => ["-S", "-c"],
    };
    let start = ["xdpsock", "-Q", "-q", "0", "-i", interface];
    let words = start.iter().chain(what).chain(&mode);
    words.map(ToString::to_string).collect()
}
