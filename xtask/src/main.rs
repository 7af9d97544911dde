//! The project's own chores, as `cargo xtask`. Built with nothing but Rust, so that it can put the rest in place.

mod advisories;
mod bench;
mod boringssl;
mod callgrind;
mod cargo;
mod demo;
mod deny;
mod distribution;
mod features;
mod freestanding;
mod fuzz;
mod install;
mod instructions;
mod interop;
mod loom;
mod machine;
mod mutant;
mod orderings;
mod packages;
mod panics;
mod probe;
mod python;
mod requirement;
mod sanitizers;
mod setup;
mod step;
mod table;
mod tally;
mod test;
mod tool;
mod trusting;
mod vm;

use std::env;
use std::process::ExitCode;

const HELP: &str = "\
The chores of xskit. Each does the set-up it needs first.

Usage: cargo xtask <COMMAND>

Commands:
  setup [--check]  Install the system packages the build needs; with --check only list them
  setup --interop  Install the peers of the interoperability tests: aioquic into the target folder, ngtcp2, Chromium
  demo [ARGS]      Send a file over HTTP/3 over AF_XDP between two hosts; ARGS go to `xskit demo`
  test             Formatting, lints, features, documentation, tests, emulated cards, loom, fuzzing for seconds,
                   packages, licences, advisories
  vm [--json] [--short] [igb|virtio_net] [TEST…]
                   Run the tests on two emulated cards, in zero-copy mode: on both drivers and all of them, or those
                   with a TEST in their names; --short runs what `xtask test` runs
  vm --count [--update] [igb|virtio_net] [PART…]
                   Count instructions for each packet there, beside xdpsock and kernel sockets, and for HTTP/3, beside
                   nginx and quiche's example; --update writes the tables of benches/ANSWERS.md as well
  vm --shell [igb|virtio_net]
                   A shell in the emulated machine, with the xskit command in its PATH
  advisories       List the packages that strangers or the kernel reach: were their advisories read?
  orderings        Weaken each memory ordering of the rings in turn: does a loom test notice?
  packages         Pack what would be published, and check each package from what was packed
  fuzz [--seconds N] [TARGET…]
                   Fuzz each target for N seconds (60), under AddressSanitizer
  fuzz --replay TARGET FILE
                   Run one input, as a finding's report names it
  fuzz [--seconds N] --minimise TARGET FILE
                   Look for a shorter input that is a finding as well; it lands in FILE.min
  bench [--quick] [--update] [--minutes N]
                   Measure backends, ways to wait and rivals in turns, and write target/report; --update writes the
                   tables of benches/ANSWERS.md as well
  bench ARGS       Run the benchmarks alone (`--bench ring`); ARGS go to `cargo bench`
  bench ledger     Measure what the ledger costs a packet over veth, with it and without it in turns
  instructions     Count the instructions of each ring operation, ours and libxdp's (installs valgrind)
  interop [--peer quinn|aioquic|ngtcp2|xskit] [--case CASE] [--json]
                   Run the cases of the QUIC interop runner: our server and client against others, through a bad
                   network
  help             Print this

demo and test run privileged networking in namespaces of their own; without root they say what is left out.
";

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let command = args.next();
    let rest: Vec<String> = args.collect();
    let outcome = match command.as_deref() {
        None | Some("help" | "--help" | "-h") => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        Some("setup") => setup::command(&rest),
        Some("demo") => demo::command(&rest),
        Some("test") => test::command(&rest),
        Some("advisories") => advisories::command(&rest),
        Some("orderings") => orderings::command(&rest),
        Some("packages") => packages::command(&rest),
        Some("fuzz") => fuzz::command(&rest),
        Some("bench") => bench::command(&rest),
        Some("vm") => vm::command(&rest),
        Some("instructions") => instructions::command(&rest),
        Some("interop") => interop::command(&rest),
        Some(other) => Err(format!(
            "no command {other:?}; `cargo xtask help` lists them"
        )),
    };
    outcome.unwrap_or_else(|problem| {
        eprintln!("error: {problem}");
        ExitCode::FAILURE
    })
}
