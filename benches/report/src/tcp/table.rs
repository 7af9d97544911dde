//! The tables of a run, by the names of their marks.

use super::run::{
    ALONE, BESIDE, BESIDE_NGINX, CALLS, FULL, IDLE, IDLE_JOB, MEMORY, PER_CPU, PER_GB, PROTOCOLS,
    RATE, SPEED, TIMES,
};
use super::server::NGINX;
use crate::results::Column::{self, Figure, To};
use crate::results::{Results, comparison};

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
pub(crate) fn table(results: &Results, name: &str) -> Option<String> {
    let there = |job: &&'static str| Some((*job, results.group(job)?));
    let of = |titles: &[&str], jobs: &[&'static str], columns: &[Column]| {
        let jobs: Vec<_> = jobs.iter().filter_map(there).collect();
        comparison(titles, &jobs, columns)
    };
    let of_protocols = |columns: &[Column]| of(&["protocol", "way"], &PROTOCOLS, columns);
    Some(match name {
        "tcp-run" => results.description(", over veth. Rounds: "),
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
    use crate::results::tests::results;

    #[test]
    fn every_table_is_there_and_empty_without_a_measurement() {
        let nothing = results(Vec::new());
        let empty = |name: &&str| table(&nothing, name).as_deref() == Some("");
        assert!(NAMES.iter().all(empty));
        assert_eq!(table(&nothing, "another"), None);
    }
}
