//! The tables that answer the design's open questions, by their names in the answers file.

use crate::counted;
use crate::figures::{
    CALLS, CPU, KICKS, NS, P50, P99, P999, PER_KICK, POLLS, PPS, SUBMISSIONS, WAKES,
};
use crate::plan::{PROFILED, RATES};
use crate::profile::{AF_XDP, IDLE, KERNEL, OWN, Profile, XDP};
use crate::results::Column::{self, Figure, ToFirst};
use crate::results::{self, Group, Results};
use crate::table::{Table, cell};
use crate::tcp;

/// The columns of jobs at saturation.
pub(crate) const RATE_COLUMNS: [Column; 4] = [
    Figure("million packets/s", PPS, 1e-6),
    ToFirst("rate, to the first", PPS),
    Figure("system calls per 1,000", CALLS, 1.0),
    Figure("CPU s per million", CPU, 1.0),
];

pub(crate) const PING_COLUMNS: [Column; 5] = [
    Figure("p50, µs", P50, 1.0),
    Figure("p99, µs", P99, 1.0),
    Figure("p99.9, µs", P999, 1.0),
    ToFirst("p50, to the first", P50),
    Figure("system calls per 1,000", CALLS, 1.0),
];

/// The columns of packets that arrive at a steady rate, the same for all ways.
const PACED_COLUMNS: [Column; 4] = [
    Figure("CPU s per million", CPU, 1.0),
    ToFirst("CPU, to the first", CPU),
    Figure("system calls per 1,000", CALLS, 1.0),
    Figure("submissions per 1,000", SUBMISSIONS, 1.0),
];

/// The table of that name, as Markdown: empty if it was not measured, `None` for an unknown name.
pub(crate) fn table(results: &Results, name: &str) -> Option<String> {
    let of_group = |id: &str, columns: &[Column]| {
        results
            .group(id)
            .map_or_else(String::new, |group| comparison(group, columns))
    };
    Some(match name {
        "run" => run(results),
        "waiting-1000" => of_group("wait-1000", &PACED_COLUMNS),
        "waiting-50000" => of_group("wait-50000", &PACED_COLUMNS),
        "waiting-flood" => of_group("wait-flood", &RATE_COLUMNS),
        "waiting-latency" => of_group("ping-wait", &PING_COLUMNS),
        "multishot" => multishot(results),
        "flags" => flags(results),
        "budget" => budgets(results),
        "choice" => choice(results),
        "profile" => profile(results),
        // Another program's tables.
        name if counted::table::NAMES.contains(&name) => String::new(),
        name if tcp::table::NAMES.contains(&name) => String::new(),
        _ => return None,
    })
}

/// Where the time of the two cores goes.
fn profile(results: &Results) -> String {
    const PARTS: [(&str, &str); 5] = [
        (OWN, "programs"),
        (XDP, "XDP program"),
        (AF_XDP, "AF_XDP in the kernel"),
        (KERNEL, "rest of the kernel"),
        (IDLE, "idle"),
    ];
    let titles = ["job", "way and core"].into_iter();
    let mut table = Table::new(titles.chain(PARTS.map(|(_, title)| title)));
    for group in &results.groups {
        let Some(job) = group.id.strip_prefix(PROFILED) else {
            continue;
        };
        for series in &group.series {
            let percent = |(part, _)| {
                let spread = series.spread(part);
                spread.map_or_else(|| cell(None), |it| format!("{:.1} %", it.median * 100.0))
            };
            table.row(
                [job.to_owned(), series.name.clone()]
                    .into_iter()
                    .chain(PARTS.map(percent)),
            );
        }
    }
    table.markdown()
}

/// The functions that took most of a core's time in one job, per contestant.
pub(crate) fn functions(results: &Results, job: &str, place: &str) -> String {
    let id = format!("{PROFILED}{job}");
    let is_meant =
        |it: &&Profile| it.job == id && it.who.ends_with(place) && !it.functions.is_empty();
    let of_job: Vec<_> = results.profiles.iter().filter(is_meant).collect();
    let mut titles = vec![""];
    for profile in &of_job {
        titles.extend([profile.who.as_str(), "of its time"]);
    }
    let mut table = Table::new(titles);
    let rows = of_job
        .iter()
        .map(|it| it.functions.len())
        .max()
        .unwrap_or(0);
    for place in 0..rows {
        let mut row = vec![(place + 1).to_string()];
        for profile in &of_job {
            row.extend(match profile.functions.get(place) {
                Some((name, share)) => [format!("`{name}`"), format!("{:.1} %", share * 100.0)],
                None => [String::new(), String::new()],
            });
        }
        table.row(row);
    }
    table.markdown()
}

pub(crate) fn comparison(group: &Group, columns: &[Column]) -> String {
    results::comparison(&["way"], &[("", group)], columns)
}

