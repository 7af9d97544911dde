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
use xskit_benches::spread::Spread;
use xskit_benches::veth;
use xskit_testbed::{Host, HostPair, HostPairConfig, Link, WhenParentDies};
use xskit_wire::MacAddr;

use super::meter::{Direction, Meter, Packets};
use super::plan::{Backend, Entry, Mode, Who};
use super::{Count, PER_PACKET, Run, burst, fetch, plan, servers};
use crate::core::{Cores, Place};
use crate::figures::Figures;
use crate::job::{PORT, Task};
use crate::program::Program;
use crate::rival::{self, words};
use crate::table::short;
use crate::udp;

/// How long instructions are counted: a millisecond is a million.
const WINDOW: Duration = Duration::from_millis(100);

/// Windows, of which the median counts: a link that loses its carrier spoils one.
const WINDOWS: u32 = 3;

/// How long packets flow first, to fill the caches of the kernel's allocators.
const WARM_UP: Duration = Duration::from_millis(40);

/// A receiver's start: a card may lose its carrier for some seconds when an XDP program is
/// attached.
const START: Duration = Duration::from_secs(6);

/// How long the first packets may take.
const PATIENCE: Duration = Duration::from_secs(8);

/// Packets after which the flow counts as steady.
const UNDER_WAY: u64 = 100;

/// Bytes of all packets, with all headers. xdpsock subtracts four from its option, for the
/// checksum.
const LEN_BYTES: usize = veth::PACKET_LEN;

