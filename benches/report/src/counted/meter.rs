//! Instructions executed during a piece of work, and packets that an interface passed meanwhile.
//!
//! Idle time does not count. The kernel accounts for it in ticks of 10 ms, which is too coarse. So
//! a thread that runs only when nothing else does (SCHED_IDLE) counts the turns of a loop whose
//! length is known. An interrupt prolongs a turn and does not count: its instructions are not idle
//! time.

use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use xskit_testbed::Host;

/// Turns per measurement of their length: so few that most measurements have no interrupt.
const TURNS: u32 = 100;
/// Measurements, the shortest of which counts.
const TRIES: u32 = 64;

/// How long the idle thread takes to start.
const LEAD_IN: Duration = Duration::from_millis(2);

/// Counts instructions on a machine where a nanosecond is one.
pub(crate) struct Meter {
    idle: Arc<Idle>,
    /// The length of a turn.
    turn: Duration,
    /// Counts turns for as long as this program runs.
    idler: Thread,
}

#[derive(Default)]
struct Idle {
    turns: AtomicU64,
    is_on: AtomicBool,
}

impl Idle {
    /// Not inlined, so that it has the same length wherever it is called.
    #[inline(never)]
    fn turn(&self) {
        for step in 0..1000_u32 {
            black_box(step);
        }
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    fn work(&self) -> ! {
        loop {
            while self.is_on.load(Ordering::Relaxed) {
                self.turn();
            }
            thread::park();
        }
    }
}

impl Meter {
    /// Measures a turn, and starts the thread, which sleeps until it is to count. Nothing else may
    /// run.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let idle = Arc::new(Idle::default());
        let measure = |_| {
            let began = Instant::now();
            (0..TURNS).for_each(|_| idle.turn());
            began.elapsed() / TURNS
        };
        let turn = (0..TRIES).map(measure).min().unwrap_or_default();
        let (told, tid) = channel();
        let of_thread = Arc::clone(&idle);
        let idler = thread::spawn(move || {
            let _ = told.send(rustix::thread::gettid());
            of_thread.work()
        });
        let tid = tid.recv().context("the idle thread")?;
        let mut chrt = Command::new("chrt");
        chrt.args(["--idle", "--pid", "0"]);
        let status = chrt.arg(tid.as_raw_nonzero().to_string()).status();
        ensure!(status.context("chrt")?.success(), "chrt --idle failed");
        Ok(Self {
            idle,
            turn,
            idler: idler.thread().clone(),
        })
    }

    /// Runs `what`, and counts the whole machine's instructions meanwhile.
    pub(crate) fn count<T>(
        &self,
        what: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<(f64, T)> {
        self.idle.is_on.store(true, Ordering::Relaxed);
        self.idler.unpark();
        thread::sleep(LEAD_IN);
        let turns = || self.idle.turns.load(Ordering::Relaxed);
        let (began, before) = (Instant::now(), turns());
        let outcome = what();
        let (took, idle) = (began.elapsed(), turns() - before);
        self.idle.is_on.store(false, Ordering::Relaxed);
        let idle_ns = idle as f64 * self.turn.as_nanos() as f64;
        Ok((took.as_nanos() as f64 - idle_ns, outcome?))
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Direction {
    Rx,
    Tx,
}

/// The packets of a host's interface, as its driver counts them, AF_XDP included.
pub(crate) struct Packets {
    file: File,
    interface: String,
    direction: Direction,
}

impl Packets {
    pub(crate) fn of(host: &Host, direction: Direction) -> anyhow::Result<Self> {
        // The file belongs to the namespace in which it was opened.
        let file = host.run(|| File::open("/proc/thread-self/net/dev"))?;
        Ok(Self {
            file: file.context("/proc/thread-self/net/dev")?,
            interface: host.link.name.clone(),
            direction,
        })
    }

    /// So far, if all have so many bytes: virtio_net counts the bytes that it sends from a UMEM,
    /// not the packets.
    pub(crate) fn now(&self, len_bytes: u64) -> anyhow::Result<u64> {
        let mut text = [0; 4096];
        let len = self.file.read_at(&mut text, 0).context("net/dev")?;
        let text = String::from_utf8_lossy(&text[..len]);
        let bytes = bytes(&text, &self.interface, self.direction);
        let bytes = bytes.with_context(|| format!("no {} in net/dev", self.interface))?;
        Ok(bytes / len_bytes)
    }
}

fn bytes(text: &str, interface: &str, direction: Direction) -> Option<u64> {
    let of_interface = |line: &&str| line.trim_start().starts_with(interface);
    let (_, numbers) = text.lines().find(of_interface)?.split_once(':')?;
    let column = match direction {
        Direction::Rx => 0,
        Direction::Tx => 8,
    };
    numbers.split_whitespace().nth(column)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_and_directions_are_told_from_each_other() {
        let text = "Inter-|   Receive\n face |bytes packets\n    lo: 1 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0\n  \
                    xsk0: 210 3 0 0 0 0 0 3 726 9 0 0 0 0 0 0\n";
        assert_eq!(bytes(text, "xsk0", Direction::Rx), Some(210));
        assert_eq!(bytes(text, "xsk0", Direction::Tx), Some(726));
        assert_eq!(bytes(text, "xsk1", Direction::Tx), None);
    }
}
