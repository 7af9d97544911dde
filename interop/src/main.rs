//! `cargo xtask interop`: the cases of the QUIC interop runner, by its names: our server for now, over HTTP/3, to a client
//! of a stack that shares no code with quiche, through a relay that delays, drops, corrupts, rebinds or goes black.

mod case;
mod client;
mod matrix;
mod relay;
mod server;

use std::process::ExitCode;

use anyhow::bail;

fn main() -> anyhow::Result<ExitCode> {
    let (mut only, mut json) = (None, false);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match (arg.as_str(), only.is_some()) {
            ("--json", _) => json = true,
            ("--case", false) => only = args.next(),
            _ => bail!("{arg:?} is no option; usage: interop [--case CASE] [--json]"),
        }
    }
    matrix::run(only.as_deref(), json)
}
