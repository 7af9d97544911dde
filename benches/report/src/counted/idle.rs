//! How long the machine was idle, to a few instructions.
//!
//! The kernel accounts for idle time in ticks of 10 ms, which is too coarse. So a thread that runs
//! only when nothing else does (SCHED_IDLE) counts the turns of a loop whose length is known. An
//! interrupt prolongs a turn and does not count: its instructions are not idle time.

use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

/// Turns per measurement of their length: so few that most measurements have no interrupt.
const TURNS: u32 = 100;
/// Measurements, the shortest of which counts.
const TRIES: u32 = 64;

/// The thread that runs while the machine is idle.
pub(crate) struct Idle {
    shared: Arc<Shared>,
    turn: Duration,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    turns: AtomicU64,
    is_on: AtomicBool,
    is_over: AtomicBool,
}

impl Idle {
    /// Measures a turn, and starts the thread, which sleeps until [`Self::start`]. Nothing else may
    /// run.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let shared = Arc::new(Shared::default());
        let measure = |_| {
            let began = Instant::now();
            (0..TURNS).for_each(|_| shared.turn());
            began.elapsed() / TURNS
        };
        let turn = (0..TRIES).map(measure).min().unwrap_or_default();
        let (told, tid) = channel();
        let of_thread = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let _ = told.send(rustix::thread::gettid());
            of_thread.work();
        });
        let idle = Self {
            shared,
            turn,
            thread: Some(thread),
        };
        let tid = tid.recv().context("the idle thread")?;
        let tid = tid.as_raw_nonzero().to_string();
        let mut chrt = Command::new("chrt");
        chrt.args(["--idle", "--pid", "0", &tid]);
        let status = chrt.status().context("chrt")?;
        ensure!(status.success(), "chrt --idle failed");
        Ok(idle)
    }

    /// Idle time counts from now on.
    pub(crate) fn start(&self) {
        self.shared.is_on.store(true, Ordering::Relaxed);
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    /// Idle time no longer counts.
    pub(crate) fn stop(&self) {
        self.shared.is_on.store(false, Ordering::Relaxed);
    }

    /// The idle time so far, in nanoseconds.
    pub(crate) fn ns(&self) -> f64 {
        self.shared.turns.load(Ordering::Relaxed) as f64 * self.turn.as_nanos() as f64
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.stop();
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn work(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            while self.is_on.load(Ordering::Relaxed) {
                self.turn();
            }
            thread::park();
        }
    }

    /// Not inlined, so that it has the same length wherever it is called.
    #[inline(never)]
    fn turn(&self) {
        for step in 0..1000_u32 {
            black_box(step);
        }
        self.turns.fetch_add(1, Ordering::Relaxed);
    }
}
