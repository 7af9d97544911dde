//! The counts, as the answers file shows them.

use super::plan::{self, Entry, FAR, HANDSHAKES, JOBS, LOSSY, REQUESTS, TRANSFER, Who};
use super::{DROPPED, LOST, Run, SENT_AGAIN, SERVER};
use crate::figures::{CALLS, KICKS, PER_KICK, WAKES};
use crate::table::{Table, short};

/// The names of the tables, which the head-to-head does not change.
pub(crate) const NAMES: [&str; 7] = [
    "counted-run",
    "counted",
    "counted-transfer",
    "counted-requests",
    "counted-servers",
    "counted-far",
    "flags-zero-copy",
];

/// The table of that name; `None` for an unknown one.
pub(crate) fn table(runs: &[Run], name: &str) -> Option<String> {
    let fetched = |jobs: &[&str], more: &[_], figure| {
        comparison(runs, jobs, &["nginx", "quiche"], more, figure)
    };
    let lost = [
        ("dropped", DROPPED),
        ("taken for lost", LOST),
        ("sent again", SENT_AGAIN),
    ];
    Some(match name {
        "counted-run" => run(runs),
        "counted" => comparison(runs, &["tx", "rx", "fwd", "ping"], &["xdpsock"], &[], None),
        "counted-transfer" => fetched(&[TRANSFER], &[], None),
        "counted-requests" => fetched(&[REQUESTS, HANDSHAKES], &[], None),
        "counted-servers" => fetched(&[TRANSFER, REQUESTS, HANDSHAKES], &[], Some(SERVER)),
        "counted-far" => fetched(&[FAR, LOSSY], &lost, None),
        "flags-zero-copy" => flags(runs),
        _ => return None,
    })
}

/// Figures of the same count in each boot.
#[derive(Clone, Debug, PartialEq)]
struct Counted(Vec<f64>);

impl Counted {
    fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    /// By how much the runs differ, as a part of the mean; `None` for one run.
    fn difference(&self) -> Option<f64> {
        let (least, most) = (self.0.iter().copied())
            .fold((f64::MAX, f64::MIN), |(a, b), it| (a.min(it), b.max(it)));
        (self.0.len() > 1).then(|| (most - least) / self.mean())
    }
}

/// The drivers, in the order of the runs.
fn drivers(runs: &[Run]) -> Vec<&str> {
    let mut drivers = Vec::new();
    for run in runs {
        if !drivers.contains(&run.driver.as_str()) {
            drivers.push(run.driver.as_str());
        }
    }
    drivers
}

fn figures(runs: &[Run], driver: &str, job: &str, who: Who, figure: &str) -> Option<Counted> {
    let of_driver = runs.iter().filter(|run| run.driver == driver);
    let counted: Vec<_> = of_driver
        .filter_map(|run| run.count(job, &who.name())?.figures.as_ref()?.get(figure))
        .collect();
    (!counted.is_empty()).then_some(Counted(counted))
}

/// Without the sender where the job is to receive packets.
fn cost(runs: &[Run], driver: &str, entry: &Entry, figure: &str) -> Option<Counted> {
    let whole = figures(runs, driver, entry.job, entry.who, figure)?;
    let receives = matches!(entry.job, "rx" | "fwd") && entry.who != Who::Sender;
    if !receives {
        return Some(whole);
    }
    let sender = figures(runs, driver, "rx", Who::Sender, figure)?.mean();
    Some(Counted(whole.0.iter().map(|it| it - sender).collect()))
}

/// A table with these columns per driver: the figure (another one if `figure` names it), by how
/// much runs differ, its ratio to each rival's, and `more` figures by title and name.
fn comparison(
    runs: &[Run],
    jobs: &[&str],
    rivals: &[&str],
    more: &[(&str, &str)],
    figure: Option<&str>,
) -> String {
    // Where nothing of these jobs was counted, the table that is there stays.
    let mut counts = runs.iter().flat_map(|run| &run.counts);
    if !counts.any(|count| jobs.contains(&count.job.as_str())) {
        return String::new();
    }
    let drivers = drivers(runs);
    let mut titles = vec!["job".to_owned(), "way".to_owned()];
    for driver in &drivers {
        titles.extend([(*driver).to_owned(), "runs differ by".to_owned()]);
        titles.extend(rivals.iter().map(|rival| format!("to {rival}")));
        titles.extend(more.iter().map(|(title, _)| (*title).to_owned()));
    }
    let mut table = Table::new(titles);
    let entries = plan::entries().into_iter();
    for entry in entries.filter(|entry| jobs.contains(&entry.job)) {
        let mut row = vec![entry.job.to_owned(), entry.who.name()];
        for (number, driver) in (1..).zip(&drivers) {
            row.extend(cells(runs, driver, &entry, more, (rivals.len(), figure)));
            row.resize(2 + number * (2 + rivals.len() + more.len()), String::new());
        }
        table.row(row);
    }
    table.markdown()
}

