//! The jobs: requests, downloads, idle connections, and HTTP/3 beside TCP. Each round has every job
//! once per way.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use super::load::Load;
use super::server::{Bed, LARGE, PORT, SMALL, Way, memory};
use crate::figures::Figures;
use crate::program::Program;
use crate::results::{self, Group};
use crate::rival::words;

pub(crate) const RATE: &str = "answers a second";
/// Answers per second of the server's processor time.
pub(crate) const PER_CPU: &str = "answers a CPU second";
/// System calls per answer.
pub(crate) const CALLS: &str = "system calls an answer";
/// Times at full load, in microseconds, and at a steady thousand per second.
pub(crate) const FULL: [&str; 2] = ["p50 at full load", "p99 at full load"];
pub(crate) const TIMES: [&str; 2] = ["p50", "p99"];
pub(crate) const SPEED: &str = "GB a second";
/// Seconds of the server's processor time per gigabyte.
pub(crate) const PER_GB: &str = "CPU seconds a GB";
/// Memory per idle connection, in KiB.
pub(crate) const MEMORY: &str = "KiB a connection";
/// Processor time with idle connections, in milliseconds per second.
pub(crate) const IDLE: &str = "CPU ms a second";

/// The jobs with idle connections, and of HTTP/3 beside TCP.
pub(crate) const IDLE_JOB: &str = "idle";
pub(crate) const BESIDE: &str = "beside";
/// HTTP/3's way without TCP.
pub(crate) const ALONE: &str = "nothing";
/// Its way beside the TCP of another server.
pub(crate) const BESIDE_NGINX: &str = "TCP of nginx";

/// Answers per second of a light load: ten connections, or one of HTTP/3.
const STEADY: u32 = 1000;
const CONNECTIONS: u32 = 1000;
/// How long idle connections may take to be made, and how long they stay.
const ARRIVAL: Duration = Duration::from_secs(4);
const STAY: Duration = Duration::from_secs(9);
/// How long before HTTP/3 TCP gets its load.
const LEAD: Duration = Duration::from_millis(500);
/// Requests that outlast HTTP/3's load on any server.
const AT_LEAST: u32 = 60_000;
/// More than any load takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The protocols.
pub(crate) const PROTOCOLS: [&str; 3] = ["HTTP/1.1", "HTTP/2", "HTTP/3"];

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    pub(crate) rounds: usize,
    /// Requests of 1 KiB at full load, over TCP; half as many over HTTP/3, and a fiftieth at a
    /// steady rate.
    pub(crate) requests: u32,
    /// Downloads per protocol.
    pub(crate) downloads: u32,
    /// Whether idle connections are among the jobs.
    pub(crate) idle: bool,
}

impl Extent {
    pub(crate) const fn of(quick: bool) -> Self {
        let (rounds, requests, downloads) = if quick {
            (1, 12_000, 4)
        } else {
            (5, 60_000, 8)
        };
        Self {
            rounds,
            requests,
            downloads,
            idle: !quick,
        }
    }
}

/// Runs all rounds: a group per job, a protocol or one of the others.
///
/// # Errors
/// The first failure: a figure without its rivals says nothing.
pub(crate) fn run(bed: &Bed, extent: Extent) -> anyhow::Result<Vec<Group>> {
    let own = |runtime| Way::Xdp(Some(runtime));
    let ways = [
        Way::Kernel("tokio"),
        Way::Kernel("uring"),
        Way::Nginx,
        own("tokio"),
    ];
    let rivals = [
        (ALONE, None),
        ("TCP of the same server, tokio", Some(own("tokio"))),
        ("TCP of the same server, io_uring", Some(own("uring"))),
        (BESIDE_NGINX, Some(Way::Nginx)),
    ];
    let mut groups = Vec::new();
    for round in 0..extent.rounds {
        let mut keep = |job: &str, way: &str, figures| {
            eprintln!("round {}: {job}, {way}", round + 1);
            results::add(&mut groups, job, way, Some(figures));
        };
        for turn in 0..ways.len() {
            // Each round begins with another way.
            let way = ways[(turn + round) % ways.len()];
            for (job, figures) in of_way(bed, way, extent).with_context(|| way.name())? {
                let is_http3 = job == PROTOCOLS[2];
                let name = if is_http3 {
                    "xskit, AF_XDP".to_owned()
                } else {
                    way.name()
                };
                keep(job, &name, figures);
            }
        }
        for (name, rival) in rivals {
            keep(
                BESIDE,
                name,
                beside(bed, rival, extent.requests).context(name)?,
            );
        }
    }
    Ok(groups)
}

