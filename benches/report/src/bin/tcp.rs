//! Measures HTTP over the kernel's TCP beside nginx and beside HTTP/3 over AF_XDP. `cargo xtask bench tcp` runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use rustix::process::{Resource, getrlimit, setrlimit};
use xskit_report::answers;
use xskit_report::machine::Machine;
use xskit_report::tcp::run::{Extent, run};
use xskit_report::tcp::server::Bed;
use xskit_report::tcp::table;
use xskit_testbed::{Capability, privilege};

const USAGE: &str = "\
Usage: tcp XSKIT PACED ANSWERS [--quick] [--update]

Prints the tables of a run; with --update it writes them into ANSWERS as well.
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (options, paths): (Vec<_>, Vec<_>) = words.iter().partition(|word| word.starts_with("--"));
    let is_known = options
        .iter()
        .all(|option| ["--quick", "--update"].contains(&option.as_str()));
    let has = |name| options.iter().any(|option| *option == name);
    let [xskit, paced, answers] = paths.as_slice() else {
        eprint!("{USAGE}");
        return ExitCode::FAILURE;
    };
    if !is_known || has("--quick") && has("--update") {
        eprintln!("--quick or --update: the figures of a quick round answer nothing\n\n{USAGE}");
        return ExitCode::FAILURE;
    }
    let bed = (PathBuf::from(xskit), PathBuf::from(paced));
    match measure(bed, Path::new(answers), has("--quick"), has("--update")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tcp: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(
    (xskit, paced): (PathBuf, PathBuf),
    answers: &Path,
    is_quick: bool,
    update: bool,
) -> anyhow::Result<()> {
    use Capability::{Bpf, NetAdmin, NetRaw, SysAdmin};
    if !privilege::require("tcp", &[NetAdmin, SysAdmin, NetRaw, Bpf]) {
        return Ok(());
    }
    // A thousand connections at either end.
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("setrlimit")?;
    let extent = if is_quick {
        Extent {
            rounds: 1,
            requests: 12_000,
            downloads: 4,
            idle: false,
        }
    } else {
        Extent {
            rounds: 5,
            requests: 60_000,
            downloads: 8,
            idle: true,
        }
    };
    let samples = run(&Bed::new(xskit, paced)?, extent)?;
    let machine = format!(
        "The tables are of a {}, over veth.",
        Machine::this().sentence()
    );
    let made = |name: &str| table::table(&samples, &machine, name);
    for name in table::NAMES {
        println!("{}", made(name).unwrap_or_default());
    }
    if !update {
        return Ok(());
    }
    let name = || answers.display().to_string();
    let text = fs::read_to_string(answers).with_context(name)?;
    // The other tables are of another run, and stay.
    let fresh = answers::with_tables(&text, |name| Some(made(name).unwrap_or_default()));
    fs::write(answers, fresh.with_context(name)?).with_context(name)
}
