//! What was counted, as the answers file shows it.

use super::plan::{self, Entry, FAR, HANDSHAKES, JOBS, LOSSY, REQUESTS, TRANSFER, Who};
use super::{DROPPED, LOST, PER_PACKET, Run, SENT_AGAIN, SERVER};
use crate::figures::{CALLS, KICKS, PER_KICK, WAKES};
use crate::table::{Table, short};

/// The names of the tables, which the head-to-head leaves as they are.
pub const NAMES: [&str; 7] = [
    "counted-run",
    "counted",
    "counted-transfer",
    "counted-requests",
    "counted-servers",
    "counted-far",
    "flags-zero-copy",
];

/// The table of that name; nothing for a name that there is none of.
#[must_use]
pub fn table(runs: &[Run], name: &str) -> Option<String> {
    Some(match name {
        "counted-run" => run(runs),
        "counted" => packets(runs),
        "counted-transfer" => fetches(runs, &[TRANSFER], None),
        "counted-requests" => fetches(runs, &[REQUESTS, HANDSHAKES], None),
        "counted-servers" => fetches(runs, &[TRANSFER, REQUESTS, HANDSHAKES], Some(SERVER)),
        "counted-far" => far(runs),
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

    /// By how much the runs differ, as a part of the mean; nothing where there is one.
    fn difference(&self) -> Option<f64> {
        let (least, most) = (self.0.iter().copied())
            .fold((f64::MAX, f64::MIN), |(a, b), it| (a.min(it), b.max(it)));
        (self.0.len() > 1).then(|| (most - least) / self.mean())
    }
}

/// The drivers, in the order in which they come.
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

/// What one packet costs, without the sender where the job is to receive.
fn of_packet(runs: &[Run], driver: &str, entry: &Entry) -> Option<Counted> {
    let whole = figures(runs, driver, entry.job, entry.who, PER_PACKET)?;
    let receives = matches!(entry.job, "rx" | "fwd") && entry.who != Who::Sender;
    if !receives {
        return Some(whole);
    }
    let sender = figures(runs, driver, "rx", Who::Sender, PER_PACKET)?.mean();
    Some(Counted(whole.0.iter().map(|it| it - sender).collect()))
}

fn packets(runs: &[Run]) -> String {
    let comparison = Comparison {
        jobs: &["tx", "rx", "fwd", "ping"],
        rivals: &["xdpsock"],
        more: &[],
    };
    comparison.table(runs, |driver, entry| of_packet(runs, driver, entry))
}

/// Of whole jobs, or of `figure` instead of what is compared otherwise.
fn fetches(runs: &[Run], jobs: &[&str], figure: Option<&str>) -> String {
    let comparison = Comparison {
        jobs,
        rivals: &["nginx", "quiche"],
        more: &[],
    };
    comparison.table(runs, |driver, entry| {
        let figure = figure.unwrap_or(entry.unit());
        figures(runs, driver, entry.job, entry.who, figure)
    })
}

fn far(runs: &[Run]) -> String {
    let comparison = Comparison {
        jobs: &[FAR, LOSSY],
        rivals: &["nginx", "quiche"],
        more: &[
            ("dropped", DROPPED),
            ("taken for lost", LOST),
            ("sent again", SENT_AGAIN),
        ],
    };
    comparison.table(runs, |driver, entry| {
        figures(runs, driver, entry.job, entry.who, entry.unit())
    })
}

/// A table with these columns for each driver: the figure, by how much runs differ, what it is of each rival's, and other
/// figures.
struct Comparison<'c> {
    jobs: &'c [&'c str],
    rivals: &'c [&'c str],
    /// Their titles and names.
    more: &'c [(&'c str, &'c str)],
}

impl Comparison<'_> {
    fn table(&self, runs: &[Run], counted: impl Fn(&str, &Entry) -> Option<Counted>) -> String {
        let drivers = drivers(runs);
        let mut titles = vec!["job".to_owned(), "way".to_owned()];
        for driver in &drivers {
            titles.extend([(*driver).to_owned(), "runs differ by".to_owned()]);
            titles.extend(self.rivals.iter().map(|rival| format!("to {rival}")));
            titles.extend(self.more.iter().map(|(title, _)| (*title).to_owned()));
        }
        let titles: Vec<_> = titles.iter().map(String::as_str).collect();
        let mut table = Table::new(&titles);
        let entries = plan::entries().into_iter();
        for entry in entries.filter(|entry| self.jobs.contains(&entry.job)) {
            let mut row = vec![entry.job.to_owned(), entry.who.name()];
            for driver in &drivers {
                let mut cells = self.cells(runs, driver, &entry, &counted);
                cells.resize(2 + self.rivals.len() + self.more.len(), String::new());
                row.append(&mut cells);
            }
            table.row(row);
        }
        // Nothing of these jobs was counted: what there is stays.
        let is_of_jobs = |run: &Run| {
            let mut counts = run.counts.iter();
            counts.any(|count| self.jobs.contains(&count.job.as_str()))
        };
        if runs.iter().any(is_of_jobs) {
            table.markdown_of_any()
        } else {
            String::new()
        }
    }

    /// Of one entry on one driver; cells at the end may be missing.
    fn cells(
        &self,
        runs: &[Run],
        driver: &str,
        entry: &Entry,
        counted: impl Fn(&str, &Entry) -> Option<Counted>,
    ) -> Vec<String> {
        let Some(figure) = counted(driver, entry) else {
            return vec![problem(runs, driver, entry)];
        };
        let difference = figure.difference();
        let difference = difference.map(|part| format!("{:.1} %", part * 100.0));
        let mut cells = vec![
            short(figure.mean()),
            difference.unwrap_or_else(|| "one run".to_owned()),
        ];
        let rivals = entry.who.rivals();
        cells.extend((0..self.rivals.len()).map(|at| {
            let rival = rivals.get(at).map(|who| Entry {
                who: *who,
                ..entry.clone()
            });
            let rival = rival.and_then(|rival| counted(driver, &rival));
            let ratio = rival.map(|rival| format!("{:.2}", figure.mean() / rival.mean()));
            ratio.unwrap_or_default()
        }));
        cells.extend(self.more.iter().map(|(_, name)| {
            let figure = figures(runs, driver, entry.job, entry.who, name);
            figure.map_or_else(String::new, |it| format!("{:.1}", it.mean()))
        }));
        cells
    }
}

/// Why there is no figure, in a word or two; the reasons in full are in the runs' files.
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
    let titles = [
        "job",
        "card",
        "kicks per 1,000",
        "packets a kick",
        "wakes per 1,000",
    ];
    let mut table = Table::new(&[&titles[..], &["system calls per 1,000"]].concat());
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
    table.markdown_of_any()
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
    use crate::counted::MILLIONS;
    use crate::counted::plan::Mode;
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
    fn what_is_not_there_is_said() {
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
