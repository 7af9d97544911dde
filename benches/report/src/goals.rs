//! The project's goals beside what was measured.

use xskit_benches::spread::Spread;

use crate::figures::{CALLS, NS, P50, P99, PPS};
use crate::results::{Group, Results, Series};
use crate::table::{Table, cell};

#[derive(Clone, Debug, PartialEq)]
struct Goal {
    what: String,
    /// The contestant that came nearest.
    best: String,
    /// `None` where something was not measured.
    measured: Option<Spread>,
    wanted: Wanted,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Wanted {
    AtLeast(f64),
    AtMost(f64),
    Under(f64),
}

impl Goal {
    /// Whether the median is within the bound; `None` where there is no median.
    fn is_met(&self) -> Option<bool> {
        let median = self.measured?.median;
        Some(match self.wanted {
            Wanted::AtLeast(bound) => median >= bound,
            Wanted::AtMost(bound) => median <= bound,
            Wanted::Under(bound) => median < bound,
        })
    }
}

fn goals(results: &Results) -> Vec<Goal> {
    let mut goals = Vec::new();
    for task in ["tx", "rx", "fwd"] {
        for len in [64, 1400] {
            for (rival, factor) in [("xdpsock", 1.2), ("testpmd", 1.1)] {
                let rate = |backend| rate(results, (task, len), backend, rival, factor);
                goals.extend(["rustix", "uring"].map(rate));
            }
        }
    }
    for udp in ["kernel UDP, blocking", "kernel UDP, busy"] {
        goals.extend([(P50, "p50"), (P99, "p99")].map(|it| round_trips(results, it, udp)));
    }
    goals.push(calls(results));
    let jobs = ["sockets-memory", "sockets-rustix", "sockets-uring"];
    goals.extend(jobs.map(|id| sockets(results, id)));
    goals
}

fn name_or(series: Option<&Series>, other: &str) -> String {
    series.map_or(other, |series| &series.name).to_owned()
}

/// The ratio of a figure of one contestant to another's, where all are there.
fn ratio(
    group: Option<&Group>,
    ours: Option<&Series>,
    theirs: Option<&Series>,
    figure: &str,
) -> Option<Spread> {
    group?.ratio(&ours?.name, &theirs?.name, figure)
}

/// The best way of a backend beside a rival.
fn rate(
    results: &Results,
    (task, len): (&str, u32),
    backend: &str,
    rival: &str,
    factor: f64,
) -> Goal {
    let group = results.group(&format!("{task}-{len}"));
    let [ours, theirs] = [backend, rival].map(|name| group?.fastest(name));
    let name = name_or(theirs, rival);
    Goal {
        what: format!("{task}, {len} bytes: rate of {backend} to {name}"),
        best: name_or(ours, backend),
        measured: ratio(group, ours, theirs, PPS),
        wanted: Wanted::AtLeast(factor),
    }
}

/// The busy ways beside the kernel's sockets.
fn round_trips(results: &Results, (figure, name): (&str, &str), udp: &str) -> Goal {
    let group = results.group("ping");
    let is_busy = |name: &str| name.ends_with(" busy") || name.ends_with(" napi");
    let is_ours = |name: &str| is_busy(name) && !name.starts_with("kernel");
    let score = |series: &Series| {
        let spread = series.spread(figure).filter(|_| is_ours(&series.name));
        Some(-spread?.median)
    };
    let ours = group.and_then(|group| group.best("", score));
    Goal {
        what: format!("ping {name} of the busy ways to {udp}"),
        best: name_or(ours, "busy"),
        measured: ratio(
            group,
            ours,
            group.and_then(|group| group.series(udp)),
            figure,
        ),
        wanted: Wanted::AtMost(0.5),
    }
}

/// System calls of the application's thread where a thread of the kernel polls: the worst of all
/// jobs at saturation.
fn calls(results: &Results) -> Goal {
    let is_saturated = |group: &&Group| {
        ["tx-", "rx-", "fwd-"]
            .iter()
            .any(|task| group.id.starts_with(task))
    };
    let all = results.groups.iter().filter(is_saturated);
    let spreads =
        all.filter_map(|group| Some((group, group.series("uring sqpoll")?.spread(CALLS)?)));
    let worst = spreads.max_by(|(_, one), (_, other)| one.median.total_cmp(&other.median));
    Goal {
        what: "system calls per 1,000 packets with SQPOLL, at saturation (the worst job)"
            .to_owned(),
        best: worst
            .map_or("uring sqpoll", |(group, _)| &group.id)
            .to_owned(),
        measured: worst.map(|(_, spread)| spread),
        wanted: Wanted::Under(1.0),
    }
}

/// The cost with most sockets beside that with one.
fn sockets(results: &Results, id: &str) -> Goal {
    let group = results.group(id);
    let [first, last] = [
        group.and_then(|it| it.series.first()),
        group.and_then(|it| it.series.last()),
    ];
    Goal {
        what: format!(
            "ns a packet with {} sockets to one ({id})",
            name_or(last, "most")
        ),
        best: String::new(),
        measured: ratio(group, last, first, NS),
        wanted: Wanted::AtMost(1.15),
    }
}

/// Goals and their outcomes, as Markdown.
pub(crate) fn table(results: &Results) -> String {
    let mut table = Table::new(["goal", "way", "measured", "wanted", "met"]);
    for goal in goals(results) {
        let wanted = match goal.wanted {
            Wanted::AtLeast(bound) => format!("at least {bound}"),
            Wanted::AtMost(bound) => format!("at most {bound}"),
            Wanted::Under(bound) => format!("under {bound}"),
        };
        let met = match goal.is_met() {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "not measured",
        };
        table.row([
            goal.what.clone(),
            goal.best.clone(),
            cell(goal.measured),
            wanted,
            met.to_owned(),
        ]);
    }
    table.markdown()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Figures;
    use crate::results::tests::{group, results, series};

    fn with(name: &str, figure: &str, value: f64) -> Series {
        Series {
            samples: vec![Some(Figures::of([(figure, value)]))],
            ..series(name, &[])
        }
    }

    fn goal(goals: &[Goal], what: &str) -> Goal {
        let found = goals.iter().find(|goal| goal.what.starts_with(what));
        found
            .unwrap_or_else(|| panic!("{what} in {goals:?}"))
            .clone()
    }

    #[test]
    fn the_best_of_ours_is_compared_with_the_best_of_theirs() {
        let all = vec![
            series("rustix block", &[100.0]),
            series("rustix busy", &[120.0]),
            series("testpmd", &[80.0]),
            series("testpmd again", &[110.0]),
        ];
        let goals = goals(&results(vec![group("tx-64", all)]));
        let rate = goal(&goals, "tx, 64 bytes: rate of rustix to testpmd");
        assert_eq!(
            (rate.best.as_str(), rate.is_met()),
            ("rustix busy", Some(false))
        );
        assert!(rate.what.ends_with("to testpmd again"));
        assert_eq!(
            goal(&goals, "tx, 64 bytes: rate of rustix to xdpsock").is_met(),
            None
        );
        assert_eq!(goal(&goals, "tx, 64 bytes: rate of uring").is_met(), None);
    }

    #[test]
    fn round_trips_calls_and_sockets_have_bounds() {
        let ping = vec![
            with("rustix block", P50, 1.0),
            with("rustix busy", P50, 6.0),
            with("kernel UDP, blocking", P50, 30.0),
            with("kernel UDP, busy", P50, 10.0),
        ];
        let sockets = vec![
            with("1", NS, 10.0),
            with("4", NS, 30.0),
            with("64", NS, 11.0),
        ];
        let tx = vec![with("uring sqpoll", CALLS, 0.2)];
        let rx = vec![with("uring sqpoll", CALLS, 1.0)];
        let groups = vec![
            group("ping", ping),
            group("sockets-memory", sockets),
            group("tx-64", tx),
            group("rx-64", rx),
        ];
        let goals = goals(&results(groups));
        let p50 = goal(&goals, "ping p50");
        assert_eq!(
            (p50.best.as_str(), p50.is_met()),
            ("rustix busy", Some(true))
        );
        assert_eq!(goal(&goals, "ping p99").is_met(), None);
        let calls = goal(&goals, "system calls");
        assert_eq!(
            (calls.best.as_str(), calls.is_met()),
            ("rx-64", Some(false))
        );
        assert_eq!(goal(&goals, "ns a packet with 64").is_met(), Some(true));
    }
}
