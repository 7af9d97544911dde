//! The outcome of one measurement: figures by name, and a curve for round trips.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use xskit_benches::spread::percentile;

pub(crate) const PPS: &str = "pps";
/// System calls per 1,000 packets.
pub(crate) const CALLS: &str = "calls_per_1000";
/// Seconds of processor time per million packets, including the kernel's on the program's behalf.
pub(crate) const CPU: &str = "cpu_s_per_million";
/// Kicks per 1,000 packets, by call or by submission.
pub(crate) const KICKS: &str = "kicks_per_1000";
/// Wakes for the fill ring per 1,000 packets, by call or by submission.
pub(crate) const WAKES: &str = "wakes_per_1000";
/// Submissions to an io_uring per 1,000 packets.
pub(crate) const SUBMISSIONS: &str = "submissions_per_1000";
/// Polls armed per 1,000 packets.
pub(crate) const POLLS: &str = "polls_per_1000";
/// Packets sent per kick.
pub(crate) const PER_KICK: &str = "packets_per_kick";
/// Median of the round trips, in microseconds.
pub(crate) const P50: &str = "p50_us";
/// The 99th percentile of the round trips, in microseconds.
pub(crate) const P99: &str = "p99_us";
/// The 99.9th percentile of the round trips, in microseconds.
pub(crate) const P999: &str = "p999_us";
pub(crate) const NS: &str = "ns_per_packet";

/// The figures of one measurement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    values: BTreeMap<String, f64>,
    /// Percentile (0 to 100) and its round-trip time in microseconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) curve: Vec<(f64, f64)>,
}

impl Figures {
    /// The figures named here, without those that are not finite.
    pub(crate) fn of<'n>(named: impl IntoIterator<Item = (&'n str, f64)>) -> Self {
        let finite = named.into_iter().filter(|(_, value)| value.is_finite());
        Self {
            values: finite
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            curve: Vec::new(),
        }
    }

    /// With those of another, which replace its own.
    pub(crate) fn and(mut self, other: &Self) -> Self {
        let others = other.values.iter();
        self.values
            .extend(others.map(|(name, value)| (name.clone(), *value)));
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.values.get(name).copied()
    }

    /// Reads what `xskit bench … --json` printed.
    ///
    /// # Errors
    /// Where that is not a JSON object with `packets` and `seconds`.
    pub(crate) fn of_xskit(text: &str) -> anyhow::Result<Self> {
        let report: Value = serde_json::from_str(text).context("what xskit bench printed")?;
        let number = |path: &str| report.pointer(path).and_then(Value::as_f64);
        let packets = number("/packets").context("no `packets` in what xskit bench printed")?;
        let seconds = number("/seconds").context("no `seconds` in what xskit bench printed")?;
        let per_thousand =
            |count: Option<f64>| count.map_or(f64::NAN, |count| count * 1e3 / packets);
        let both = |kind: &str| {
            let calls = number(&format!("/calls/{kind}"))?;
            Some(calls + number(&format!("/submissions/{kind}")).unwrap_or(0.0))
        };
        let us = |name: &str| number(name).map_or(f64::NAN, |ns| ns / 1e3);
        let mut figures = Self::of([
            (PPS, packets / seconds),
            (CALLS, per_thousand(number("/syscalls"))),
            (
                CPU,
                number("/cpu_seconds").map_or(f64::NAN, |cpu| cpu * 1e6 / packets),
            ),
            (KICKS, per_thousand(both("kick"))),
            (WAKES, per_thousand(both("wake"))),
            (SUBMISSIONS, per_thousand(submissions(&report))),
            (POLLS, per_thousand(number("/submissions/poll"))),
            (
                PER_KICK,
                both("kick").map_or(f64::NAN, |kicks| packets / kicks),
            ),
            (P50, us("/p50_ns")),
            (P99, us("/p99_ns")),
            (P999, us("/p999_ns")),
        ]);
        figures.curve = curve(&report);
        Ok(figures)
    }

    /// The figures of round trips with these times in microseconds.
    ///
    /// The curve has the percentiles that `xskit bench ping` prints.
    pub(crate) fn of_round_trips(
        mut times_us: Vec<f64>,
        seconds: f64,
        cpu_seconds: f64,
        calls: u64,
    ) -> Self {
        times_us.sort_by(f64::total_cmp);
        let count = times_us.len() as f64;
        let at_us = |percent| percentile(&times_us, percent);
        let mut figures = Self::of([
            (PPS, count / seconds),
            (CALLS, calls as f64 * 1e3 / count),
            (CPU, cpu_seconds * 1e6 / count),
            (P50, at_us(50.0)),
            (P99, at_us(99.0)),
            (P999, at_us(99.9)),
        ]);
        figures.curve = PERCENTILES
            .map(|percent| (percent, at_us(percent)))
            .to_vec();
        figures
    }
}

