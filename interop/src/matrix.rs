//! Runs the cases between the pairs, and prints the outcomes.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::bout::{Bout, Outcome};
use crate::case::{CASES, UNSUPPORTED};
use crate::peer::Peer;

/// Concurrent bouts: most of their time is the relay's delay.
const AT_ONCE: usize = 6;

/// What to run.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) case: Option<String>,
    pub(crate) peer: Option<String>,
    pub(crate) json: bool,
}

/// A server and a client, of which one is ours.
type Pair = (Peer, Peer);

pub(crate) fn run(wanted: &Wanted) -> anyhow::Result<ExitCode> {
    let is_asked = |name: &str| wanted.case.as_deref().is_none_or(|only| only == name);
    let cases: Vec<_> = CASES.iter().filter(|case| is_asked(case.name)).collect();
    let lacking: Vec<_> = UNSUPPORTED
        .iter()
        .filter(|(name, _)| is_asked(name))
        .collect();
    if cases.is_empty() && lacking.is_empty() {
        bail!("no case {:?}", wanted.case.as_deref().unwrap_or_default());
    }
    let pairs = pairs(wanted)?;
    let bouts = pairs
        .iter()
        .enumerate()
        .flat_map(|(at, &(server, client))| {
            let bout = move |&case| {
                (
                    at,
                    Bout {
                        server,
                        client,
                        case,
                    },
                )
            };
            cases.iter().map(bout)
        });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcomes = runtime.block_on(fight(bouts.collect()))?;
    let is_well = !outcomes.values().any(|it| matches!(it, Outcome::Failed(_)));
    if wanted.json {
        println!("{}", to_json(&pairs, &outcomes));
    } else {
        print(&pairs, &outcomes, wanted.case.is_none());
        for (name, reason) in lacking {
            println!("{name}: unsupported, {reason}");
        }
    }
    Ok(match is_well {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn pairs(wanted: &Wanted) -> anyhow::Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    let is_asked = |peer: &Peer| {
        wanted
            .peer
            .as_deref()
            .is_none_or(|only| only == peer.name())
    };
    for peer in Peer::ALL.into_iter().filter(is_asked) {
        match peer.missing() {
            Some(reason) if wanted.peer.is_some() => bail!("{} {reason}", peer.name()),
            Some(reason) => eprintln!("left out: {} {reason}", peer.name()),
            None if peer == Peer::Xskit => pairs.push((peer, peer)),
            None => pairs.extend([(Peer::Xskit, peer), (peer, Peer::Xskit)]),
        }
    }
    if pairs.is_empty() {
        bail!("no peer {:?}", wanted.peer.as_deref().unwrap_or_default());
    }
    Ok(pairs)
}

type Outcomes = BTreeMap<(usize, &'static str), Outcome>;

/// Runs the bouts, [`AT_ONCE`] at a time.
async fn fight(bouts: Vec<(usize, Bout)>) -> anyhow::Result<Outcomes> {
    let (places, mut running) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    for (pair, bout) in bouts {
        let places = Arc::clone(&places);
        running.spawn(async move {
            let _place = places.acquire_owned().await;
            (pair, bout, bout.run().await)
        });
    }
    let mut outcomes = Outcomes::new();
    while let Some(ended) = running.join_next().await {
        let (pair, bout, outcome) = ended.context("a bout panicked")?;
        let (server, client, case) = (bout.server.name(), bout.client.name(), bout.case.name);
        eprintln!("{server} > {client}, {case}: {}", told(&outcome));
        outcomes.insert((pair, case), outcome);
    }
    Ok(outcomes)
}

fn told(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed(note) => format!("✓ {note}"),
        Outcome::Failed(note) => format!("✕ {note}"),
        Outcome::Unsupported(note) => format!("unsupported, {note}"),
    }
}

/// A row per case, a column per pair, and the failures below.
fn print(pairs: &[Pair], outcomes: &Outcomes, is_whole: bool) {
    println!("{:<20} server", "");
    let heading = |ends: fn(&Pair) -> Peer| {
        let names = pairs.iter().map(|pair| format!("{:<9}", ends(pair).name()));
        names.collect::<String>()
    };
    println!("{:<20} {}", "", heading(|pair| pair.0));
    println!("{:<20} {}client", "", heading(|pair| pair.1));
    for case in CASES {
        let cells = (0..pairs.len()).map(|pair| match outcomes.get(&(pair, case.name)) {
            Some(Outcome::Passed(_)) => "✓",
            Some(Outcome::Failed(_)) => "✕",
            Some(Outcome::Unsupported(_)) => "-",
            None => "",
        });
        let cells: String = cells.map(|cell| format!("{cell:<9}")).collect();
        if is_whole || !cells.trim().is_empty() {
            println!("{:<20} {}", case.name, cells.trim_end());
        }
    }
    for ((pair, case), outcome) in outcomes {
        if !matches!(outcome, Outcome::Passed(_)) {
            let (server, client) = pairs[*pair];
            let ends = format!("server {}, client {}", server.name(), client.name());
            println!("{case}: {ends}: {}", told(outcome));
        }
    }
}

fn to_json(pairs: &[Pair], outcomes: &Outcomes) -> Value {
    let row = |((pair, case), outcome): (&(usize, &str), &Outcome)| {
        let (server, client) = pairs[*pair];
        let (word, note) = match outcome {
            Outcome::Passed(note) => ("passed", note),
            Outcome::Failed(note) => ("failed", note),
            Outcome::Unsupported(note) => ("unsupported", note),
        };
        json!({"server": server.name(), "client": client.name(), "case": case, "outcome": word, "note": note})
    };
    outcomes.iter().map(row).collect()
}
