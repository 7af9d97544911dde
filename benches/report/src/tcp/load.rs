//! The output of a load generator: h2load over TCP, and our own over HTTP/3.

use anyhow::{Context, ensure};
use serde_json::Value;
use xskit_benches::spread::percentile;

/// The outcome of a load.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Load {
    /// Answers with status 2xx.
    pub(crate) answers: f64,
    pub(crate) bytes: f64,
    pub(crate) seconds: f64,
    /// The median of the answers' times, in microseconds.
    pub(crate) p50_us: f64,
    /// Their 99th percentile.
    pub(crate) p99_us: f64,
}

impl Load {
    /// From the output of h2load 1.52, and its log.
    pub(crate) fn of_h2load(printed: &str, log: &str) -> anyhow::Result<Self> {
        let after = |start: &str| printed.lines().find_map(|line| line.strip_prefix(start));
        let requests = after("requests: ").context("h2load reports no requests")?;
        let count =
            |what| counted(requests, what).with_context(|| format!("no {what}: {requests}"));
        let answers = count("succeeded")?;
        let lost = count("failed")? + count("errored")? + count("timeout")?;
        ensure!(lost == 0.0, "TCP lost something: {requests}");
        ensure!(answers > 0.0, "no answer: {requests}");
        let took = after("finished in ").and_then(|rest| seconds(rest.split(',').next()?));
        let traffic = after("traffic: ").context("h2load reports no traffic")?;
        let bodies = traffic
            .rsplit_once(") data")
            .and_then(|(rest, _)| rest.rsplit_once('('));
        let [p50_us, p99_us] = percentiles(log);
        Ok(Self {
            answers,
            bytes: bodies
                .and_then(|(_, bytes)| bytes.parse().ok())
                .context("no bytes")?,
            seconds: took.with_context(|| format!("no time: {printed}"))?,
            p50_us,
            p99_us,
        })
    }

    /// From the output of our own client.
    pub(crate) fn of_paced(printed: &str) -> anyhow::Result<Self> {
        let report: Value = serde_json::from_str(printed).context("what paced printed")?;
        let number = |name: &str| {
            let number = report.get(name).and_then(Value::as_f64);
            number.with_context(|| format!("no {name}: {printed}"))
        };
        ensure!(number("failed")? == 0.0, "HTTP/3 lost something: {printed}");
        Ok(Self {
            answers: number("answers")?,
            bytes: number("bytes")?,
            seconds: number("seconds")?,
            p50_us: number("p50_us")?,
            p99_us: number("p99_us")?,
        })
    }
}

/// `12 succeeded` of `15 total, 12 succeeded, …`.
fn counted(list: &str, what: &str) -> Option<f64> {
    let mut items = list.split(", ");
    items.find_map(|item| item.strip_suffix(what)?.trim().parse().ok())
}

/// A time with h2load's unit.
fn seconds(time: &str) -> Option<f64> {
    let units = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0)];
    units.into_iter().find_map(|(unit, factor)| {
        let number: f64 = time.trim().strip_suffix(unit)?.parse().ok()?;
        Some(number * factor)
    })
}

/// Median and 99th percentile of a log of h2load: start, status and microseconds, one line per
/// request.
fn percentiles(log: &str) -> [f64; 2] {
    let times = log
        .lines()
        .filter_map(|line| line.split('\t').nth(2)?.parse().ok());
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    [50.0, 99.0].map(|percent| percentile(&times, percent))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\nfinished in 1.50s, 666.67 req/s, 900.00KB/s\n\
        requests: 1000 total, 1000 started, 1000 done, 1000 succeeded, 0 failed, 0 errored, 0 timeout\n\
        status codes: 1000 2xx, 0 3xx, 0 4xx, 0 5xx\n\
        traffic: 1.07MB (1125000) total, 8.06KB (8250) headers (space savings 95.14%), 1000.00KB (1024000) data\n";

    #[test]
    fn what_h2load_says_is_taken_apart() {
        let log: String = (1..=100)
            .rev()
            .map(|us| format!("17\t200\t{us}\n"))
            .collect();
        let load = Load::of_h2load(PRINTED, &log).expect("a load");
        let expected = Load {
            answers: 1000.0,
            bytes: 1_024_000.0,
            seconds: 1.5,
            p50_us: 50.0,
            p99_us: 99.0,
        };
        assert_eq!(load, expected);
        assert_eq!(seconds("812.50ms"), Some(0.8125));
        let lossy = PRINTED.replace("0 failed", "3 failed");
        assert!(Load::of_h2load(&lossy, "").is_err());
        assert!(Load::of_h2load("", "").is_err());
    }

    #[test]
    fn what_our_client_says_is_taken_apart() {
        let printed =
            r#"{"answers":9,"bytes":90,"failed":0,"seconds":2.0,"p50_us":5.5,"p99_us":7}"#;
        let load = Load::of_paced(printed).expect("a load");
        assert_eq!((load.answers, load.p50_us, load.p99_us), (9.0, 5.5, 7.0));
        assert!(Load::of_paced(&printed.replace("\"failed\":0", "\"failed\":1")).is_err());
    }
}
