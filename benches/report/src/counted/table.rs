//! The counts, as the answers file shows them.

use super::plan::{self, Entry, FAR, HANDSHAKES, JOBS, LOSSY, REQUESTS, TRANSFER, Who};
use super::{Count, DROPPED, LOST, Run, SENT_AGAIN, SERVER};
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

/// The runs of one driver, with figures of the same count in each boot.
struct Card<'r> {
    driver: &'r str,
    runs: Vec<&'r Run>,
}

/// In the order of the runs.
fn cards(runs: &[Run]) -> Vec<Card<'_>> {
    let mut cards: Vec<Card<'_>> = Vec::new();
    for run in runs {
        match cards.iter_mut().find(|card| card.driver == run.driver) {
            Some(card) => card.runs.push(run),
            None => cards.push(Card {
                driver: &run.driver,
                runs: vec![run],
            }),
        }
    }
    cards
}

/// `None` for no figure.
fn mean(figures: &[f64]) -> Option<f64> {
    let sum: f64 = figures.iter().sum();
    (!figures.is_empty()).then_some(sum / figures.len() as f64)
}

impl Card<'_> {
    fn counts(&self, job: &str, who: Who) -> impl Iterator<Item = &Count> {
        let way = who.name();
        let counts = self.runs.iter().flat_map(|run| &run.counts);
        counts.filter(move |count| count.job == job && count.way == way)
    }

    fn figures(&self, job: &str, who: Who, figure: &str) -> Vec<f64> {
        let counts = self.counts(job, who);
        counts
            .filter_map(|count| count.figures.as_ref()?.get(figure))
            .collect()
    }

    /// Without the sender where the job is to receive packets.
    fn cost(&self, job: &str, who: Who, figure: &str) -> Vec<f64> {
        let mut all = self.figures(job, who, figure);
        if matches!(job, "rx" | "fwd") && who != Who::Sender {
            match mean(&self.figures("rx", Who::Sender, figure)) {
                Some(sender) => all.iter_mut().for_each(|it| *it -= sender),
                None => all.clear(),
            }
        }
        all
    }

    /// Why there is no figure, in a word or two. The full reason is in the run's file.
    fn problem(&self, entry: &Entry) -> &'static str {
        let mut counts = self.counts(entry.job, entry.who);
        match counts.find_map(|count| count.problem.as_deref()) {
            Some(problem) if problem.contains("installed") => "not installed",
            Some(_) => "failed",
            None => "–",
        }
    }

    /// The figure of an entry (another one if `figure` names it), by how much runs differ, its
    /// ratio to each of so many rivals, and `more` figures. Cells at the end may be missing.
    fn cells(
        &self,
        entry: &Entry,
        (rivals, more): (usize, &[(&str, &str)]),
        figure: Option<&str>,
    ) -> Vec<String> {
        let cost = |who| self.cost(entry.job, who, figure.unwrap_or(entry.unit()));
        let own = cost(entry.who);
        let Some(own_mean) = mean(&own) else {
            return vec![self.problem(entry).to_owned()];
        };
        let (least, most) = own.iter().fold((f64::MAX, f64::MIN), |(least, most), it| {
            (it.min(least), it.max(most))
        });
        let mut cells = vec![short(own_mean), "one run".to_owned()];
        if own.len() > 1 {
            cells[1] = format!("{:.1} %", (most - least) / own_mean * 100.0);
        }
        cells.extend(entry.who.rivals().into_iter().take(rivals).map(|rival| {
            let ratio = mean(&cost(rival)).map(|rival| own_mean / rival);
            ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"))
        }));
        cells.resize(2 + rivals, String::new());
        cells.extend(more.iter().map(|(_, name)| {
            let figure = mean(&self.figures(entry.job, entry.who, name));
            figure.map_or_else(String::new, |it| format!("{it:.1}"))
        }));
        cells
    }
}

/// A table with the columns of [`Card::cells`] per driver; `more` figures by title and name.
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
    let cards = cards(runs);
    let mut titles = vec!["job".to_owned(), "way".to_owned()];
    for card in &cards {
        titles.extend([card.driver, "runs differ by"].map(str::to_owned));
        titles.extend(rivals.iter().map(|rival| format!("to {rival}")));
        titles.extend(more.iter().map(|(title, _)| (*title).to_owned()));
    }
    let mut table = Table::new(titles);
    for entry in plan::entries() {
        if !jobs.contains(&entry.job) {
            continue;
        }
        let mut row = vec![entry.job.to_owned(), entry.who.name()];
        for (number, card) in (1..).zip(&cards) {
            row.extend(card.cells(&entry, (rivals.len(), more), figure));
            row.resize(2 + number * (2 + rivals.len() + more.len()), String::new());
        }
        table.row(row);
    }
    table.markdown()
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
    let cards = cards(runs);
    for job in JOBS {
        for card in &cards {
            let figure = |name| mean(&card.figures(job, who, name));
            if figure(CALLS).is_some() {
                let mut row = vec![job.to_owned(), format!("{}, zero-copy", card.driver)];
                row.extend([KICKS, PER_KICK, WAKES, CALLS].map(|name| {
                    figure(name).map_or_else(|| "–".to_owned(), |it| format!("{it:.1}"))
                }));
                table.row(row);
            }
        }
    }
    table.markdown()
}

fn run(runs: &[Run]) -> String {
    let Some(first) = runs.first() else {
        return String::new();
    };
    let (cards, kernel) = (cards(runs), &first.kernel);
    let drivers: Vec<_> = cards.iter().map(|card| card.driver).collect();
    let (drivers, boots) = (drivers.join(" and "), cards[0].runs.len());
    format!(
        "Counted in an emulated machine with one CPU, Linux {kernel}, cards: {drivers}; boots of each: {boots}.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
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
