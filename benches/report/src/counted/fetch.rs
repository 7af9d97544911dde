//! The jobs of HTTP/3: what a client in the first host fetches from a server in the second, both ends counted.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use tempfile::TempDir;
use xskit_testbed::HostPair;

use super::bed::Bed;
use super::plan::{Entry, FAR, HANDSHAKES, LOSSY, REQUESTS, Who};
use super::servers::{self, PORT, driven};
use super::way::{Lost, Way};
use super::{DROPPED, LOST, MILLIONS, SECONDS, SENT_AGAIN, SERVER};
use crate::figures::Figures;
use crate::program::Program;

/// Runs of the client that are counted together, after one that isn't: it brings programs into memory.
const RUNS: u32 = 2;

/// Runs over a long way, the median of which counts.
const FAR_RUNS: usize = 10;

/// A server's start, with that of a card's carrier.
const START: Duration = Duration::from_secs(6);

/// How long a run may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the client does in one run: this many requests on each of this many connections, one after another.
#[derive(Clone, Copy, Debug)]
struct Errand {
    file_len: usize,
    requests: u32,
    connections: u32,
    /// The figures are of so many parts of a run: of 100 requests, or of one handshake.
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

    /// Each connection is to a host of its own name, all of which are the same host.
    fn url(self, pair: &HostPair) -> String {
        let host = match self.connections {
            1 => pair.second.ipv4.to_string(),
            some => format!("host-[1-{some}].test"),
        };
        let file = match self.requests {
            1 => "1".to_owned(),
            some => format!("[1-{some}]"),
        };
        format!("https://{host}:{PORT}/file-{file}")
    }
}

/// Counts some runs.
///
/// # Errors
/// Where a program fails, or a file doesn't arrive.
pub fn count(bed: &Bed, pair: &HostPair, entry: &Entry) -> anyhow::Result<Figures> {
    let (who, errand) = (entry.who, Errand::of(entry.job));
    let folder = TempDir::new()?;
    let root = folder.path().join("root");
    fs::create_dir(&root)?;
    let bytes: Vec<u8> = (0..errand.file_len).map(|at| (at % 251) as u8).collect();
    for number in 1..=errand.requests {
        fs::write(root.join(format!("file-{number}")), &bytes)?;
    }
    let server = servers::command(bed, pair, who, folder.path())?;
    let mut server = bed.start(&pair.second, &server)?;
    thread::sleep(START);
    let file = folder.path().join("arrived");
    let client = match who {
        Who::Both(mode, backend) => get(bed, pair, &file, (mode, backend)),
        _ => curl(&errand.url(pair), pair, &file),
    };
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
    let outcome = match entry.job {
        FAR => far(pair, Lost::None, is_whole, run),
        LOSSY => far(pair, Lost::OneInAHundred, is_whole, run),
        _ => is_whole().and_then(|()| near(bed, &server, errand, run)),
    };
    ensure!(server.is_running()?, "the server: {}", server.complaint());
    server.interrupt();
    let said = server.finish(Duration::ZERO);
    let outcome = outcome?;
    Ok(match (entry.job, who) {
        (FAR | LOSSY, Who::ToCurl(..)) => outcome.and(&of_packets(&said?)?),
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

/// Over a long way, in the client's time.
fn far(
    pair: &HostPair,
    lost: Lost,
    first: impl Fn() -> anyhow::Result<()>,
    run: impl Fn() -> anyhow::Result<String>,
) -> anyhow::Result<Figures> {
    let way = Way::to(&pair.first, lost)?;
    first()?;
    let mut seconds = Vec::new();
    for _ in 0..FAR_RUNS {
        let printed = run()?;
        let time = printed.trim().parse::<f64>();
        seconds.push(time.with_context(|| format!("curl printed {printed:?}"))?);
    }
    seconds.sort_by(f64::total_cmp);
    let half = FAR_RUNS / 2;
    Ok(Figures::of([
        (SECONDS, f64::midpoint(seconds[half - 1], seconds[half])),
        (DROPPED, way.dropped()? as f64 / of_all_runs()),
    ]))
}

/// The server and the way know of the first run, too.
fn of_all_runs() -> f64 {
    (FAR_RUNS + 1) as f64
}

/// Of what `xskit serve --json` prints.
fn of_packets(printed: &str) -> anyhow::Result<Figures> {
    let summary: Value = serde_json::from_str(printed).context("what xskit serve printed")?;
    let number = |name| {
        summary
            .get(name)
            .and_then(Value::as_f64)
            .unwrap_or(f64::NAN)
    };
    Ok(Figures::of([
        (LOST, number("packets_lost") / of_all_runs()),
        (SENT_AGAIN, number("packets_retransmitted") / of_all_runs()),
    ]))
}

fn get(bed: &Bed, pair: &HostPair, file: &Path, how: (super::plan::Mode, &str)) -> Vec<String> {
    let mut words = bed.xskit(&["get", "--insecure"], &pair.first.link.name);
    words.push(format!("--output={}", file.display()));
    driven(&mut words, how);
    words.push(Errand::of(super::plan::TRANSFER).url(pair));
    words
}

/// It prints how long each request took, from looking its host up. A key exchange that all servers have is named, since
/// what they would choose costs one more than another.
fn curl(url: &str, pair: &HostPair, file: &Path) -> Vec<String> {
    let resolve = format!("*:{PORT}:{}", pair.second.ipv4);
    let file = file.display().to_string();
    [
        "curl",
        "--http3-only",
        "--insecure",
        "--silent",
        "--show-error",
        "--fail",
        "--fail-early",
        "--curves",
        "X25519",
        "--write-out",
        "%{time_total}\n",
        "--resolve",
        &resolve,
        "--output",
        &file,
        url,
    ]
    .map(str::to_owned)
    .to_vec()
}