/// Of one entry on one driver; cells at the end may be missing.
fn cells(
    runs: &[Run],
    driver: &str,
    entry: &Entry,
    more: &[(&str, &str)],
    (rivals, figure): (usize, Option<&str>),
) -> Vec<String> {
    let cost_of = |who| {
        let entry = Entry {
            who,
            ..entry.clone()
        };
        cost(runs, driver, &entry, figure.unwrap_or(entry.unit()))
    };
    let Some(own) = cost_of(entry.who) else {
        return vec![problem(runs, driver, entry)];
    };
    let difference = own
        .difference()
        .map(|part| format!("{:.1} %", part * 100.0));
    let mut cells = vec![
        short(own.mean()),
        difference.unwrap_or_else(|| "one run".to_owned()),
    ];
    let ratios = entry.who.rivals().into_iter().take(rivals).map(|rival| {
        let ratio = cost_of(rival).map(|rival| format!("{:.2}", own.mean() / rival.mean()));
        ratio.unwrap_or_default()
    });
    cells.extend(ratios);
    cells.resize(2 + rivals, String::new());
    cells.extend(more.iter().map(|(_, name)| {
        let figure = figures(runs, driver, entry.job, entry.who, name);
        figure.map_or_else(String::new, |it| format!("{:.1}", it.mean()))
    }));
    cells
}

/// Why there is no figure, in a word or two. The full reason is in the run's file.
fn problem(runs: &[Run], driver: &str, entry: &Entry) -> String {
    let of_driver = runs.iter().filter(|run| run.driver == driver);
    let mut counts = of_driver.filter_map(|run| run.count(entry.job, &entry.who.name()));
    let problem = counts.find_map(|count| count.problem.as_deref());
    match problem {
        Some(problem) if problem.contains("installed") => "not installed",
        Some(_) => "failed",
        None => "–",
    }
    .to_owned()
}

fn flags(runs: &[Run]) -> String {
    let mut table = Table::new([
        "job",
        "card",
        "kicks per 1,000",
        "packets a kick",
        "wakes per 1,000",
        "system calls per 1,000",
    ]);
    let who = Who::Xskit(plan::Mode::ZeroCopy, "rustix");
    for job in JOBS {
        for driver in drivers(runs) {
            let figure = |name| {
                let counted = figures(runs, driver, job, who, name);
                counted.map_or_else(|| "–".to_owned(), |it| format!("{:.1}", it.mean()))
            };
            if figures(runs, driver, job, who, CALLS).is_some() {
                let cells = [KICKS, PER_KICK, WAKES, CALLS].map(figure);
                let start = [job.to_owned(), format!("{driver}, zero-copy")];
                table.row(start.into_iter().chain(cells));
            }
        }
    }
    table.markdown()
}

fn run(runs: &[Run]) -> String {
    let Some(first) = runs.first() else {
        return String::new();
    };
    let boots = runs.iter().filter(|run| run.driver == first.driver).count();
    let (drivers, kernel) = (drivers(runs).join(" and "), &first.kernel);
    format!(
        "Counted in an emulated machine with one CPU, Linux {kernel}, cards: {drivers}; boots of each: {boots}.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counted::Count;
    use crate::counted::plan::Mode;
    use crate::counted::{MILLIONS, PER_PACKET};
    use crate::figures::Figures;

    fn count(job: &str, who: Who, figure: f64) -> Count {
        Count {
            job: job.to_owned(),
            way: who.name(),
            figures: Some(Figures::of([(PER_PACKET, figure), (MILLIONS, figure)])),
            problem: None,
        }
    }

    fn run(counts: Vec<Count>) -> Run {
        Run {
            driver: "igb".to_owned(),
            kernel: "7".to_owned(),
            counts,
        }
    }

    fn line<'t>(table: &'t str, job: &str, way: &str) -> &'t str {
        let start = format!("| {job} | {way} |");
        let found = table.lines().find_map(|line| line.strip_prefix(&start));
        found.unwrap_or_else(|| panic!("{start} in {table}")).trim()
    }

    #[test]
    fn receivers_are_compared_without_the_sender() {
        let xskit = Who::Xskit(Mode::ZeroCopy, "rustix");
        let boot = |ours| {
            run(vec![
                count("rx", xskit, ours),
                count("rx", Who::Xdpsock(Mode::ZeroCopy), 1400.0),
                count("rx", Who::Sender, 1000.0),
                count("tx", xskit, 200.0),
            ])
        };
        let made = table(&[boot(1199.0), boot(1201.0)], "counted").expect("a table");
        assert_eq!(line(&made, "rx", &xskit.name()), "200 | 1.0 % | 0.50 |");
        assert_eq!(line(&made, "rx", &Who::Sender.name()), "1000 | 0.0 % |  |");
        assert_eq!(line(&made, "tx", &xskit.name()), "200 | 0.0 % |  |");
    }

    #[test]
    fn a_missing_count_has_its_reason() {
        let problem = |who: Who, problem: &str| Count {
            figures: None,
            problem: Some(problem.to_owned()),
            ..count(TRANSFER, who, 0.0)
        };
        let curl = Who::ToCurl(Mode::Copy, "uring");
        let runs = [run(vec![
            problem(Who::Nginx, "nginx is not installed"),
            problem(curl, "it ended"),
        ])];
        let made = table(&runs, "counted-transfer").expect("a table");
        assert_eq!(
            line(&made, TRANSFER, "nginx to curl"),
            "not installed |  |  |  |"
        );
        assert_eq!(line(&made, TRANSFER, &curl.name()), "failed |  |  |  |");
        assert_eq!(table(&runs, "counted-far"), Some(String::new()));
        assert_eq!(table(&[], "counted"), Some(String::new()));
        assert_eq!(table(&runs, "another"), None);
        assert!(NAMES.iter().all(|name| table(&runs, name).is_some()));
    }
}
