//! The jobs: requests, downloads, idle connections, and HTTP/3 beside TCP. Each round does every job with every way once.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::load::Load;
use super::server::{Bed, Calls, LARGE, PORT, SMALL, Way, memory};
use crate::figures::Figures;
use crate::program::Program;

/// Answers a second.
pub const RATE: &str = "answers a second";
/// Answers for each second of the server's processor time.
pub const PER_CPU: &str = "answers a CPU second";
/// System calls for each answer.
pub const CALLS: &str = "system calls an answer";
/// Times at full load, in microseconds, and at a steady thousand a second.
pub const FULL: [&str; 2] = ["p50 at full load", "p99 at full load"];
/// See [`FULL`].
pub const TIMES: [&str; 2] = ["p50", "p99"];
/// Gigabytes a second.
pub const SPEED: &str = "GB a second";
/// Seconds of the server's processor time for each gigabyte.
pub const PER_GB: &str = "CPU seconds a GB";
/// Memory of each idle connection, in KiB.
pub const MEMORY: &str = "KiB a connection";
/// Processor time with idle connections, in milliseconds for each second.
pub const IDLE: &str = "CPU ms a second";

/// Jobs with idle connections, and of HTTP/3 beside TCP.
pub const IDLE_JOB: &str = "idle";
/// See [`IDLE_JOB`].
pub const BESIDE: &str = "beside";
/// HTTP/3's way, where it is alone.
pub const ALONE: &str = "nothing";
/// Its way beside the TCP of another server.
pub const BESIDE_NGINX: &str = "TCP of nginx";

/// Answers a second of a load that is none: ten connections, or one of HTTP/3.
const STEADY: u32 = 1000;
/// Idle connections.
const CONNECTIONS: u32 = 1000;
/// How long idle connections are left to come about, and how long they stay.
const ARRIVAL: Duration = Duration::from_secs(4);
const STAY: Duration = Duration::from_secs(9);
/// How long TCP has its load before HTTP/3 has its own.
const LEAD: Duration = Duration::from_millis(500);
/// Requests that take TCP longer than that, however fast it is.
const AT_LEAST: u32 = 60_000;
/// More than any load takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one way came to at one job in one round.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The job: a protocol, or one of the others.
    pub job: &'static str,
    /// The way's name.
    pub way: String,
    /// In which round.
    pub round: usize,
    /// What was measured.
    pub figures: Figures,
}

/// The protocols, and the name of what is downloaded by them.
pub const PROTOCOLS: [&str; 3] = ["HTTP/1.1", "HTTP/2", "HTTP/3"];

/// How long it takes.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Rounds.
    pub rounds: usize,
    /// Requests of 1 KiB at full load, over TCP; half as many over HTTP/3, and a fiftieth at a steady rate.
    pub requests: u32,
    /// Downloads of each protocol.
    pub downloads: u32,
    /// Whether idle connections are among the jobs.
    pub idle: bool,
}

/// Runs all rounds.
///
/// # Errors
/// The first failure: a figure without its rivals says nothing.
pub fn run(bed: &Bed, extent: Extent) -> anyhow::Result<Vec<Sample>> {
    let ways = [
        Way::Kernel("tokio"),
        Way::Kernel("uring"),
        Way::Nginx,
        Way::Xdp(Some("tokio")),
    ];
    let mut samples = Vec::new();
    for round in 0..extent.rounds {
        let mut keep = |job, way: String, figures| {
            eprintln!("round {}: {job}, {way}", round + 1);
            samples.push(Sample {
                job,
                way,
                round,
                figures,
            });
        };
        for turn in 0..ways.len() {
            // Nobody is always the first.
            let way = ways[(turn + round) % ways.len()];
            let one = |error: anyhow::Error| error.context(way.name());
            for (job, figures) in of_way(bed, way, extent).map_err(one)? {
                let way = if job == PROTOCOLS[2] {
                    "xskit, AF_XDP".to_owned()
                } else {
                    way.name()
                };
                keep(job, way, figures);
            }
        }
        let rivals = [
            (ALONE, None),
            (
                "TCP of the same server, tokio",
                Some(Way::Xdp(Some("tokio"))),
            ),
            (
                "TCP of the same server, io_uring",
                Some(Way::Xdp(Some("uring"))),
            ),
            (BESIDE_NGINX, Some(Way::Nginx)),
        ];
        for (name, rival) in rivals {
            let figures = beside(bed, rival, extent.requests).context(name)?;
            keep(BESIDE, name.to_owned(), figures);
        }
    }
    Ok(samples)
}

