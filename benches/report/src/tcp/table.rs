//! The tables of a run, by the names of their marks.

use xskit_rivals::spread::Spread;

use super::run::{
    ALONE, BESIDE, BESIDE_NGINX, CALLS, FULL, IDLE, IDLE_JOB, MEMORY, PER_CPU, PER_GB, PROTOCOLS,
    RATE, SPEED, Sample, TIMES,
};
use crate::table::{Table, cell};

/// The names of the tables.
pub const NAMES: [&str; 6] = [
    "tcp-run",
    "tcp-requests",
    "tcp-times",
    "tcp-downloads",
    "tcp-idle",
    "tcp-beside",
];

/// A table by its name, empty where nothing of it was measured; nothing where the name is unknown.
#[must_use]
pub fn table(samples: &[Sample], machine: &str, name: &str) -> Option<String> {
    let nginx = "nginx";
    let plain = |title, figure| (title, figure, None);
    let to_nginx = |figure| ("to nginx", figure, Some(nginx));
    let rows = |jobs: &[&'static str], titles, columns: &[Column]| {
        comparison(samples, jobs, titles, columns)
    };
    Some(match name {
        "tcp-run" => {
            let rounds = samples.iter().map(|sample| sample.round + 1).max();
            rounds.map_or_else(String::new, |rounds| {
                format!("{machine} Rounds: {rounds}.\n")
            })
        }
        "tcp-requests" => rows(
            &PROTOCOLS,
            "way",
            &[
                plain("requests a second", RATE),
                to_nginx(RATE),
                plain("requests a CPU second", PER_CPU),
                to_nginx(PER_CPU),
                plain("system calls a request", CALLS),
            ],
        ),
        "tcp-times" => rows(
            &PROTOCOLS,
            "way",
            &[
                plain("p50, µs", TIMES[0]),
                plain("p99, µs", TIMES[1]),
                to_nginx(TIMES[1]),
                plain("p50 at full load, µs", FULL[0]),
                plain("p99 at full load, µs", FULL[1]),
            ],
        ),
        "tcp-downloads" => rows(
            &PROTOCOLS,
            "way",
            &[
                plain("GB a second", SPEED),
                plain("CPU s a GB", PER_GB),
                to_nginx(PER_GB),
            ],
        ),
        "tcp-idle" => rows(
            &[IDLE_JOB],
            "way",
            &[
                plain("KiB a connection", MEMORY),
                to_nginx(MEMORY),
                plain("CPU ms a second", IDLE),
                plain("p50, µs", TIMES[0]),
                plain("p99, µs", TIMES[1]),
            ],
        ),
        "tcp-beside" => rows(
            &[BESIDE],
            "beside",
            &[
                plain("p50, µs", TIMES[0]),
                plain("p99, µs", TIMES[1]),
                ("p99 to that alone", TIMES[1], Some(ALONE)),
                ("p99 to that beside nginx", TIMES[1], Some(BESIDE_NGINX)),
                plain("TCP's requests a second", RATE),
            ],
        ),
        _ => return None,
    })
}

/// A title, a figure, and the way that its ratio is to.
type Column = (&'static str, &'static str, Option<&'static str>);

fn comparison(
    samples: &[Sample],
    jobs: &[&'static str],
    way_title: &str,
    columns: &[Column],
) -> String {
    let mut titles = if jobs.len() > 1 {
        vec!["protocol"]
    } else {
        vec![]
    };
    titles.push(way_title);
    titles.extend(columns.iter().map(|(title, ..)| *title));
    let mut table = Table::new(&titles);
    for job in jobs {
        for way in ways(samples, job) {
            let cells = columns.iter().map(|(_, figure, base)| {
                let own = of(samples, job, &way, figure);
                match base {
                    None => cell((!own.is_empty()).then(|| Spread::of(own))),
                    // To itself it is 1, and HTTP/3 has no nginx.
                    Some(base) if *base == way => String::new(),
                    Some(base) => {
                        let base = of(samples, job, base, figure);
                        let is_paired = !own.is_empty() && own.len() == base.len();
                        cell(is_paired.then(|| Spread::of_ratios(&own, &base)))
                    }
                }
            });
            let start = if jobs.len() > 1 {
                vec![(*job).to_owned()]
            } else {
                vec![]
            };
            table.row(start.into_iter().chain([way.clone()]).chain(cells));
        }
    }
    table.markdown_of_any()
}

/// Those of a job, as they were in the first round.
fn ways(samples: &[Sample], job: &str) -> Vec<String> {
    let of_job = samples.iter().filter(|it| it.job == job && it.round == 0);
    of_job.map(|sample| sample.way.clone()).collect()
}

/// A figure, round by round.
fn of(samples: &[Sample], job: &str, way: &str, figure: &str) -> Vec<f64> {
    let of_way = samples.iter().filter(|it| it.job == job && it.way == way);
    of_way
        .filter_map(|sample| sample.figures.get(figure))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Figures;

    #[test]
    fn ways_are_compared_round_by_round() {
        let sample = |way: &str, round, rate| Sample {
            job: PROTOCOLS[1],
            way: way.to_owned(),
            round,
            figures: Figures::of([(RATE, rate)]),
        };
        let samples = [
            sample("xskit, tokio", 0, 100.0),
            sample("nginx", 0, 200.0),
            sample("nginx", 1, 2000.0),
            sample("xskit, tokio", 1, 1000.0),
        ];
        let made = table(&samples, "A machine.", "tcp-requests").expect("a table");
        let start = "| HTTP/2 | xskit, tokio | 550 (190 to 910) | 0.50 (0.50 to 0.50) | – |";
        assert!(made.contains(start), "{made}");
        assert_eq!(table(&samples, "", "another"), None);
        assert!(
            NAMES
                .iter()
                .all(|name| table(&[], "", name).as_deref() == Some(""))
        );
    }
}
