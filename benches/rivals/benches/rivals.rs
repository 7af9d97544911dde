//! Nanoseconds per descriptor, ours and libxdp's in turns on the same memory in one run.
//!
//! Not by criterion, which measures one function after the other, while the machine's clock and
//! neighbours change. Here every round measures all rivals, a few microseconds each, and the result
//! is the median of the rounds' ratios. Words on the command line choose jobs by name.

use std::hint::black_box;
use std::time::{Duration, Instant};

use xskit_benches::descriptors::{BATCHES, STRETCH};
use xskit_benches::loopback::Loopback;
use xskit_benches::ring_view::{RingViews, advance};
use xskit_benches::spread::Spread;
use xskit_benches::veth;
use xskit_core::abi::Desc;
use xskit_core::ring::RingSize;
use xskit_core::umem::FrameSlot;
use xskit_rivals::bare::BareRings;
use xskit_rivals::kernel::{Kernel, packet};
use xskit_rivals::socket::{self, Forwarder};
use xskit_rivals::{Ends, LIBXDP_COMPILER, LIBXDP_MISSING, MAX_BATCH};

/// Rounds of a job at one batch size.
const ROUNDS: usize = 301;

/// Stretches per rival and round.
const STRETCHES: u32 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    Fill,
    Rx,
    Tx,
    Completion,
    Flags,
    RoundTrip,
    Forward,
}

const JOBS: [(Job, &str); 7] = [
    (Job::Fill, "fill produce"),
    (Job::Rx, "RX consume"),
    (Job::Tx, "TX produce"),
    (Job::Completion, "completion consume"),
    (Job::Flags, "flags"),
    (Job::RoundTrip, "round trip"),
    (Job::Forward, "round trip with flags"),
];

fn main() {
    let chosen: Vec<_> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let memory = Loopback::of_rings(RingSize::DEFAULT);
    let rings = memory.views().expect("its rings");
    Kernel::new(rings).start(STRETCH);
    let (mut slots, backend) = (
        vec![FrameSlot::new(); socket::FRAMES],
        Loopback::never_kicked(),
    );
    let umem = veth::umem(&mut slots);
    let mut forwarder = Forwarder::open(&backend, &umem, STRETCH);
    let kernel = Kernel::new(backend.views().expect("a socket is open"));

    heading();
    for (job, name) in JOBS {
        if !chosen.is_empty() && !chosen.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        for batch in BATCHES {
            let ours = || stretch::<BareRings<'_>>(&rings, job, batch);
            let mut rivals = vec![Rival::new("rings", ours)];
            #[cfg(libxdp)]
            rivals.push(Rival::new("libxdp", || {
                stretch::<xskit_rivals::libxdp::Libxdp<'_>>(&rings, job, batch)
            }));
            if job == Job::Forward {
                rivals.push(Rival::new("Socket", || {
                    go_round(&kernel, batch, || forwarder.forward(batch))
                }));
            }
            compete(&mut rivals);
            row(name, batch, &rivals);
        }
    }
    closing();
    let at = forwarder.socket().accounting();
    assert!(at.is_whole(), "the socket lost a frame: {at:?}");
}

/// One who does a job, and its nanoseconds per descriptor in every round.
struct Rival<'a> {
    name: &'static str,
    stretch: Box<dyn FnMut() -> Duration + 'a>,
    rounds_ns: Vec<f64>,
}

impl<'a> Rival<'a> {
    fn new(name: &'static str, stretch: impl FnMut() -> Duration + 'a) -> Self {
        Self {
            name,
            stretch: Box::new(stretch),
            rounds_ns: Vec::with_capacity(ROUNDS),
        }
    }

    fn round(&mut self) -> f64 {
        let time: Duration = (0..STRETCHES).map(|_| (self.stretch)()).sum();
        time.as_nanos() as f64 / f64::from(STRETCHES * STRETCH)
    }
}