/// The machine and the number of rounds.
fn run(results: &Results) -> String {
    let all = results.groups.iter().flat_map(|group| &group.series);
    match all.map(|series| series.samples.len()).max() {
        None => String::new(),
        Some(rounds) => {
            let machine = results.machine.sentence();
            format!("The tables are of a {machine}, over veth in copy mode; rounds: {rounds}.\n")
        }
    }
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
    let loads = RATES.map(|rate| (format!("wait-{rate}"), format!("{rate} a second")));
    let all = ("wait-flood".to_owned(), "as many as come".to_owned());
    for (id, what) in loads.into_iter().chain([all]) {
        let Some(group) = results
            .group(&id)
            .filter(|group| group.series(many).is_some())
        else {
            continue;
        };
        let figure =
            |name: &str, figure: &str| cell(group.series(name).and_then(|it| it.spread(figure)));
        table.row([
            what,
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

/// How often the rings' flags ask for a wake-up.
fn flags(results: &Results) -> String {
    let mut table = Table::new([
        "job",
        "mode",
        "kicks per 1,000",
        "packets a kick",
        "wakes per 1,000",
    ]);
    for task in ["tx", "rx", "fwd"] {
        let Some(group) = results.group(&format!("flags-{task}")) else {
            continue;
        };
        for series in &group.series {
            let figure = |name| cell(series.spread(name));
            let mut row = vec![task.to_owned(), format!("{}, copy", series.name)];
            row.extend([KICKS, PER_KICK, WAKES].map(figure));
            // A receiver does not kick.
            if task == "rx" {
                row[3] = cell(None);
            }
            table.row(row);
        }
    }
    table.markdown()
}

/// Descriptors per kick, by variant.
fn budgets(results: &Results) -> String {
    let columns = [
        Figure("million packets/s", PPS, 1e-6),
        ToFirst("rate, to rustix block with 32", PPS),
        Figure("packets a kick", PER_KICK, 1.0),
        Figure("system calls per 1,000", CALLS, 1.0),
        Figure("CPU s per million", CPU, 1.0),
    ];
    let group = results.group("budget");
    group.map_or_else(String::new, |group| {
        results::comparison(&["way, budget"], &[("", group)], &columns)
    })
}

/// The best way of each backend, workload by workload.
fn choice(results: &Results) -> String {
    let mut table = Table::new([
        "workload",
        "measure",
        "best rustix",
        "best uring",
        "uring to rustix",
    ]);
    let saturated = ["tx", "rx", "fwd"].into_iter().flat_map(|task| {
        [64, 1400].map(|len| {
            (
                format!("{task}-{len}"),
                format!("{task} of {len} bytes, as many as go"),
                PPS,
                true,
            )
        })
    });
    let others = [
        ("wait-1000", "1,000 packets a second received", CPU, false),
        ("wait-50000", "50,000 packets a second received", CPU, false),
        ("ping", "round trips, looking before waiting", P50, false),
        ("ping-wait", "round trips, waiting at once", P50, false),
    ];
    let others =
        others.map(|(id, what, figure, more)| (id.to_owned(), what.to_owned(), figure, more));
    for (id, what, figure, more_is_better) in saturated.chain(others) {
        let Some(group) = results.group(&id) else {
            continue;
        };
        let sign = if more_is_better { 1.0 } else { -1.0 };
        let best =
            |backend| group.best(backend, |series| Some(series.spread(figure)?.median * sign));
        let (Some(rustix), uring) = (best("rustix"), best("uring")) else {
            continue;
        };
        let measure = match figure {
            PPS => "packets/s, more is better",
            CPU => "CPU a packet, less is better",
            _ => "p50, less is better",
        };
        table.row([
            what,
            measure.to_owned(),
            rustix.name.clone(),
            uring.map_or("–", |uring| uring.name.as_str()).to_owned(),
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
    fn a_comparison_is_with_the_first_in_the_same_round() {
        let rates = group(
            "tx-64",
            vec![
                series("rustix block", &[1e6, 2e6]),
                series("uring block", &[2e6, 4e6]),
            ],
        );
        let made = comparison(&rates, &RATE_COLUMNS[..2]);
        let lines: Vec<_> = made.lines().collect();
        assert_eq!(lines[0], "| way | million packets/s | rate, to the first |");
        assert_eq!(
            lines[2],
            "| rustix block | 1.50 (1.10 to 1.90) | 1.00 (1.00 to 1.00) |"
        );
        assert_eq!(
            lines[3],
            "| uring block | 3.00 (2.20 to 3.80) | 2.00 (2.00 to 2.00) |"
        );
    }

    #[test]
    fn the_choice_is_between_the_best_of_each_backend() {
        let all = vec![
            series("rustix block", &[10.0]),
            series("rustix busy", &[20.0]),
            series("uring poll", &[30.0]),
            series("uring busy", &[5.0]),
        ];
        let results = results(vec![group("tx-64", all)]);
        let made = table(&results, "choice").expect("a table");
        let row = "| rustix busy | uring poll | 1.50 (1.50 to 1.50) |";
        assert!(made.contains(row), "{made}");
    }
}
