//! What the project wants to reach, beside what was measured.

use xskit_rivals::spread::Spread;

use crate::figures::{CALLS, NS, P50, P99, PPS};
use crate::results::{Group, Results};
use crate::table::{Table, cell};

/// One goal, and how near a run came.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// What is compared.
    pub what: String,
    /// The contestant that came nearest.
    pub best: String,
    /// What was measured; nothing where something was missing.
    pub measured: Option<Spread>,
    /// What it should be.
    pub wanted: Wanted,
}

/// A bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wanted {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// Less than this.
    Under(f64),
}

impl Goal {
    /// Whether the median is within the bound; nothing where there is no median.
    #[must_use]
    pub fn is_met(&self) -> Option<bool> {
        let median = self.measured?.median;
        Some(match self.wanted {
            Wanted::AtLeast(bound) => median >= bound,
            Wanted::AtMost(bound) => median <= bound,
            Wanted::Under(bound) => median < bound,
        })
    }
}

/// All goals.
#[must_use]
pub fn goals(results: &Results) -> Vec<Goal> {
    let mut goals = rates(results);
    for udp in ["kernel UDP, blocking", "kernel UDP, busy"] {
        goals.extend([(P50, "p50"), (P99, "p99")].map(|it| round_trips(results, it, udp)));
    }
    goals.push(calls(results));
    goals.extend(
        ["sockets-memory", "sockets-rustix", "sockets-uring"].map(|id| sockets(results, id)),
    );
    goals
}

/// The best way of each backend beside each rival.
fn rates(results: &Results) -> Vec<Goal> {
    let mut goals = Vec::new();
    for task in ["tx", "rx", "fwd"] {
        for len in [64, 1400] {
            for (rival, factor) in [("xdpsock", 1.2), ("testpmd", 1.1)] {
                let group = results.group(&format!("{task}-{len}"));
                goals.extend(
                    ["rustix", "uring"]
                        .map(|backend| rate(group, (task, len), backend, rival, factor)),
                );
            }
        }
    }
    goals
}

fn rate(
    group: Option<&Group>,
    (task, len): (&str, u32),
    backend: &str,
    rival: &str,
    factor: f64,
) -> Goal {
    let ours = group.and_then(|group| group.fastest(backend));
    let theirs = group.and_then(|group| group.fastest(rival));
    let both = group.zip(ours).zip(theirs);
    Goal {
        what: format!(
            "{task}, {len} bytes: rate of {backend} to {}",
            theirs.map_or(rival, |it| it.name.as_str())
        ),
        best: ours.map_or_else(|| backend.to_owned(), |ours| ours.name.clone()),
        measured: both
            .and_then(|((group, ours), theirs)| group.ratio(&ours.name, &theirs.name, PPS)),
        wanted: Wanted::AtLeast(factor),
    }
}

/// The busy ways beside the kernel's sockets.
fn round_trips(results: &Results, (figure, name): (&str, &str), udp: &str) -> Goal {
    let group = results.group("ping");
    let is_busy = |name: &str| name.ends_with(" busy") || name.ends_with(" napi");
    let ours = group.and_then(|group| {
        group.best("", |series| {
            let is_ours = is_busy(&series.name) && !series.name.starts_with("kernel");
            is_ours.then_some(())?;
            Some(-series.spread(figure)?.median)
        })
    });
    Goal {
        what: format!("ping {name} of the busy ways to {udp}"),
        best: ours.map_or_else(|| "busy".to_owned(), |ours| ours.name.clone()),
        measured: group
            .zip(ours)
            .and_then(|(group, ours)| group.ratio(&ours.name, udp, figure)),
        wanted: Wanted::AtMost(0.5),
    }
}

/// What the application's thread calls where a thread of the kernel polls: the worst of all jobs at saturation.
fn calls(results: &Results) -> Goal {
    let all = results.groups.iter().filter(|group| {
        ["tx-", "rx-", "fwd-"]
            .iter()
            .any(|task| group.id.starts_with(task))
    });
    let spreads =
        all.filter_map(|group| Some((group, group.series("uring sqpoll")?.spread(CALLS)?)));
    let worst = spreads.max_by(|(_, one), (_, other)| one.median.total_cmp(&other.median));
    Goal {
        what: "system calls per 1,000 packets with SQPOLL, at saturation (the worst job)"
            .to_owned(),
        best: worst
            .map_or("uring sqpoll", |(group, _)| group.id.as_str())
            .to_owned(),
        measured: worst.map(|(_, spread)| spread),
        wanted: Wanted::Under(1.0),
    }
}

/// The cost with most sockets beside that with one.
fn sockets(results: &Results, id: &str) -> Goal {
    let group = results.group(id);
    let ends = group.and_then(|group| group.series.first().zip(group.series.last()));
    Goal {
        what: format!(
            "ns a packet with {} sockets to one ({id})",
            ends.map_or("most", |(_, last)| last.name.as_str())
        ),
        best: String::new(),
        measured: group
            .zip(ends)
            .and_then(|(group, (first, last))| group.ratio(&last.name, &first.name, NS)),
        wanted: Wanted::AtMost(1.15),
    }
}

/// Goals and what became of them, as Markdown.
#[must_use]
pub fn table(results: &Results) -> String {
    let mut table = Table::new(&["goal", "way", "measured", "wanted", "met"]);
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
    use crate::results::Series;
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