/// What a way does: TCP's protocols, and HTTP/3 where it is over AF_XDP.
fn of_way(bed: &Bed, way: Way, extent: Extent) -> anyhow::Result<Vec<(&'static str, Figures)>> {
    let server = bed.serve(way)?;
    let mut done = Vec::new();
    for job in &PROTOCOLS[..2] {
        done.push((*job, protocol(bed, &server, job, extent)?));
    }
    if let Way::Xdp(_) = way {
        done.push((PROTOCOLS[2], protocol(bed, &server, PROTOCOLS[2], extent)?));
    } else if extent.idle {
        done.push((IDLE_JOB, idle(bed, &server)?));
    }
    end(server, way)?;
    Ok(done)
}

/// Requests at full load, at a steady rate and with their system calls counted; then downloads.
fn protocol(bed: &Bed, server: &Program, job: &str, extent: Extent) -> anyhow::Result<Figures> {
    let requests = extent.requests;
    load(bed, &full(bed, job, requests / 20))?;
    let (at_full, cpu) = costing(server, || load(bed, &full(bed, job, requests)))?;
    let steady = load(bed, &steady(bed, job, STEADY, requests / 50))?;
    let calls = Calls::of(server.pid(), bed.folder.path())?;
    let counted = load(bed, &full(bed, job, requests / 4))?;
    let calls = calls.count()?;
    let (downloads, download_cpu) = costing(server, || load(bed, &downloads(bed, job, extent)))?;
    ensure!(
        downloads.bytes >= LARGE.1 as f64,
        "{} bytes of downloads",
        downloads.bytes
    );
    Ok(Figures::of([
        (RATE, at_full.answers / at_full.seconds),
        (PER_CPU, at_full.answers / cpu),
        (CALLS, calls / counted.answers),
        (FULL[0], at_full.p50_us),
        (FULL[1], at_full.p99_us),
        (TIMES[0], steady.p50_us),
        (TIMES[1], steady.p99_us),
        (SPEED, downloads.bytes / 1e9 / downloads.seconds),
        (PER_GB, download_cpu / (downloads.bytes / 1e9)),
    ]))
}