/// The jobs of a way: TCP's protocols, and HTTP/3 over AF_XDP.
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
    load(bed, &client(bed, job, Ask::Full(requests / 20)))?;
    let (at_full, cpu) = costing(server, || load(bed, &client(bed, job, Ask::Full(requests))))?;
    let steady = load(bed, &client(bed, job, Ask::Steady(requests / 50, STEADY)))?;
    let calls = calls(bed, server, &client(bed, job, Ask::Full(requests / 4)))?;
    let (downloads, download_cpu) = costing(server, || {
        load(bed, &client(bed, job, Ask::Downloads(extent.downloads)))
    })?;
    ensure!(
        downloads.bytes >= LARGE.1 as f64,
        "{} bytes of downloads",
        downloads.bytes
    );
    Ok(Figures::of([
        (RATE, at_full.answers / at_full.seconds),
        (PER_CPU, at_full.answers / cpu),
        (CALLS, calls),
        (FULL[0], at_full.p50_us),
        (FULL[1], at_full.p99_us),
        (TIMES[0], steady.p50_us),
        (TIMES[1], steady.p99_us),
        (SPEED, downloads.bytes / 1e9 / downloads.seconds),
        (PER_GB, download_cpu / (downloads.bytes / 1e9)),
    ]))
}

/// System calls per answer, of all threads of the server while a client runs. perf(1) counts them,
/// and makes them a little dearer.
fn calls(bed: &Bed, server: &Program, client: &[String]) -> anyhow::Result<f64> {
    let file = bed.folder.path().join("calls");
    let mut perf = words("perf stat -x, -e raw_syscalls:sys_enter");
    perf.push(format!("--pid={}", server.pid()));
    perf.push(format!("--output={}", file.display()));
    perf.push("--".to_owned());
    perf.extend_from_slice(client);
    let answers = read(bed, client, &bed.client(&perf)?.finish(PATIENCE)?)?.answers;
    let text = fs::read_to_string(&file).context("what perf counted")?;
    let line = text.lines().find(|line| line.contains("raw_syscalls"));
    let count = line.and_then(|line| line.split(',').next()?.parse::<f64>().ok());
    let count = count.with_context(|| format!("perf counts no system calls: {text}"))?;
    Ok(count / answers)
}

