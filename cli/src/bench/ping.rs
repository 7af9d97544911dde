//! `bench ping`: times round trips to a `bench fwd`, one packet at a time.

use std::slice;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use hdrhistogram::Histogram;
use serde::Serialize;
use xskit::af_xdp::backend::Interest;
use xskit::af_xdp::socket::Patience;

use super::packet;
use super::tally::Clock;
use crate::args::FlowArgs;
use crate::nic::Nic;
use crate::nic::own::Taking;
use crate::nic::socket::{self, Socket};
use crate::nic::usage::Usage;
use crate::report::{self, Report, grouped};
use crate::stop::{LONGEST_WAIT, Stop};

/// A packet that is not back after this time is lost.
const LOST_AFTER: Duration = Duration::from_secs(1);

/// The longest time that the histogram resolves: longer than [`LOST_AFTER`], since the process may
/// be scheduled late.
const LONGEST_NS: u64 = 10_000_000_000;

/// The percentiles reported.
const PERCENTILES: [f64; 14] = [
    1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99, 100.0,
];

/// The sequence number is the packet's last bytes: behind all headers even in the smallest packet.
const SEQUENCE_BYTES: usize = 8;

pub(crate) fn run(args: &FlowArgs) -> anyhow::Result<()> {
    let mut nic = Nic::find(&args.run.socket)?;
    nic.avoid_redelivery();
    nic.lend_frames(args.run.lend, true);
    let packet = packet::build(args, &nic.link)?;
    let ping = Ping {
        args,
        nic: &nic,
        packet,
    };
    let times = socket::run(&nic, |socket| ping.run(socket))?;
    report::print(&times, args.run.json)
}

struct Ping<'a> {
    args: &'a FlowArgs,
    nic: &'a Nic,
    packet: Vec<u8>,
}

impl Ping<'_> {
    fn run(self, socket: &mut Socket<'_>) -> anyhow::Result<Times> {
        let run = &self.args.run;
        let stop = Stop::on_signals()?;
        let mut attached = self.nic.attach(socket, &stop, &Taking::Any(run.port))?;
        let clock = Clock::start(run, stop);
        let mut histogram = Histogram::<u64>::new_with_max(LONGEST_NS, 3).context("histogram")?;
        let (mut sequence, mut lost) = (0, 0);
        while !clock.is_over() {
            sequence += 1;
            let sent_at = Instant::now();
            self.send(socket, sequence)?;
            match self.await_echo(socket, sequence, sent_at, &clock)? {
                Some(time) => histogram
                    .record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
                    .context("histogram")?,
                None if clock.is_over() => {}
                None => {
                    lost += 1;
                    attached.warn();
                }
            }
        }
        if histogram.is_empty() {
            return Err(attached.explain(anyhow!(
                "no packet came back: run `xskit bench fwd --port {}` on the other end of {}",
                run.port,
                self.nic.link.name
            )));
        }
        attached.warn();
        Ok(Times::new(
            attached.mode(socket),
            &histogram,
            lost,
            clock.seconds(),
            clock.usage(socket, self.nic, histogram.len()),
        ))
    }

    fn send(&self, socket: &mut Socket<'_>, sequence: u64) -> anyhow::Result<()> {
        let mut frame = socket.alloc().context("no free frame: use more --frames")?;
        frame.set_range(0..self.packet.len())?;
        frame.copy_from_slice(&self.packet);
        let start = self.packet.len() - SEQUENCE_BYTES;
        frame[start..].copy_from_slice(&sequence.to_be_bytes());
        socket.send(frame).map_err(|refused| refused.kind)?;
        socket
            .flush()
            .map_err(|errno| self.nic.kick_failed(errno))?;
        Ok(())
    }

    /// Waits for the packet with this number; earlier ones that come late are ignored.
    fn await_echo(
        &self,
        socket: &mut Socket<'_>,
        sequence: u64,
        sent_at: Instant,
        clock: &Clock,
    ) -> anyhow::Result<Option<Duration>> {
        let mut patience = Patience::new(self.args.run.spin);
        loop {
            let echoed = socket
                .receive(self.args.run.batch)
                .any(|packet| packet.ends_with(&sequence.to_be_bytes()));
            let time = sent_at.elapsed();
            socket.recycle();
            if echoed {
                return Ok(Some(time));
            }
            if time > LOST_AFTER || clock.is_over() {
                return Ok(None);
            }
            if patience.is_over(false) {
                socket
                    .flush()
                    .map_err(|errno| self.nic.kick_failed(errno))?;
                socket
                    .wait(Interest::RECEIVE, Some(LONGEST_WAIT))
                    .map_err(|errno| Nic::wait_failed(slice::from_ref(self.nic), errno))?;
            }
        }
    }
}

/// The result of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Times {
    bench: &'static str,
    mode: String,
    packets: u64,
    lost: u64,
    seconds: f64,
    pps: f64,
    #[serde(flatten)]
    usage: Usage,
    p50_ns: u64,
    p99_ns: u64,
    p999_ns: u64,
    max_ns: u64,
    /// Percent of the packets, and the longest time that these took.
    percentiles_ns: [(f64, u64); PERCENTILES.len()],
}

impl Times {
    fn new(
        mode: String,
        histogram: &Histogram<u64>,
        lost: u64,
        seconds: f64,
        usage: Usage,
    ) -> Self {
        Self {
            bench: "ping",
            mode,
            packets: histogram.len(),
            lost,
            seconds,
            pps: histogram.len() as f64 / seconds.max(f64::MIN_POSITIVE),
            usage,
            p50_ns: histogram.value_at_quantile(0.5),
            p99_ns: histogram.value_at_quantile(0.99),
            p999_ns: histogram.value_at_quantile(0.999),
            max_ns: histogram.max(),
            percentiles_ns: PERCENTILES
                .map(|percent| (percent, histogram.value_at_percentile(percent))),
        }
    }
}

impl Report for Times {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let us = |ns: u64| format!("{:.1} µs", ns as f64 / 1000.0);
        let mut rows = vec![
            (
                "bench",
                format!("ping, {}, {}", self.usage.driving(), self.mode),
            ),
            (
                "packets",
                format!(
                    "{} back, {} lost, in {:.2} s",
                    grouped(self.packets),
                    grouped(self.lost),
                    self.seconds
                ),
            ),
            ("p50", us(self.p50_ns)),
            ("p99", us(self.p99_ns)),
            ("p99.9", us(self.p999_ns)),
            ("longest", us(self.max_ns)),
        ];
        rows.extend(self.usage.rows());
        rows
    }
}
