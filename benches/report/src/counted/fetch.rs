//! The jobs of HTTP/3: a client in the first host fetches from a server in the second, and both
//! ends are counted.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use tempfile::TempDir;
use xskit_benches::spread::Spread;
use xskit_testbed::HostPair;

use super::bed::Bed;
use super::plan::{Entry, FAR, HANDSHAKES, LOSSY, REQUESTS, Who};
use super::servers::{self, PORT};
use super::way::{Lost, Way};
use super::{DROPPED, LOST, MILLIONS, SECONDS, SENT_AGAIN, SERVER};
use crate::figures::Figures;
use crate::program::Program;
use crate::rival::words;

/// Runs of the client that are counted together, after one that loads programs into memory.
const RUNS: u32 = 2;

/// Runs over a long way, of which the median counts. Lost packets are drawn anew for each run;
/// without loss, runs are alike.
const FAR_RUNS: u32 = 4;
const LOSSY_RUNS: u32 = 10;

/// How long a server may take to start, and its card to get its carrier.
const START: Duration = Duration::from_secs(6);

/// How long a run may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the client does in one run: a number of requests on each of a number of connections, one
/// after another.
#[derive(Clone, Copy, Debug)]
struct Errand {
    file_len: usize,
    requests: u32,
    connections: u32,
    /// The parts of a run, of which a figure is one: 100 requests, or one handshake.
    parts: u32,
}

impl Errand {
    fn of(job: &str) -> Self {
        let whole = Self {
            file_len: 8 << 20,
            requests: 1,
            connections: 1,
            parts: 1,
        };
        let file_len = 1 << 10;
        match job {
            REQUESTS => Self {
                file_len,
                requests: 200,
                parts: 2,
                ..whole
            },
            HANDSHAKES => Self {
                file_len,
                connections: 50,
                parts: 50,
                ..whole
            },
            _ => whole,
        }
    }

    /// Writes the files, which are alike, and returns their content.
    fn write(self, root: &Path) -> anyhow::Result<Vec<u8>> {
        let bytes: Vec<u8> = (0..self.file_len).map(|at| (at % 251) as u8).collect();
        for number in 1..=self.requests {
            fs::write(root.join(format!("file-{number}")), &bytes)?;
        }
        Ok(bytes)
    }

    /// Each connection uses another name of the same host.
    fn url(self, server: Ipv4Addr) -> String {
        let host = match self.connections {
            1 => server.to_string(),
            some => format!("host-[1-{some}].test"),
        };
        let file = match self.requests {
            1 => "1".to_owned(),
            some => format!("[1-{some}]"),
        };
        format!("https://{host}:{PORT}/file-{file}")
    }
}

/// Counts the runs of one entry.
pub(crate) fn count(bed: &Bed, pair: &HostPair, entry: &Entry) -> anyhow::Result<Figures> {
    let (who, errand) = (entry.who, Errand::of(entry.job));
    let folder = TempDir::new()?;
    let root = folder.path().join("root");
    fs::create_dir(&root)?;
    let bytes = errand.write(&root)?;
    let server = servers::command(bed, pair, who, folder.path())?;
    let mut server = bed.start(&pair.second, &server)?;
    thread::sleep(START);
    let file = folder.path().join("arrived");
    let mut client = match who {
        Who::Both(mode, backend) => {
            bed.xskit("get --insecure", &pair.first.link.name, (mode, backend))
        }
        _ => curl(pair.second.ipv4),
    };
    let url = errand.url(pair.second.ipv4);
    client.extend(["--output".to_owned(), file.display().to_string(), url]);
    let run = || {
        let client = bed.start(&pair.first, &client)?;
        let printed = client.finish(PATIENCE).context("the client")?;
        let arrived = fs::metadata(&file).context("the file")?.len();
        ensure!(arrived == bytes.len() as u64, "{arrived} bytes arrived");
        Ok(printed)
    };
    let is_whole = || -> anyhow::Result<()> {
        run()?;
        ensure!(fs::read(&file)? == bytes, "other bytes arrived");
        Ok(())
    };
    let long = match entry.job {
        FAR => Some((Lost::None, FAR_RUNS)),
        LOSSY => Some((Lost::OneInAHundred, LOSSY_RUNS)),
        _ => None,
    };
    let outcome = match long {
        Some(long) => far(pair, long, is_whole, run),
        None => is_whole().and_then(|()| near(bed, &server, errand, run)),
    };
    ensure!(server.is_running()?, "the server: {}", server.complaint());
    server.interrupt();
    let said = server.finish(Duration::ZERO);
    let outcome = outcome?;
    Ok(match (long, who) {
        (Some((_, runs)), Who::ToCurl(..)) => outcome.and(&of_packets(&said?, runs + 1)?),
        _ => outcome,
    })
}

