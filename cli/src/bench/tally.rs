//! What a benchmark counted, and its report.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;
use xskit::af_xdp::abi;
use xskit::af_xdp::backend::Interest;
use xskit::af_xdp::socket::{Accounting, Patience};

use crate::args::RunArgs;
use crate::nic::Nic;
use crate::nic::attached::Attached;
use crate::nic::socket::{Socket, copy_mode};
use crate::nic::strays;
use crate::nic::usage::{Usage, cpu_seconds};
use crate::report::{self, Report, grouped};
use crate::stop::{LONGEST_WAIT, Stop};

/// The wait before the next kick while packets are on the TX ring.
const BACKLOG_WAIT: Duration = Duration::from_millis(1);

/// How long the kernel may take to finish what it has begun.
const SETTLES_WITHIN: Duration = Duration::from_secs(1);

/// The clock and the stop signal of a run.
pub(crate) struct Clock {
    started: Instant,
    cpu_seconds_before: f64,
    length: Option<Duration>,
    stop: Stop,
    patience: Patience,
}

impl Clock {
    /// Starts the clock of a run.
    pub(crate) fn start(args: &RunArgs, stop: Stop) -> Self {
        Self {
            started: Instant::now(),
            cpu_seconds_before: cpu_seconds(),
            length: (!args.seconds.is_zero()).then_some(args.seconds),
            stop,
            patience: Patience::new(args.spin),
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.stop.is_asked()
            || self
                .length
                .is_some_and(|length| self.started.elapsed() >= length)
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// The socket's usage since the clock was started.
    pub(crate) fn usage(&self, socket: &Socket<'_>, nic: &Nic, packets: u64) -> Usage {
        Usage::take(socket, nic, packets).since(self.cpu_seconds_before)
    }

    /// Call after each turn: waits for packets once enough turns found none. Returns whether it
    /// waited.
    pub(crate) fn rest<'u>(
        &mut self,
        nics: &[Nic],
        sockets: &mut [&mut Socket<'u>],
        found_something: bool,
    ) -> anyhow::Result<bool> {
        if !self.patience.is_over(found_something) {
            return Ok(false);
        }
        let longest = if sockets.iter_mut().any(|it| it.halves().1.waiting() > 0) {
            BACKLOG_WAIT
        } else {
            LONGEST_WAIT
        };
        let left = self.length.map_or(longest, |length| {
            length.saturating_sub(self.started.elapsed()).min(longest)
        });
        Socket::wait_any(sockets, Interest::RECEIVE, Some(left))
            .map_err(|errno| Nic::wait_failed(nics, errno))?;
        Ok(true)
    }
}

/// The result of a run of `tx`, `rx` or `fwd`.
#[derive(Debug, Serialize)]
pub(crate) struct Tally {
    bench: &'static str,
    mode: String,
    packets: u64,
    bytes: u64,
    seconds: f64,
    pps: f64,
    #[serde(flatten)]
    usage: Usage,
    /// Packets of the port that came in on queues without a socket, and were left to the kernel.
    no_socket: BTreeMap<String, u64>,
    #[serde(flatten)]
    stock: Stock,
}

/// What became of the packets and the frames of the sockets over one UMEM.
#[derive(Debug, Serialize)]
struct Stock {
    kernel_drops: Drops,
    bad_descriptors: u64,
    frames: Frames,
}

/// Packets that the kernel dropped, by cause.
#[derive(Debug, Serialize)]
struct Drops {
    other: u64,
    rx_ring_full: u64,
    rx_fill_ring_empty: u64,
    rx_invalid: u64,
    tx_invalid: u64,
}

/// Where the frames are at the end.
#[derive(Debug, Serialize)]
struct Frames {
    total: u32,
    stash: u32,
    application: u32,
    fill: u32,
    rx: u32,
    receiving: u32,
    tx: u32,
    completion: u32,
    sending: u32,
    /// Entries on rings for which the kernel has no frame.
    excess: u32,
}

impl Tally {
    /// Takes stock at the end of a run.
    pub(crate) fn take(
        bench: &'static str,
        nic: &Nic,
        socket: &mut Socket<'_>,
        clock: &Clock,
        (packets, bytes): (u64, u64),
    ) -> anyhow::Result<Self> {
        let seconds = clock.seconds();
        let usage = clock.usage(socket, nic, packets);
        let stock = Stock::take(nic, socket)?;
        Ok(Self {
            bench,
            mode: copy_mode(socket).to_owned(),
            packets,
            bytes,
            seconds,
            pps: packets as f64 / seconds.max(f64::MIN_POSITIVE),
            usage,
            no_socket: BTreeMap::new(),
            stock,
        })
    }

    /// The same with what another socket over the same UMEM, driven by the same backend, counted.
    pub(crate) fn with(mut self, nic: &Nic, socket: &mut Socket<'_>) -> anyhow::Result<Self> {
        self.stock.add(&Stock::take(nic, socket)?);
        Ok(self)
    }

    /// The same with what the XDP program in front of the socket counted.
    pub(crate) fn under(
        mut self,
        attached: &mut Attached,
        socket: &Socket<'_>,
    ) -> anyhow::Result<Self> {
        attached.warn();
        self.mode = attached.mode(socket);
        for (queue, packets) in strays::by_queue(&attached.strays()?) {
            *self.no_socket.entry(queue).or_default() += packets;
        }
        Ok(self)
    }
}

impl Stock {
    fn take(nic: &Nic, socket: &mut Socket<'_>) -> anyhow::Result<Self> {
        let statistics = socket.statistics().context("getsockopt(XDP_STATISTICS)")?;
        let at = settled(socket);
        if at.excess > 0 {
            report::say(format_args!(
                "xskit: warning: {nic}: {} entries on the rings are of frames that the kernel was \
                 not given, a fault of the driver; none of them is taken for a packet",
                at.excess
            ));
        }
        let (receiver, transmitter) = socket.halves();
        Ok(Self {
            kernel_drops: drops(&statistics),
            bad_descriptors: receiver.bad_descriptors() + transmitter.bad_completions(),
            frames: frames(&at),
        })
    }

    /// Adds another socket over the same UMEM. Frames of neither socket are counted in both, so
    /// they are not added.
    fn add(&mut self, other: &Self) {
        let (drops, more) = (&mut self.kernel_drops, &other.kernel_drops);
        drops.other += more.other;
        drops.rx_ring_full += more.rx_ring_full;
        drops.rx_fill_ring_empty += more.rx_fill_ring_empty;
        drops.rx_invalid += more.rx_invalid;
        drops.tx_invalid += more.tx_invalid;
        self.bad_descriptors += other.bad_descriptors;
        let (frames, more) = (&mut self.frames, &other.frames);
        frames.fill += more.fill;
        frames.rx += more.rx;
        frames.receiving += more.receiving;
        frames.tx += more.tx;
        frames.completion += more.completion;
        frames.sending += more.sending;
        frames.excess += more.excess;
    }
}

/// Where every frame is, once the kernel is at rest: while its thread sends (SQPOLL), a frame can
/// be completed before it is seen to have left the TX ring.
fn settled(socket: &mut Socket<'_>) -> Accounting {
    let deadline = Instant::now() + SETTLES_WITHIN;
    loop {
        let at = socket.accounting();
        if at.is_whole() || Instant::now() >= deadline {
            return at;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn drops(statistics: &abi::Statistics) -> Drops {
    Drops {
        other: statistics.rx_dropped_otherwise(),
        rx_ring_full: statistics.rx_ring_full,
        rx_fill_ring_empty: statistics.rx_fill_ring_empty_descs,
        rx_invalid: statistics.rx_invalid_descs,
        tx_invalid: statistics.tx_invalid_descs,
    }
}

fn frames(at: &Accounting) -> Frames {
    Frames {
        total: at.frames,
        stash: at.stash,
        application: at.application,
        fill: at.fill,
        rx: at.rx,
        receiving: at.receiving,
        tx: at.tx,
        completion: at.completion,
        sending: at.sending,
        excess: at.excess,
    }
}

impl Report for Tally {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let (drops, at) = (&self.stock.kernel_drops, &self.stock.frames);
        let mut rows = vec![
            (
                "bench",
                format!("{}, {}, {}", self.bench, self.usage.driving(), self.mode),
            ),
            (
                "packets",
                format!("{} in {:.2} s", grouped(self.packets), self.seconds),
            ),
            ("rate", format!("{} packets/s", grouped(self.pps as u64))),
        ];
        rows.extend(self.usage.rows());
        rows.push((
            "dropped by the kernel",
            format!(
                "{} RX ring full, {} fill ring empty, {} invalid RX, {} invalid TX, {} other",
                grouped(drops.rx_ring_full),
                grouped(drops.rx_fill_ring_empty),
                drops.rx_invalid,
                drops.tx_invalid,
                grouped(drops.other)
            ),
        ));
        rows.extend(self.no_socket.iter().map(|(queue, packets)| {
            let text = format!("{} packets, left to the kernel", grouped(*packets));
            ("no socket at queue", format!("{queue}: {text}"))
        }));
        rows.push((
            "frames",
            format!(
                "{} = {} stash + {} application + {} fill + {} RX + {} receiving + {} TX + {} \
                 completion + {} sending",
                at.total,
                at.stash,
                at.application,
                at.fill,
                at.rx,
                at.receiving,
                at.tx,
                at.completion,
                at.sending
            ),
        ));
        rows
    }
}
