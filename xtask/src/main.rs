//! The project's own chores, as `cargo xtask`. It is built before the system packages that the rest
//! needs are installed.

mod advisories;
mod bench;
mod boringssl;
mod callgrind;
mod cargo;
mod demo;
mod deny;
mod freestanding;
mod fuzz;
mod instructions;
mod interop;
mod loom;
mod machine;
mod mutant;
mod orderings;
mod packages;
mod probe;
mod python;
mod requirement;
mod sanitizers;
mod setup;
mod step;
mod tally;
mod test;
mod trusting;
mod vm;

use std::process::ExitCode;

use anyhow::{Error, Result};
use clap::{CommandFactory, Parser, Subcommand};

/// The chores of xskit. Each does the set-up it needs first.
///
/// demo and test run privileged networking in network namespaces. Without root, test says what it
/// leaves out, and demo goes through sudo.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    chore: Option<Chore>,
}

#[derive(Subcommand)]
enum Chore {
    /// Install the system packages that the build and the tests need
    Setup(setup::Args),
    /// Send a file over HTTP/3 over AF_XDP between two hosts; the arguments go to `xskit demo`
    #[command(disable_help_flag = true)]
    Demo(PassedOn),
    /// Formatting, lints, features, documentation, tests, emulated cards, loom, a short round of
    /// fuzzing, packages, licences, advisories
    Test,
    /// Run the tests in zero-copy mode on two emulated cards
    Vm(vm::Request),
    /// Compare the versions of exposed dependencies with those whose advisories were read
    Advisories,
    /// Weaken each memory ordering of the rings in turn; a loom test must notice
    Orderings,
    /// Pack what would be published, and check each package from what was packed
    Packages,
    /// Fuzz the targets under AddressSanitizer
    Fuzz(fuzz::Args),
    /// Measure backends, ways to wait and rivals in turns, and write target/report
    Bench(bench::Args),
    /// Count the instructions of each ring operation, ours and libxdp's (installs valgrind)
    Instructions,
    /// Run the cases of the QUIC interop runner through a bad network: our server and client
    /// against others
    #[command(disable_help_flag = true)]
    Interop(PassedOn),
}

/// Arguments of another program.
#[derive(clap::Args)]
struct PassedOn {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().chore {
        Some(chore) => carry_out(chore),
        None => Cli::command()
            .print_long_help()
            .map(|()| ExitCode::SUCCESS)
            .map_err(Error::new),
    };
    outcome.unwrap_or_else(|problem| {
        eprintln!("error: {problem:#}");
        ExitCode::FAILURE
    })
}

fn carry_out(chore: Chore) -> Result<ExitCode> {
    match chore {
        Chore::Setup(args) => setup::command(&args),
        Chore::Demo(PassedOn { args }) => demo::command(&args),
        Chore::Test => test::command(),
        Chore::Vm(request) => vm::command(request),
        Chore::Advisories => advisories::command(),
        Chore::Orderings => orderings::command(),
        Chore::Packages => packages::command(),
        Chore::Fuzz(args) => fuzz::command(&args),
        Chore::Bench(args) => bench::command(&args),
        Chore::Instructions => instructions::command(),
        Chore::Interop(PassedOn { args }) => interop::command(&args),
    }
}