/// Over the bare wire.
fn near(
    bed: &Bed,
    server: &Program,
    errand: Errand,
    run: impl Fn() -> anyhow::Result<String>,
) -> anyhow::Result<Figures> {
    let before = server.ran_ns()?;
    let counted = bed
        .meter
        .count(|| (0..RUNS).try_for_each(|_| run().map(drop)));
    let (instructions, ()) = counted?;
    let by_server = (server.ran_ns()? - before) as f64;
    let millions = |instructions| instructions / f64::from(RUNS * errand.parts) / 1e6;
    Ok(Figures::of([
        (MILLIONS, millions(instructions)),
        (SERVER, millions(by_server)),
    ]))
}

/// Over a long way.
fn far(
    pair: &HostPair,
    (lost, runs): (Lost, u32),
    first: impl Fn() -> anyhow::Result<()>,
    run: impl Fn() -> anyhow::Result<String>,
) -> anyhow::Result<Figures> {
    let way = Way::to(&pair.first, lost)?;
    first()?;
    let mut seconds = Vec::new();
    for _ in 0..runs {
        let printed = run()?;
        let taken = taken(&printed);
        seconds.push(taken.with_context(|| format!("curl printed {printed:?}"))?);
    }
    Ok(Figures::of([
        (SECONDS, Spread::of(seconds).median),
        // The way has counted the first run, too.
        (DROPPED, way.dropped()? as f64 / f64::from(runs + 1)),
    ]))
}

/// From the request to the last byte. Before that the client reads files, and the machine's clock
/// leaps while its host provides them.
fn taken(printed: &str) -> Option<f64> {
    let (begun, ended) = printed.trim().split_once(' ')?;
    Some(ended.parse::<f64>().ok()? - begun.parse::<f64>().ok()?)
}

/// From the output of `xskit serve --json` after this many transfers.
fn of_packets(printed: &str, transfers: u32) -> anyhow::Result<Figures> {
    let summary: Value = serde_json::from_str(printed).context("what xskit serve printed")?;
    let per_transfer = |name| {
        let number = summary.get(name).and_then(Value::as_f64);
        number.map_or(f64::NAN, |number| number / f64::from(transfers))
    };
    Ok(Figures::of([
        (LOST, per_transfer("packets_lost")),
        (SENT_AGAIN, per_transfer("packets_retransmitted")),
    ]))
}

/// Prints when each request began and ended. It names a key exchange that all servers have, since
/// their own choices differ in cost.
fn curl(server: Ipv4Addr) -> Vec<String> {
    let mut all = words(&format!(
        "curl --http3-only --insecure --silent --show-error --fail --fail-early --curves X25519 --resolve *:{PORT}:{server}"
    ));
    all.extend(["--write-out", "%{time_pretransfer} %{time_total}\n"].map(str::to_owned));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counted::plan::{FETCHES, TRANSFER};

    #[test]
    fn a_job_is_so_many_requests_and_connections() {
        let url = |job| Errand::of(job).url(Ipv4Addr::LOCALHOST);
        assert_eq!(url(TRANSFER), "https://127.0.0.1:4433/file-1");
        assert_eq!(url(FAR), url(TRANSFER));
        assert_eq!(url(REQUESTS), "https://127.0.0.1:4433/file-[1-200]");
        assert_eq!(url(HANDSHAKES), "https://host-[1-50].test:4433/file-1");
        for errand in FETCHES.map(Errand::of) {
            let all = errand.requests * errand.connections;
            assert_eq!(all % errand.parts, 0, "{errand:?}");
        }
    }

    #[test]
    fn a_transfer_is_timed_from_its_request() {
        assert_eq!(taken("0.125000 0.625000\n"), Some(0.5));
        assert_eq!(taken("0.125000\n"), None);
    }

    #[test]
    fn a_server_tells_of_its_packets() {
        let printed = r#"{"packets":900,"packets_lost":6,"packets_retransmitted":9}"#;
        let figures = of_packets(printed, 3).expect("a summary");
        assert_eq!(
            (figures.get(LOST), figures.get(SENT_AGAIN)),
            (Some(2.0), Some(3.0))
        );
        assert!(of_packets("serving", 3).is_err());
    }
}