/// The percentiles of the curve.
const PERCENTILES: [f64; 14] = [
    1.0, 5.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 99.95, 99.99, 100.0,
];

fn submissions(report: &Value) -> Option<f64> {
    let kinds = report.get("submissions")?.as_object()?;
    let counts = kinds.iter().filter(|(kind, _)| *kind != "set-up");
    Some(counts.filter_map(|(_, count)| count.as_f64()).sum())
}

fn curve(report: &Value) -> Vec<(f64, f64)> {
    let points = report.get("percentiles_ns").and_then(Value::as_array);
    let point = |point: &Value| Some((point.get(0)?.as_f64()?, point.get(1)?.as_f64()? / 1e3));
    points.into_iter().flatten().filter_map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_taken_apart_and_no_packet_makes_no_figure() {
        const TX: &str = r#"{"bench":"tx","packets":2000000,"seconds":2.0,"syscalls":1000,"cpu_seconds":1.5,
            "calls":{"set-up":20,"kick":100,"wake":0,"wait":4,"enter":896},
            "submissions":{"set-up":7,"kick":900,"wake":0,"poll":2,"cancel":1}}"#;
        const PING: &str = r#"{"bench":"ping","packets":10,"seconds":1.0,"syscalls":20,"p50_ns":6500,
            "p99_ns":10000,"p999_ns":82000,"percentiles_ns":[[50.0,6500],[100.0,90000]]}"#;
        const NONE: &str = r#"{"packets":0,"seconds":1.0,"syscalls":3}"#;
        for (text, name, value) in [
            (TX, PPS, Some(1e6)),
            (TX, CALLS, Some(0.5)),
            (TX, CPU, Some(0.75)),
            (TX, KICKS, Some(0.5)),
            (TX, WAKES, Some(0.0)),
            (TX, SUBMISSIONS, Some(0.4515)),
            (TX, POLLS, Some(0.001)),
            (TX, PER_KICK, Some(2000.0)),
            (TX, P50, None),
            (PING, P50, Some(6.5)),
            (PING, P99, Some(10.0)),
            (PING, P999, Some(82.0)),
            (PING, CALLS, Some(2000.0)),
            (PING, KICKS, None),
            (NONE, PPS, Some(0.0)),
            (NONE, CALLS, None),
        ] {
            let figures = Figures::of_xskit(text).expect("a report");
            assert_eq!(figures.get(name), value, "{name} of {text}");
        }
        let curve = Figures::of_xskit(PING).expect("a report").curve;
        assert_eq!(curve, [(50.0, 6.5), (100.0, 90.0)]);
        for text in ["", "[]", r#"{"packets":1}"#, r#"{"seconds":1}"#] {
            assert!(Figures::of_xskit(text).is_err(), "{text}");
        }
    }

    #[test]
    fn percentiles_of_round_trips_are_times_that_were_measured() {
        let times = (1..=1000).rev().map(f64::from).collect();
        let figures = Figures::of_round_trips(times, 2.0, 0.5, 4000);
        let all = [P50, P99, P999, PPS, CPU, CALLS].map(|name| figures.get(name));
        let expected = [500.0, 990.0, 999.0, 500.0, 500.0, 4000.0];
        assert_eq!(all, expected.map(Some));
        let ends = [figures.curve.first(), figures.curve.last()];
        assert_eq!(ends, [Some(&(1.0, 10.0)), Some(&(100.0, 1000.0))]);
    }
}
