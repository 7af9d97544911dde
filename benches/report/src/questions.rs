//! The tables that answer the design's open questions, by the names that the answers file has them by.

use crate::counted;
use crate::figures::{
    CALLS, CPU, KICKS, NS, P50, P99, P999, PER_KICK, POLLS, PPS, SUBMISSIONS, WAKES,
};
use crate::plan::{BUDGETS, PROFILED, RATES, budget_name};
use crate::profile::{AF_XDP, IDLE, KERNEL, OWN, Profile, XDP};
use crate::results::{Group, Results};
use crate::table::{Table, cell, scaled};
use crate::tcp;
use crate::variant::BASELINE;

/// A column of a table that compares the contestants of a group.
#[derive(Clone, Copy, Debug)]
pub enum Column {
    /// The figure itself, times a factor.
    Figure(&'static str, &'static str, f64),
    /// The figure divided by that of the first contestant, in the same round.
    Ratio(&'static str, &'static str),
}

use Column::{Figure, Ratio};

/// The columns of whatever moves as many packets as go.
pub const RATE_COLUMNS: [Column; 4] = [
    Figure("million packets/s", PPS, 1e-6),
    Ratio("rate, to the first", PPS),
    Figure("system calls per 1,000", CALLS, 1.0),
    Figure("CPU s per million", CPU, 1.0),
];

/// The columns of round trips.
pub const PING_COLUMNS: [Column; 5] = [
    Figure("p50, µs", P50, 1.0),
    Figure("p99, µs", P99, 1.0),
    Figure("p99.9, µs", P999, 1.0),
    Ratio("p50, to the first", P50),
    Figure("system calls per 1,000", CALLS, 1.0),
];

/// The columns of packets that come at a pace: all ways receive the same number.
const PACED_COLUMNS: [Column; 4] = [
    Figure("CPU s per million", CPU, 1.0),
    Ratio("CPU, to the first", CPU),
    Figure("system calls per 1,000", CALLS, 1.0),
    Figure("submissions per 1,000", SUBMISSIONS, 1.0),
];

/// The table of that name, as Markdown: nothing for a name that there is none of, an empty text for one that was not
/// measured.
#[must_use]
pub fn table(results: &Results, name: &str) -> Option<String> {
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
        // Made by another run; see there.
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
    let titles: Vec<_> = titles.chain(PARTS.map(|(_, title)| title)).collect();
    let mut table = Table::new(&titles);
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
    table.markdown_of_any()
}

/// The functions that took most of the time of a core in one job, as each contestant's came out.
#[must_use]
pub fn functions(results: &Results, job: &str, place: &str) -> String {
    let id = format!("{PROFILED}{job}");
    let is_meant =
        |it: &&Profile| it.job == id && it.who.ends_with(place) && !it.functions.is_empty();
    let of_job: Vec<_> = results.profiles.iter().filter(is_meant).collect();
    let mut titles = vec![""];
    for profile in &of_job {
        titles.extend([profile.who.as_str(), "of its time"]);
    }
    let mut table = Table::new(&titles);
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
    table.markdown_of_any()
}

/// The contestants of a group below each other.
#[must_use]
pub fn comparison(group: &Group, columns: &[Column]) -> String {
    let title = |column: &Column| match column {
        Figure(title, ..) | Ratio(title, _) => *title,
    };
    let titles: Vec<_> = ["way"]
        .into_iter()
        .chain(columns.iter().map(title))
        .collect();
    let mut table = Table::new(&titles);
    let first = group
        .series
        .first()
        .map_or("", |series| series.name.as_str());
    for series in &group.series {
        let cell = |column: &Column| match *column {
            Figure(_, figure, factor) => scaled(series.spread(figure), factor),
            Ratio(_, figure) => cell(group.ratio(&series.name, first, figure)),
        };
        table.row(
            [series.name.clone()]
                .into_iter()
                .chain(columns.iter().map(cell)),
        );
    }
    table.markdown_of_any()
}

/// Where and how often it was measured, in a line.
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
    let mut table = Table::new(&[
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
    table.markdown_of_any()
}

/// How often the rings' flags ask for a wake-up.
fn flags(results: &Results) -> String {
    let mut table = Table::new(&[
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
            // What only receives kicks nobody.
            let per_kick = if task == "rx" {
                cell(None)
            } else {
                figure(PER_KICK)
            };
            let mode = format!("{}, copy", series.name);
            table.row([
                task.to_owned(),
                mode,
                figure(KICKS),
                per_kick,
                figure(WAKES),
            ]);
        }
    }
    table.markdown_of_any()
}

/// A kick's budget, and who asks for it.
fn budgets(results: &Results) -> String {
    let Some(group) = results.group("budget") else {
        return String::new();
    };
    let mut table = Table::new(&[
        "way, budget",
        "million packets/s",
        "rate, to rustix block with 32",
        "packets a kick",
        "system calls per 1,000",
        "CPU s per million",
    ]);
    let first = budget_name(BASELINE, BUDGETS[0]);
    for series in &group.series {
        let figure = |name| cell(series.spread(name));
        table.row([
            series.name.clone(),
            scaled(series.spread(PPS), 1e-6),
            cell(group.ratio(&series.name, &first, PPS)),
            figure(PER_KICK),
            figure(CALLS),
            figure(CPU),
        ]);
    }
    table.markdown_of_any()
}

/// The best way of each backend, workload by workload.
fn choice(results: &Results) -> String {
    let mut table = Table::new(&[
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
    table.markdown_of_any()
}

/// What a packet costs by the number of sockets that one thread serves.
#[must_use]
pub fn sockets(results: &Results) -> String {
    let mut table = Table::new(&["over", "sockets", "ns a packet", "to one socket"]);
    for (id, over) in [
        ("sockets-memory", "rings in memory"),
        ("sockets-rustix", "queues of a veth, sending, rustix"),
        ("sockets-uring", "queues of a veth, sending, uring"),
    ] {
        let Some(group) = results.group(id) else {
            continue;
        };
        let first = group
            .series
            .first()
            .map_or("", |series| series.name.as_str());
        for series in &group.series {
            table.row([
                over.to_owned(),
                series.name.clone(),
                cell(series.spread(NS)),
                cell(group.ratio(&series.name, first, NS)),
            ]);
        }
    }
    table.markdown_of_any()
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