/// Also returns the processor time of the server's threads meanwhile, in seconds.
fn costing<T>(
    server: &Program,
    work: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<(T, f64)> {
    let before = server.ran_ns()?;
    let done = work()?;
    Ok((done, server.ran_ns()?.saturating_sub(before) as f64 / 1e9))
}

/// Idle connections of h2load: each sends one request at the start and one at the end.
fn idle(bed: &Bed, server: &Program) -> anyhow::Result<Figures> {
    let script = bed.folder.path().join("script");
    let url = url(bed, SMALL.0);
    fs::write(&script, format!("0\t{url}\n{}\t{url}\n", STAY.as_millis()))?;
    let before = memory(server.pid())?;
    let mut words = h2load(bed, &format!("--clients {CONNECTIONS}"), "idle-log");
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
    let beside = load(
        bed,
        &client(bed, PROTOCOLS[1], Ask::Steady(2 * STEADY, STEADY)),
    )?;
    ensure!(
        connections.is_running()?,
        "idle connections have ended too early"
    );
    // Both answers of each: all connections lived.
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

/// HTTP/3 over AF_XDP at a steady rate, while `rival`'s TCP is at full load.
fn beside(bed: &Bed, rival: Option<Way>, requests: u32) -> anyhow::Result<Figures> {
    let own = match rival {
        Some(Way::Nginx) => Way::Xdp(None),
        Some(way) => way,
        None => Way::Xdp(Some("tokio")),
    };
    // Without its own TCP the server counts as started once nginx answers, so nginx comes first.
    let nginx = match rival {
        Some(Way::Nginx) => Some(bed.serve(Way::Nginx)?),
        _ => None,
    };
    let server = bed.serve(own)?;
    // Until the server's socket is open.
    thread::sleep(Duration::from_millis(500));
    let steady = |count| client(bed, PROTOCOLS[2], Ask::Steady(count, STEADY / 2));
    let before = load(bed, &steady(100))?;
    let log = bed.folder.path().join("log");
    let saturating = match rival {
        // Enough for the fastest server seen: nginx, 105,000 a second, over some seconds of HTTP/3.
        Some(_) => {
            let ask = Ask::Full(AT_LEAST + 6 * requests);
            Some(bed.client(&client(bed, PROTOCOLS[1], ask))?)
        }
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
    // All of them by its QUIC worker.
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

/// Ends a server, and returns xskit's summary.
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

/// Runs a client to its end.
fn load(bed: &Bed, client: &[String]) -> anyhow::Result<Load> {
    read(bed, client, &bed.client(client)?.finish(PATIENCE)?)
}

/// Reads what a client printed, and the log of h2load.
fn read(bed: &Bed, client: &[String], printed: &str) -> anyhow::Result<Load> {
    match client[0].as_str() {
        "h2load" => Load::of_h2load(printed, &fs::read_to_string(bed.folder.path().join("log"))?),
        _ => Load::of_paced(printed),
    }
}

/// What a client asks for.
#[derive(Clone, Copy)]
enum Ask {
    /// As many requests as the server can answer.
    Full(u32),
    /// As many of them at this rate a second.
    Steady(u32, u32),
    /// Large files, four at a time; over HTTP/3 by one connection.
    Downloads(u32),
}

/// The command of a client of a protocol.
fn client(bed: &Bed, job: &str, ask: Ask) -> Vec<String> {
    let is_h3 = job == PROTOCOLS[2];
    let (tcp, h3, count) = match ask {
        Ask::Full(count) if is_h3 => (String::new(), "outstanding 64".to_owned(), count / 2),
        Ask::Full(count) if job == PROTOCOLS[0] => ("-c64 -m1".to_owned(), String::new(), count),
        Ask::Full(count) => ("-c16 -m8".to_owned(), String::new(), count),
        Ask::Steady(count, rate) => {
            let tcp = format!("-c10 -m1 --rps={}", rate / 10);
            (tcp, format!("rate {rate}"), count)
        }
        Ask::Downloads(count) => ("-c4 -m1".to_owned(), "outstanding 4".to_owned(), count),
    };
    let file = match ask {
        Ask::Downloads(_) => LARGE.0,
        _ => SMALL.0,
    };
    if is_h3 {
        let mut all = words(&format!("{} /{file} {count} {h3}", bed.address()));
        all.insert(0, bed.paced.display().to_string());
        return all;
    }
    let h1 = if job == PROTOCOLS[0] { "--h1" } else { "" };
    let url = url(bed, file);
    h2load(bed, &format!("{h1} {tcp} -n{count} {url}"), "log")
}

fn url(bed: &Bed, name: &str) -> String {
    format!("https://{}:{PORT}/{name}", bed.pair.second.ipv4)
}

fn h2load(bed: &Bed, options: &str, log: &str) -> Vec<String> {
    let log = bed.folder.path().join(log);
    // h2load appends to an existing log.
    let _ = fs::remove_file(&log);
    let mut all = words(&format!("h2load {options}"));
    all.push(format!("--log-file={}", log.display()));
    all
}