/// Counts what the plan has, or only jobs and ways whose names contain one of `parts`. Progress
/// goes to the error stream.
///
/// # Errors
/// Where nothing can be counted. A way's failure is its outcome.
pub(crate) fn run(xskit: PathBuf, driver: &str, parts: &[String]) -> anyhow::Result<Run> {
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

/// What all counts share.
pub(crate) struct Bed {
    pub(crate) meter: Meter,
    /// The processors; a counted machine has one.
    pub(crate) cores: Cores,
    pub(crate) xskit: PathBuf,
}

impl Bed {
    fn count(&self, entry: &Entry) -> anyhow::Result<Figures> {
        if let Who::Xdpsock(_) = entry.who {
            ensure!(rival::is_installed("xdpsock"), "not installed");
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
        // Its own message is better than that no packets went.
        ensure!(program.is_running()?, "{}", program.complaint());
        program.interrupt();
        let printed = program.finish(Duration::ZERO);
        let counted = counted?;
        match who {
            Who::Xskit(..) | Who::TakingAll(..) => Ok(Figures::of_xskit(&printed?)?.and(&counted)),
            // A rival's exit code does not matter: `take_programs_off` cleans up.
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
                let end = match task {
                    Task::Tx => format!(" --to-mac={}", burst::NOBODY_MAC),
                    Task::Ping => format!(" --to={}", pair.second.ipv4),
                    Task::Rx | Task::Fwd => " --lend=4000".to_owned(),
                };
                // On one CPU, a busy loop takes the time of those that it waits for.
                let spin = if task == Task::Tx { "" } else { " --spin=0" };
                let pause = if task == Task::Rx { " --pause=0" } else { "" };
                let is_all = matches!(who, Who::TakingAll(..));
                let all = if is_all { " --take-all" } else { "" };
                let word = task.word();
                let options = format!(
                    "bench {word} --json --port={PORT} --size={LEN_BYTES} --seconds=0{end}{spin}{pause}{all}"
                );
                self.xskit(&options, interface, (mode, backend))
            }
            Who::Xdpsock(mode) => xdpsock(task, mode, interface),
            _ => bail!("no program of its own"),
        })
    }

    /// The command with these words, for an interface, driven in this mode by this backend.
    pub(super) fn xskit(
        &self,
        options: &str,
        interface: &str,
        (mode, backend): (Mode, Backend),
    ) -> Vec<String> {
        let mut all = vec![self.xskit.to_string_lossy().into_owned()];
        let mode = mode.options();
        all.extend(words(&format!(
            "{options} --iface={interface} {mode} --backend={backend}"
        )));
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
        udp::beside(
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
        let how = (LEN_BYTES, (burst::NOBODY, PORT).into());
        udp::beside(|stop| udp::work(task, host, how, stop), count)
    }

    fn socket_ping(&self, pair: &HostPair) -> anyhow::Result<Figures> {
        let packets = Packets::of(&pair.first, Direction::Tx)?;
        // There are two warm-ups, and a window takes a moment to start.
        let length = (WARM_UP + WINDOW) * (WINDOWS + 1);
        udp::beside(
            |_| udp::ping(pair, &self.cores, udp::Waiting::Block, LEN_BYTES, length).map(drop),
            || self.window(&packets),
        )
    }

    /// Waits until packets go, and counts for a while.
    fn window(&self, packets: &Packets) -> anyhow::Result<Figures> {
        let (deadline, first) = (Instant::now() + PATIENCE, packets.now(LEN_BYTES as u64)?);
        while packets.now(LEN_BYTES as u64)? < first + UNDER_WAY {
            ensure!(Instant::now() < deadline, "no packet went for {PATIENCE:?}");
            thread::sleep(WARM_UP);
        }
        thread::sleep(WARM_UP);
        let windows = (0..WINDOWS).map(|_| self.one_window(packets));
        let median = Spread::of(windows.collect::<anyhow::Result<Vec<_>>>()?).median;
        Ok(Figures::of([(PER_PACKET, median)]))
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

/// Detaches XDP programs that a rival left behind: a card outlives its host, and they stay attached
/// to it.
fn take_programs_off(hosts: [&Host; 2]) -> anyhow::Result<()> {
    for host in hosts {
        let link = host.run(|| Link::by_name(&host.link.name))??;
        for mode in link.xdp.iter().flat_map(|_| ["xdpdrv", "xdpgeneric"]) {
            // One of the two modes is not the one in use.
            let _ = in_host(host, &format!("ip link set dev {} {mode} off", link.name));
        }
    }
    Ok(())
}

/// Runs a command, its words separated by spaces, in a host.
pub(super) fn in_host(host: &Host, command: &str) -> anyhow::Result<()> {
    let words = words(command);
    let mut process = Command::new(&words[0]);
    process.args(&words[1..]).stderr(Stdio::null());
    let namespace = &host.namespace;
    namespace.enter_command(&mut process, WhenParentDies::Kill)?;
    let status = process.status().with_context(|| command.to_owned())?;
    ensure!(status.success(), "{command} failed");
    Ok(())
}

const fn host(pair: &HostPair, task: Task) -> &Host {
    match task {
        Task::Tx | Task::Ping => &pair.first,
        Task::Rx | Task::Fwd => &pair.second,
    }
}

/// Where a job's packets are counted; for `fwd`, those that were sent back.
const fn direction(task: Task) -> Direction {
    match task {
        Task::Rx => Direction::Rx,
        Task::Tx | Task::Fwd | Task::Ping => Direction::Tx,
    }
}

/// The kernel's sample program. As a receiver it polls, as `xskit` waits: on one CPU, a busy loop
/// takes the sender's time.
fn xdpsock(task: Task, mode: Mode, interface: &str) -> Vec<String> {
    let what = match task {
        Task::Tx | Task::Ping => format!("-t -s 64 -G {}", burst::NOBODY_MAC),
        Task::Rx => "-r -p".to_owned(),
        Task::Fwd => "-l -p".to_owned(),
    };
    let mode = match mode {
        Mode::ZeroCopy => "-N -z",
        Mode::Copy => "-N -c",
        Mode::Generic => "-S -c",
    };
    words(&format!("xdpsock -Q -q 0 -i {interface} {what} {mode}"))
}
