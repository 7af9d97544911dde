//! The tables that answer the design's open questions, by their names in the answers file.

use crate::counted;
use crate::figures::{
    CALLS, CPU, KICKS, NS, P50, P99, P999, PER_KICK, POLLS, PPS, SUBMISSIONS, WAKES,
};
use crate::plan::{PROFILED, SATURATED, WAITS};
use crate::profile::{AF_XDP, IDLE, KERNEL, OWN, XDP};
use crate::results::Column::{self, Figure, Share, To, ToFirst};
use crate::results::{self, Group, Results};
use crate::table::{Table, cell};
use crate::tcp;

const RATE: Column = Figure("million packets/s", PPS, 1e-6);
const CALLED: Column = Figure("system calls per 1,000", CALLS, 1.0);
const COST: Column = Figure("CPU s per million", CPU, 1.0);

/// The columns of jobs at saturation.
const RATE_COLUMNS: [Column; 4] = [RATE, ToFirst("rate, to the first", PPS), CALLED, COST];

/// The same beside the rivals.
pub(crate) const SATURATED_COLUMNS: [Column; 6] = [
    RATE,
    ToFirst("rate, to the first", PPS),
    To("to xdpsock", PPS, "xdpsock"),
    To("to testpmd", PPS, "testpmd"),
    CALLED,
    COST,
];

pub(crate) const PING_COLUMNS: [Column; 5] = [
    Figure("p50, µs", P50, 1.0),
    Figure("p99, µs", P99, 1.0),
    Figure("p99.9, µs", P999, 1.0),
    ToFirst("p50, to the first", P50),
    CALLED,
];

/// The columns of packets that arrive at a steady rate, the same for all ways.
const PACED_COLUMNS: [Column; 4] = [
    COST,
    ToFirst("CPU, to the first", CPU),
    CALLED,
    Figure("submissions per 1,000", SUBMISSIONS, 1.0),
];

/// How often the rings' flags ask for a wake-up.
const FLAGS_COLUMNS: [Column; 3] = [
    Figure("kicks per 1,000", KICKS, 1.0),
    Figure("packets a kick", PER_KICK, 1.0),
    Figure("wakes per 1,000", WAKES, 1.0),
];

/// Descriptors per kick.
const BUDGET_COLUMNS: [Column; 5] = [
    RATE,
    ToFirst("rate, to rustix block with 32", PPS),
    Figure("packets a kick", PER_KICK, 1.0),
    CALLED,
    COST,
];

/// Where the time of the two cores goes.
const PROFILE_COLUMNS: [Column; 5] = [
    Share("programs", OWN),
    Share("XDP program", XDP),
    Share("AF_XDP in the kernel", AF_XDP),
    Share("rest of the kernel", KERNEL),
    Share("idle", IDLE),
];

/// The table of that name, as Markdown: empty if it was not measured, `None` for an unknown name.
pub(crate) fn table(results: &Results, name: &str) -> Option<String> {
    let titled = |titles: &[&str], id: &str, columns: &[Column]| {
        let group: Vec<_> = results.group(id).map(|it| ("", it)).into_iter().collect();
        results::comparison(titles, &group, columns)
    };
    let of_group = |id: &str, columns: &[Column]| titled(&["way"], id, columns);
    let with_prefix = |prefix, titles: &[&str], columns: &[Column]| {
        let groups = results.groups.iter();
        let named = groups.filter_map(|group| Some((group.id.strip_prefix(prefix)?, group)));
        let named: Vec<_> = named.collect();
        results::comparison(titles, &named, columns)
    };
    Some(match name {
        "run" => results.description(", over veth in copy mode; rounds: "),
        "waiting-1000" => of_group("wait-1000", &PACED_COLUMNS),
        "waiting-50000" => of_group("wait-50000", &PACED_COLUMNS),
        "waiting-flood" => of_group("wait-flood", &RATE_COLUMNS),
        "waiting-latency" => of_group("ping-wait", &PING_COLUMNS),
        "multishot" => multishot(results),
        "flags" => with_prefix("flags-", &["job", "mode"], &FLAGS_COLUMNS),
        "budget" => titled(&["way, budget"], "budget", &BUDGET_COLUMNS),
        "choice" => choice(results),
        "profile" => with_prefix(PROFILED, &["job", "way and core"], &PROFILE_COLUMNS),
        // Another program's tables.
        name if counted::table::NAMES.contains(&name) => String::new(),
        name if tcp::table::NAMES.contains(&name) => String::new(),
        _ => return None,
    })
}

pub(crate) fn comparison(group: &Group, columns: &[Column]) -> String {
    results::comparison(&["way"], &[("", group)], columns)
}

