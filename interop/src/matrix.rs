//! Runs the cases and prints what came of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use xskit_quic::cert::{Authority, Validity};
use xskit_quic::server::ServerStats;
use xskit_quic::{Identity, ServerConfig};

use crate::case::{CASES, Case, Demand, UNSUPPORTED};
use crate::client::{Client, SERVER_NAME};
use crate::relay::{Relay, Seen};
use crate::server::Running;

/// Of a case, as the runner has it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs one case, or all of them.
pub(crate) fn run(only: Option<&str>, json: bool) -> anyhow::Result<ExitCode> {
    let is_asked = |name: &str| only.is_none_or(|only| only == name);
    let (mut rows, mut is_well) = (Vec::new(), true);
    for case in CASES.iter().filter(|case| is_asked(case.name)) {
        let began = Instant::now();
        let (mark, note) = match run_case(case) {
            Ok(seen) => ("✓", passed(case, &seen, began.elapsed())),
            Err(error) => ("✕", format!("{error:#}")),
        };
        is_well &= mark == "✓";
        rows.push((case.name, mark, note));
    }
    let unsupported = UNSUPPORTED.iter().filter(|(name, _)| is_asked(name));
    rows.extend(unsupported.map(|&(name, reason)| (name, "unsupported", reason.to_owned())));
    if rows.is_empty() {
        bail!("no case {:?}", only.unwrap_or_default());
    }
    if json {
        let row = |(case, outcome, note): &(&str, &str, String)| serde_json::json!({"server": "xskit", "client": "quinn", "case": case, "outcome": outcome, "note": note});
        println!("{}", serde_json::Value::from_iter(rows.iter().map(row)));
    } else {
        println!("server xskit, client quinn with h3");
        for (name, mark, note) in &rows {
            println!("{name:<20} {mark:<12} {note}");
        }
    }
    Ok(if is_well {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn passed(case: &Case, seen: &Seen, took: Duration) -> String {
    let bytes: usize = case.files.iter().sum();
    let mut note = format!("{:.1} s", took.as_secs_f64());
    if case.name == "goodput" {
        note += &format!(", {:.0} Mbit/s", bytes as f64 * 8e-6 / took.as_secs_f64());
    }
    for (count, what) in [
        (seen.lost, "lost"),
        (seen.corrupted, "corrupted"),
        (seen.rebinds, "rebinds"),
    ] {
        if count > 0 {
            note += &format!(", {count} {what}");
        }
    }
    note
}

fn run_case(case: &Case) -> anyhow::Result<Seen> {
    let own: IpAddr = match case.demand {
        Demand::Ipv6 => Ipv6Addr::LOCALHOST.into(),
        _ => Ipv4Addr::LOCALHOST.into(),
    };
    let root = tempfile::tempdir()?;
    let mut files = Vec::new();
    for (number, &len) in case.files.iter().enumerate() {
        let name = format!("file{number}");
        let content: Vec<u8> = (0..len)
            .map(|at| ((at * 31) ^ (at >> 8) ^ number) as u8)
            .collect();
        std::fs::write(root.path().join(&name), &content)?;
        files.push((name, content));
    }
    let authority = Authority::new()?;
    let server = Running::start(root.path(), &server_config(case, &authority)?, own)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let seen = runtime.block_on(async {
        let relay = Relay::start(case.network, server.address).await?;
        let only_chacha20 = case.demand == Demand::ChaCha20;
        let client = Client::new(own, relay.address, &authority.pem(), only_chacha20)?;
        let fetching = tokio::time::timeout(PATIENCE, fetch(case, &client, &files));
        fetching
            .await
            .with_context(|| format!("not done in {PATIENCE:?}: {:?}", relay.seen()))??;
        anyhow::Ok(relay.seen())
    });
    let stats = server.stop()?;
    let seen = seen?;
    check(case, &seen, &stats)?;
    Ok(seen)
}

fn server_config(case: &Case, authority: &Authority) -> anyhow::Result<ServerConfig> {
    let issued = authority.issue(&[SERVER_NAME.to_owned()], Validity::days(1))?;
    let mut chain = issued.certificate.clone();
    if case.demand == Demand::Amplification {
        // Longer than three datagrams, as the runner's is.
        chain += &authority.pem().repeat(9);
    }
    let mut config =
        ServerConfig::new(Identity::from_pem(chain.as_bytes(), issued.key.as_bytes())?);
    config.handshake_timeout = PATIENCE;
    config.early_data = case.demand == Demand::ZeroRtt;
    if case.demand == Demand::Retry {
        config.retry_above_half_open = 0;
    }
    Ok(config)
}

async fn fetch(case: &Case, client: &Client, files: &[(String, Vec<u8>)]) -> anyhow::Result<()> {
    if case.is_multiconnect {
        for file in files {
            client
                .connect()
                .await?
                .fetch(std::slice::from_ref(file))
                .await?;
        }
        return Ok(());
    }
    let connection = client.connect().await?;
    match case.demand {
        Demand::ZeroRtt => {
            // A request first: so the ticket has come.
            connection.fetch(&files[..1]).await?;
            client.fetch_early(&files[1..]).await
        }
        Demand::KeyUpdate => {
            connection.fetch(files).await?;
            connection.update_keys();
            connection.fetch(files).await
        }
        _ => connection.fetch(files).await,
    }
}

fn check(case: &Case, seen: &Seen, stats: &ServerStats) -> anyhow::Result<()> {
    let connections = match (case.is_multiconnect, case.demand) {
        (true, _) => case.files.len() as u64,
        (false, Demand::ZeroRtt) => 2,
        (false, _) => 1,
    };
    let established = stats.connections.established;
    ensure!(
        established == connections,
        "{established} connections, not {connections}"
    );
    let network = case.network;
    if network.loss_percent > 0 || network.black_after.is_some() {
        ensure!(seen.lost > 0, "no datagram was lost");
    }
    if network.corruption_percent > 0 {
        ensure!(seen.corrupted > 0, "no datagram was corrupted");
    }
    match case.demand {
        Demand::Retry => ensure!(seen.retries > 0, "no Retry packet"),
        Demand::Migration => ensure!(
            stats.connections.migrations > 0 && seen.rebinds > 0,
            "{} migrations at {} rebinds",
            stats.connections.migrations,
            seen.rebinds
        ),
        Demand::Amplification => ensure!(
            seen.amplified_bytes == 0 && seen.lost > 0,
            "{} bytes over the limit, {} datagrams lost",
            seen.amplified_bytes,
            seen.lost
        ),
        Demand::ZeroRtt => ensure!(stats.connections.early > 0, "no early connection"),
        _ => {}
    }
    Ok(())
}
