//! The cost of the ledger on the whole path of a packet: `packet_path` in two builds, in turns.
//!
//! ```text
//! cargo xtask bench ledger
//! ```
//!
//! makes both builds and runs this. Three programs run at a time and take turns at a short
//! measurement: one with the ledger, one without, and another with it, which shows what chance
//! alone makes of a ratio. The place of its memory affects a program as long as it runs, so they
//! are started many times.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};

use xskit_benches::spread::Spread;

const WORKLOADS: [&str; 4] = ["memory", "tx", "rx", "fwd"];

/// How often the programs are started.
const STARTS: usize = 96;

/// Measurements of each program after each start; one more before them warms up.
const ROUNDS: usize = 24;

/// How long each takes: thousands of packets, and so short that other work of the machine mostly
/// falls into all of a round's measurements, or into none.
const MEASUREMENT_MS: u32 = 4;

fn main() -> ExitCode {
    let programs: Vec<_> = std::env::args().skip(1).collect();
    let [with, without] = programs.as_slice() else {
        eprintln!("usage: ledger_pairs PACKET_PATH PACKET_PATH_WITHOUT_LEDGER");
        return ExitCode::FAILURE;
    };
    println!(
        "| {:<11} | {:>22} | {:>22} | {:>20} | {:>20} |",
        "ns a packet", "with ledger", "without", "with / without", "with / with (chance)"
    );
    println!(
        "| {:-<11} | {:->21}: | {:->21}: | {:->19}: | {:->19}: |",
        "", "", "", "", ""
    );
    for workload in WORKLOADS {
        let mut times: [Vec<f64>; 2] = Default::default();
        let (mut ratios, mut chance) = (Vec::new(), Vec::new());
        for start in 0..STARTS {
            let Some([first, bare, second]) = measure(workload, [with, without, with], start)
            else {
                return ExitCode::FAILURE;
            };
            let both = [
                Spread::of_ratios(&first, &bare),
                Spread::of_ratios(&second, &bare),
            ];
            ratios.extend(both.map(|ratio| ratio.median));
            chance.push(Spread::of_ratios(&first, &second).median);
            times[0].extend(first.into_iter().chain(second));
            times[1].extend(bare);
        }
        let [with, without] = times.map(|times| format!("{:.1}", Spread::of(times)));
        println!(
            "| {workload:<11} | {with:>22} | {without:>22} | {:>20.3} | {:>20.3} |",
            Spread::of(ratios),
            Spread::of(chance),
        );
    }
    println!(
        "\nMedian (and where 8 of 10 lie). A ratio is that of two running programs: the median of"
    );
    println!(
        "the {ROUNDS} ratios of their measurements of {MEASUREMENT_MS} ms, taken in turns; {STARTS} starts of each."
    );
    ExitCode::SUCCESS
}

/// All measurements of three programs, started for them, round by round.
fn measure(workload: &str, programs: [&str; 3], start: usize) -> Option<[Vec<f64>; 3]> {
    let mut running = Vec::new();
    for program in programs {
        running.push(Running::start(program, workload)?);
    }
    let mut figures = [const { Vec::new() }; 3];
    for round in 0..=ROUNDS {
        for place in 0..programs.len() {
            // Each round begins with another, in case being first makes a difference.
            let who = (start + round + place) % programs.len();
            let time_ns = running[who].ask()?;
            if round > 0 {
                figures[who].push(time_ns);
            }
        }
    }
    Some(figures)
}

/// One `packet_path`. It ends when its stdin does.
struct Running {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Running {
    /// Prints why, where it can't.
    fn start(program: &str, workload: &str) -> Option<Self> {
        let started = Command::new(program)
            .arg(workload)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(error) => {
                eprintln!("{program} can't be run: {error}");
                return None;
            }
        };
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take()?);
        Some(Self {
            child,
            orders,
            answers,
        })
    }

    /// Nanoseconds per packet; `None` if it can't run here, which it has printed.
    fn ask(&mut self) -> Option<f64> {
        writeln!(self.orders.as_mut()?, "{MEASUREMENT_MS}").ok()?;
        let mut line = String::new();
        self.answers.read_line(&mut line).ok()?;
        line.trim().parse().ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.child.wait();
    }
}
