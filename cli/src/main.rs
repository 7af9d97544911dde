//! The `xskit` command.
//!
//! | file | holds |
//! | --- | --- |
//! | `args/` | the command line, as values |
//! | `demo/`, `serve/`, `get/`, `bench/` | a command each |
//! | `nic/` | the interface that a command works on, its sockets and its XDP program |
//! | `report.rs` | what a command prints |
//! | `diagnostics.rs` | key log and qlog |
//! | `root.rs` | what must not be under the directory that is served |
//! | `stop.rs` | signals |
//! | `zone.rs` | link-local addresses |

mod args;
mod bench;
mod demo;
mod diagnostics;
mod get;
mod nic;
mod report;
mod root;
mod serve;
mod stop;
mod zone;

use std::env;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use args::{Args, Command};

/// The environment variable with the log level of stderr.
const LOG: &str = "XSKIT_LOG";

fn main() -> ExitCode {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_env_filter(log_filter())
        .with_writer(io::stderr)
        .with_ansi(is_colourful())
        .without_time()
        .init();
    let outcome = match args.command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Get(args) => get::run(&args),
        Command::Bench(args) => bench::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::say(format_args!("xskit: {}", report::describe(&error)));
            ExitCode::FAILURE
        }
    }
}

/// Whether the log has colours: not in a file or a pipe, nor if NO_COLOR (no-color.org) is set.
fn is_colourful() -> bool {
    let is_refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !is_refused
}

/// The log filter of the environment. One that can't be parsed is noted and ignored.
fn log_filter() -> EnvFilter {
    EnvFilter::try_from_env(LOG).unwrap_or_else(|error| {
        if env::var_os(LOG).is_some() {
            report::say(format_args!(
                "xskit: note: {LOG}: {error}; use a level, such as info or debug"
            ));
        }
        EnvFilter::new("warn")
    })
}