/// What the server's threads took of their processor meanwhile, in seconds.
fn costing<T>(
    server: &Program,
    work: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<(T, f64)> {
    let before = server.ran_ns()?;
    let done = work()?;
    Ok((done, server.ran_ns()?.saturating_sub(before) as f64 / 1e9))
}

/// Idle connections of h2load: each asks once, and again when all is over.
fn idle(bed: &Bed, server: &Program) -> anyhow::Result<Figures> {
    let script = bed.folder.path().join("script");
    let url = url(bed, SMALL.0);
    fs::write(&script, format!("0\t{url}\n{}\t{url}\n", STAY.as_millis()))?;
    let before = memory(server.pid())?;
    let mut words = h2load(
        bed,
        PROTOCOLS[1],
        &["--clients", &CONNECTIONS.to_string()],
        "idle-log",
    );
    words.truncate(words.len() - 1);
    words.push(format!("--timing-script-file={}", script.display()));
    let mut connections = bed.client(&words)?;
    thread::sleep(ARRIVAL);
    ensure!(
        connections.is_running()?,
        "idle connections: {}",
        connections.complaint()
    );
    let kept = (memory(server.pid())? - before) / f64::from(CONNECTIONS) / 1024.0;
    let rest = Duration::from_secs(2);
    let ((), cpu) = costing(server, || {
        thread::sleep(rest);
        Ok(())
    })?;
    let beside = load(bed, &steady(bed, PROTOCOLS[1], STEADY, 2 * STEADY))?;
    ensure!(
        connections.is_running()?,
        "idle connections have ended too early"
    );
    // What each got the first time: all of them are there.
    let printed = connections.finish(PATIENCE)?;
    let all = Load::of_h2load(&printed, "")?.answers;
    ensure!(
        all == f64::from(2 * CONNECTIONS),
        "of idle connections: {all} answers"
    );
    Ok(Figures::of([
        (MEMORY, kept),
        (IDLE, cpu * 1e3 / rest.as_secs_f64()),
        (TIMES[0], beside.p50_us),
        (TIMES[1], beside.p99_us),
    ]))
}

/// HTTP/3 over AF_XDP at a steady rate, while TCP of `rival` gets all that it can answer.
fn beside(bed: &Bed, rival: Option<Way>, requests: u32) -> anyhow::Result<Figures> {
    let own = match rival {
        Some(Way::Nginx) => Way::Xdp(None),
        Some(way) => way,
        None => Way::Xdp(Some("tokio")),
    };
    // Where there is no TCP of its own, nginx must be there first to be seen.
    let nginx = match rival {
        Some(Way::Nginx) => Some(bed.serve(Way::Nginx)?),
        _ => None,
    };
    let server = bed.serve(own)?;
    // Until its socket is open.
    thread::sleep(Duration::from_millis(500));
    let steady = |count| steady(bed, PROTOCOLS[2], STEADY / 2, count);
    let before = load(bed, &steady(100))?;
    let log = bed.folder.path().join("log");
    let saturating = match rival {
        Some(_) => Some(bed.client(&full(bed, PROTOCOLS[1], AT_LEAST + 3 * requests))?),
        None => None,
    };
    thread::sleep(LEAD);
    let http3 = load(bed, &steady(requests / 60))?;
    let mut rate = f64::NAN;
    if let Some(mut saturating) = saturating {
        ensure!(saturating.is_running()?, "TCP was done before HTTP/3 was");
        let printed = saturating.finish(PATIENCE)?;
        let tcp = Load::of_h2load(&printed, &fs::read_to_string(&log)?)?;
        rate = tcp.answers / tcp.seconds;
    }
    drop(nginx);
    let summary = end(server, own)?.context("no summary of xskit")?;
    // All by its QUIC worker, and by nobody else.
    let answered = summary.get("requests").and_then(Value::as_f64);
    ensure!(
        answered == Some(before.answers + http3.answers),
        "HTTP/3 was answered by another: {summary}"
    );
    Ok(Figures::of([
        (TIMES[0], http3.p50_us),
        (TIMES[1], http3.p99_us),
        (RATE, rate),
    ]))
}

/// Ends a server; what xskit tells at its end.
fn end(mut server: Program, way: Way) -> anyhow::Result<Option<Value>> {
    ensure!(server.is_running()?, "it has ended: {}", server.complaint());
    if way == Way::Nginx {
        return Ok(None);
    }
    server.interrupt();
    let printed = server.finish(Duration::from_secs(5))?;
    let summary = serde_json::from_str(&printed);
    Ok(Some(summary.with_context(|| {
        format!("xskit serve printed {printed}")
    })?))
}

/// Runs a client to its end, and reads what it says.
fn load(bed: &Bed, words: &[String]) -> anyhow::Result<Load> {
    let printed = bed.client(words)?.finish(PATIENCE)?;
    if words[0] != "h2load" {
        return Load::of_paced(&printed);
    }
    Load::of_h2load(
        &printed,
        &fs::read_to_string(bed.folder.path().join("log"))?,
    )
}

/// As much as the server takes.
fn full(bed: &Bed, job: &str, requests: u32) -> Vec<String> {
    let count = format!("-n{requests}");
    match job {
        "HTTP/1.1" => h2load(bed, job, &["-c64", "-m1", &count], "log"),
        "HTTP/2" => h2load(bed, job, &["-c16", "-m8", &count], "log"),
        _ => paced(bed, SMALL.0, requests / 2, ("outstanding", 64)),
    }
}

fn steady(bed: &Bed, job: &str, rate: u32, requests: u32) -> Vec<String> {
    let (count, each) = (format!("-n{requests}"), format!("--rps={}", rate / 10));
    match job {
        "HTTP/3" => paced(bed, SMALL.0, requests, ("rate", rate)),
        _ => h2load(bed, job, &["-c10", "-m1", &each, &count], "log"),
    }
}

/// Four at a time; over HTTP/3 by one connection.
fn downloads(bed: &Bed, job: &str, extent: Extent) -> Vec<String> {
    if job == PROTOCOLS[2] {
        return paced(bed, LARGE.0, extent.downloads, ("outstanding", 4));
    }
    let count = format!("-n{}", extent.downloads);
    let mut words = h2load(bed, job, &["-c4", "-m1", &count], "log");
    words.pop();
    words.push(url(bed, LARGE.0));
    words
}

fn url(bed: &Bed, name: &str) -> String {
    format!("https://{}:{PORT}/{name}", bed.pair.second.ipv4)
}

fn h2load(bed: &Bed, job: &str, options: &[&str], log: &str) -> Vec<String> {
    let log = bed.folder.path().join(log);
    // It adds to a log that is there.
    let _ = fs::remove_file(&log);
    let mut words = vec!["h2load".to_owned(), format!("--log-file={}", log.display())];
    if job == PROTOCOLS[0] {
        words.push("--h1".to_owned());
    }
    words.extend(options.iter().map(ToString::to_string));
    words.push(url(bed, SMALL.0));
    words
}

fn paced(bed: &Bed, name: &str, requests: u32, (how, count): (&str, u32)) -> Vec<String> {
    vec![
        bed.paced.display().to_string(),
        bed.address().to_string(),
        format!("/{name}"),
        requests.to_string(),
        how.to_owned(),
        count.to_string(),
    ]
}