/// What a multishot poll saves over one that is armed for every wait.
fn multishot(results: &Results) -> String {
    let (once, many) = ("uring poll", "uring multishot");
    let mut table = Table::new([
        "packets received",
        "polls armed per 1,000: poll",
        "multishot",
        "system calls per 1,000: poll",
        "multishot",
        "CPU, multishot to poll",
        "rate, multishot to poll",
    ]);
    for (id, what, _) in WAITS {
        let Some(group) = results.group(id).filter(|it| it.series(many).is_some()) else {
            continue;
        };
        let figure = |name: &str, figure| cell(group.series(name).and_then(|it| it.spread(figure)));
        table.row([
            what.to_owned(),
            figure(once, POLLS),
            figure(many, POLLS),
            figure(once, CALLS),
            figure(many, CALLS),
            cell(group.ratio(many, once, CPU)),
            cell(group.ratio(many, once, PPS)),
        ]);
    }
    table.markdown()
}

/// The best way of each backend, workload by workload.
fn choice(results: &Results) -> String {
    const RATE: (&str, f64) = ("packets/s, more is better", 1.0);
    const CPU_TIME: (&str, f64) = ("CPU a packet, less is better", -1.0);
    const TIME: (&str, f64) = ("p50, less is better", -1.0);
    let mut table = Table::new([
        "workload",
        "measure",
        "best rustix",
        "best uring",
        "uring to rustix",
    ]);
    let mut workloads = Vec::new();
    for (task, _) in SATURATED {
        for len in [64, 1400] {
            let task = task.word();
            let what = format!("{task} of {len} bytes, as many as go");
            workloads.push((format!("{task}-{len}"), what, PPS, RATE));
        }
    }
    workloads.extend(
        [
            (
                "wait-1000",
                "1,000 packets a second received",
                CPU,
                CPU_TIME,
            ),
            (
                "wait-50000",
                "50,000 packets a second received",
                CPU,
                CPU_TIME,
            ),
            ("ping", "round trips, looking before waiting", P50, TIME),
            ("ping-wait", "round trips, waiting at once", P50, TIME),
        ]
        .map(|(id, what, figure, measure)| (id.to_owned(), what.to_owned(), figure, measure)),
    );
    for (id, what, figure, (measure, sign)) in workloads {
        let Some(group) = results.group(&id) else {
            continue;
        };
        let best =
            |backend| group.best(backend, |series| Some(series.spread(figure)?.median * sign));
        let (Some(rustix), uring) = (best("rustix"), best("uring")) else {
            continue;
        };
        table.row([
            what,
            measure.to_owned(),
            rustix.name.clone(),
            uring.map_or("–", |uring| &uring.name).to_owned(),
            cell(uring.and_then(|uring| group.ratio(&uring.name, &rustix.name, figure))),
        ]);
    }
    table.markdown()
}

/// The cost per packet by the number of sockets on one thread.
pub(crate) fn sockets(results: &Results) -> String {
    let groups = [
        ("rings in memory", "sockets-memory"),
        ("queues of a veth, sending, rustix", "sockets-rustix"),
        ("queues of a veth, sending, uring", "sockets-uring"),
    ];
    let there = groups
        .iter()
        .filter_map(|(over, id)| Some((*over, results.group(id)?)));
    let columns = [Figure("ns a packet", NS, 1.0), ToFirst("to one socket", NS)];
    results::comparison(&["over", "sockets"], &there.collect::<Vec<_>>(), &columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::tests::{group, results, series};

    #[test]
    fn every_table_of_the_answers_file_is_there() {
        let file = include_str!("../../ANSWERS.md");
        let names: Vec<_> = crate::answers::names(file).collect();
        assert!(names.len() >= 5, "{names:?}");
        let nothing = results(Vec::new());
        for name in names {
            assert_eq!(table(&nothing, name).as_deref(), Some(""), "{name}");
        }
        assert_eq!(table(&nothing, "no such table"), None);
    }

    #[test]
    fn ways_are_compared_with_the_first_in_the_same_round_and_the_best_of_each_backend_is_chosen() {
        let results = results(vec![group(
            "tx-64",
            vec![
                series("rustix block", &[1e6, 2e6]),
                series("rustix busy", &[2e6, 4e6]),
                series("uring poll", &[3e6, 6e6]),
                series("uring busy", &[5.0, 5.0]),
            ],
        )]);
        let to = To("to busy", PPS, "rustix busy");
        let made = comparison(&results.groups[0], &[RATE_COLUMNS[0], RATE_COLUMNS[1], to]);
        let choice = table(&results, "choice").expect("a table");
        for row in [
            "| way | million packets/s | rate, to the first | to busy |\n| --- | ---: | ---: | ---: |\n",
            "| rustix block | 1.50 (1.10 to 1.90) | 1.00 (1.00 to 1.00) | 0.50 (0.50 to 0.50) |\n",
            "| rustix busy | 3.00 (2.20 to 3.80) | 2.00 (2.00 to 2.00) |  |\n",
        ] {
            assert!(made.contains(row), "{row} in {made}");
        }
        let row = "| rustix busy | uring poll | 1.50 (1.50 to 1.50) |";
        assert!(choice.contains(row), "{choice}");
    }
}
