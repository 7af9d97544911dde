//! `cargo xtask interop`: the cases of the QUIC interop runner, by its names: our server and our
//! client against stacks that share no code with quiche, through a relay that delays, drops,
//! corrupts, rebinds or goes black.
//!
//! ```text
//! matrix ── for each pair of peers, for each case:
//!   bout    server process <── relay ──> client process      told what to do by the runner's environment
//!             peer: who they are, and how each is started
//!             endpoint: ours; quinn: quinn's with h3; aioquic_endpoint.py: aioquic's
//!           what must have been seen: files, and by the relay (trace) and our own end
//! ```
//!
//! `interop endpoint` is only our end, as the runner would start it in a container.

mod bout;
mod case;
mod endpoint;
mod keys;
mod matrix;
mod packet;
mod peer;
mod quinn;
mod relay;
mod setting;

use std::process::ExitCode;

use anyhow::bail;

use setting::Setting;

const USAGE: &str =
    "usage: interop [--peer quinn|aioquic|ngtcp2|xskit] [--case CASE] [--json] | interop endpoint";

/// The exit code that the runner takes as "unsupported".
const UNSUPPORTED: u8 = 127;

fn main() -> ExitCode {
    match run(std::env::args().skip(1)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut args: impl Iterator<Item = String>) -> anyhow::Result<ExitCode> {
    let mut wanted = matrix::Wanted::default();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "endpoint" => return play(endpoint::run),
            "quinn" => return play(quinn::run),
            "--json" => wanted.json = true,
            "--case" if wanted.case.is_none() => wanted.case = args.next(),
            "--peer" if wanted.peer.is_none() => wanted.peer = args.next(),
            _ => bail!("{arg:?} is no option; {USAGE}"),
        }
    }
    matrix::run(&wanted)
}

/// Runs one end. The exit code says whether it supports the case.
fn play(end: fn(&Setting) -> anyhow::Result<Option<()>>) -> anyhow::Result<ExitCode> {
    Ok(match end(&Setting::from_environment()?)? {
        Some(()) => ExitCode::SUCCESS,
        None => ExitCode::from(UNSUPPORTED),
    })
}
