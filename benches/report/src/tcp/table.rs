//! The tables of a run, by the names of their marks.

use super::run::{
    ALONE, BESIDE, BESIDE_NGINX, CALLS, FULL, IDLE, IDLE_JOB, MEMORY, PER_CPU, PER_GB, PROTOCOLS,
    RATE, SPEED, TIMES,
};
use super::server::NGINX;
use crate::results::Column::{self, Figure, To};
use crate::results::{Group, comparison};

pub(crate) const NAMES: [&str; 6] = [
    "tcp-run",
    "tcp-requests",
    "tcp-times",
    "tcp-downloads",
    "tcp-idle",
    "tcp-beside",
];

const REQUESTS: [Column; 5] = [
    Figure("requests a second", RATE, 1.0),
    To("to nginx", RATE, NGINX),
    Figure("requests a CPU second", PER_CPU, 1.0),
    To("to nginx", PER_CPU, NGINX),
    Figure("system calls a request", CALLS, 1.0),
];

const P50: Column = Figure("p50, µs", TIMES[0], 1.0);
const P99: Column = Figure("p99, µs", TIMES[1], 1.0);

const AT_TIMES: [Column; 5] = [
    P50,
    P99,
    To("to nginx", TIMES[1], NGINX),
    Figure("p50 at full load, µs", FULL[0], 1.0),
    Figure("p99 at full load, µs", FULL[1], 1.0),
];

const DOWNLOADS: [Column; 3] = [
    Figure("GB a second", SPEED, 1.0),
    Figure("CPU s a GB", PER_GB, 1.0),
    To("to nginx", PER_GB, NGINX),
];

const IDLE_CONNECTIONS: [Column; 5] = [
    Figure("KiB a connection", MEMORY, 1.0),
    To("to nginx", MEMORY, NGINX),
    Figure("CPU ms a second", IDLE, 1.0),
    P50,
    P99,
];

const HTTP3_BESIDE: [Column; 5] = [
    P50,
    P99,
    To("p99 to that alone", TIMES[1], ALONE),
    To("p99 to that beside nginx", TIMES[1], BESIDE_NGINX),
    Figure("TCP's requests a second", RATE, 1.0),
];

/// A table by its name, empty where nothing of it was measured; `None` for an unknown name.
pub(crate) fn table(groups: &[Group], machine: &str, name: &str) -> Option<String> {
    let there = |job: &&'static str| Some((*job, groups.iter().find(|group| group.id == *job)?));
    let of = |titles: &[&str], jobs: &[&'static str], columns: &[Column]| {
        let jobs: Vec<_> = jobs.iter().filter_map(there).collect();
        comparison(titles, &jobs, columns)
    };
    let of_protocols = |columns: &[Column]| of(&["protocol", "way"], &PROTOCOLS, columns);
    Some(match name {
        "tcp-run" => {
            let all = groups.iter().flat_map(|group| &group.series);
            let rounds = all.map(|series| series.samples.len()).max();
            rounds.map_or_else(String::new, |rounds| {
                format!("The tables are of a {machine}, over veth. Rounds: {rounds}.\n")
            })
        }
        "tcp-requests" => of_protocols(&REQUESTS),
        "tcp-times" => of_protocols(&AT_TIMES),
        "tcp-downloads" => of_protocols(&DOWNLOADS),
        "tcp-idle" => of(&["way"], &[IDLE_JOB], &IDLE_CONNECTIONS),
        "tcp-beside" => of(&["beside"], &[BESIDE], &HTTP3_BESIDE),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::Figures;
    use crate::results::add;

    #[test]
    fn ways_are_compared_round_by_round() {
        let mut groups = Vec::new();
        let mut sample =
            |way, rate| add(&mut groups, PROTOCOLS[1], way, Figures::of([(RATE, rate)]));
        sample("xskit, tokio", 100.0);
        sample("nginx", 200.0);
        sample("nginx", 2000.0);
        sample("xskit, tokio", 1000.0);
        let made = table(&groups, "machine", "tcp-requests").expect("a table");
        let start = "| HTTP/2 | xskit, tokio | 550 (190 to 910) | 0.50 (0.50 to 0.50) | – |";
        assert!(made.contains(start), "{made}");
        assert!(
            made.contains("| HTTP/2 | nginx | 1100 (380 to 1820) |  | – |"),
            "{made}"
        );
        let run = table(&groups, "machine", "tcp-run");
        assert_eq!(
            run.as_deref(),
            Some("The tables are of a machine, over veth. Rounds: 2.\n")
        );
        assert_eq!(table(&groups, "", "another"), None);
        assert!(
            NAMES
                .iter()
                .all(|name| table(&[], "", name).as_deref() == Some(""))
        );
    }
}