/// All rounds, each begun by the next of the rivals. The first few only warm up.
fn compete(rivals: &mut [Rival<'_>]) {
    let count = rivals.len();
    for round in 0..ROUNDS + 8 {
        for place in 0..count {
            let rival = &mut rivals[(round + place) % count];
            let time_ns = rival.round();
            if round >= 8 {
                rival.rounds_ns.push(time_ns);
            }
        }
    }
}

/// Times a stretch. The kernel's words move once per batch, as those of a kernel that keeps up.
fn stretch<'m, E: Ends<'m>>(rings: &RingViews<'m>, job: Job, batch: u32) -> Duration {
    let mut ends = E::open(rings);
    let addresses = &mut [0x7_1000; MAX_BATCH][..batch as usize];
    let packets = &mut [packet(0x7_1000); MAX_BATCH][..batch as usize];
    match job {
        Job::Fill => timed(batch, || {
            let count = ends.fill(black_box(addresses));
            advance(rings.fill.consumer, count);
            count
        }),
        Job::Tx => timed(batch, || {
            let count = ends.tx(black_box::<&mut [Desc]>(packets));
            advance(rings.tx.consumer, count);
            count
        }),
        Job::Rx => timed(batch, || {
            advance(rings.rx.producer, batch);
            ends.rx(black_box(packets))
        }),
        Job::Completion => timed(batch, || {
            advance(rings.completion.producer, batch);
            ends.completion(black_box(addresses))
        }),
        Job::Flags => timed(batch, || {
            ends.flags();
            batch
        }),
        Job::RoundTrip => go_round(&Kernel::new(*rings), batch, || ends.round_trip(batch)),
        Job::Forward => go_round(&Kernel::new(*rings), batch, || ends.forward(batch)),
    }
}

fn go_round(kernel: &Kernel<'_>, batch: u32, mut job: impl FnMut() -> u32) -> Duration {
    kernel.write_ahead(STRETCH);
    timed(batch, || {
        kernel.publish(batch);
        job()
    })
}

fn timed(batch: u32, mut job: impl FnMut() -> u32) -> Duration {
    let started = Instant::now();
    let passed: u32 = (0..STRETCH / batch).map(|_| job()).sum();
    let elapsed = started.elapsed();
    assert_eq!(passed, STRETCH, "not all were passed");
    elapsed
}

fn heading() {
    println!(
        "| {:<21} | {:>5} | {:>19} | {:>19} | {:>17} | {:>19} |",
        "ns a descriptor", "batch", "libxdp", "xskit rings", "rings / libxdp", "Socket"
    );
    println!(
        "| {:-<21} | {:->4}: | {:->18}: | {:->18}: | {:->16}: | {:->18}: |",
        "", "", "", "", "", ""
    );
}

fn row(job: &str, batch: u32, rivals: &[Rival<'_>]) {
    let rounds = |name| {
        let rival = rivals.iter().find(|rival| rival.name == name);
        rival.map(|rival| rival.rounds_ns.as_slice())
    };
    let time = |name| {
        let spread = rounds(name).map(|rounds| Spread::of(rounds.iter().copied()));
        spread.map_or_else(String::new, |spread| format!("{spread:.2}"))
    };
    let ratio = rounds("rings").zip(rounds("libxdp"));
    let ratio = ratio.map(|(ours, theirs)| Spread::of_ratios(ours, theirs));
    let ratio = ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
    println!(
        "| {job:<21} | {batch:>5} | {:>19} | {:>19} | {ratio:>17} | {:>19} |",
        time("libxdp"),
        time("rings"),
        time("Socket"),
    );
}

fn closing() {
    println!("\nMedian (and where 8 of 10 lie) of {ROUNDS} rounds, of the ratios round by round.");
    println!(
        "Every figure includes the harness: a call, and the kernel's words moved once a batch."
    );
    match LIBXDP_COMPILER {
        Some(compiler) => println!("libxdp: {compiler}"),
        None => println!("{LIBXDP_MISSING}"),
    }
}
