//! Counts instructions in an emulated machine, and writes the tables of what was counted. `cargo xtask vm --count` runs
//! it, in the machine and outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use xskit_report::answers;
use xskit_report::counted::{Run, bed, table};
use xskit_testbed::cards;

const USAGE: &str = "\
Usage: counted measure XSKIT DRIVER OUT [PART…]
       counted tables [--update] ANSWERS RUN…

measure counts what has a PART in its name, in a machine whose clock counts instructions, and writes OUT.
tables prints the tables of runs; with --update it writes them into ANSWERS as well.
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["measure", xskit, driver, out, parts @ ..] => measure(xskit, driver, out, parts),
        ["tables", "--update", answers, runs @ ..] => tables(Path::new(answers), runs, true),
        ["tables", answers, runs @ ..] => tables(Path::new(answers), runs, false),
        _ => {
            eprint!("{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("counted: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(xskit: &str, driver: &str, out: &str, parts: &[&str]) -> anyhow::Result<()> {
    if !cards::are_named() {
        bail!("{} names no cards", cards::VARIABLE);
    }
    let parts: Vec<_> = parts.iter().map(ToString::to_string).collect();
    let run = bed::run(PathBuf::from(xskit), driver, &parts)?;
    fs::write(out, serde_json::to_string(&run)?).with_context(|| format!("writing {out}"))
}

fn tables(answers: &Path, runs: &[&str], update: bool) -> anyhow::Result<()> {
    let read = |path: &&str| -> anyhow::Result<Run> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {path}"))?;
        serde_json::from_str(&text).with_context(|| format!("{path} holds no run"))
    };
    let runs: Vec<_> = runs.iter().map(read).collect::<anyhow::Result<_>>()?;
    for name in table::NAMES {
        println!("{}", table::table(&runs, name).unwrap_or_default());
    }
    if !update {
        return Ok(());
    }
    let name = || answers.display().to_string();
    let text = fs::read_to_string(answers).with_context(name)?;
    // The other tables are of another run, and stay.
    let table = |name: &str| Some(table::table(&runs, name).unwrap_or_default());
    let fresh = answers::with_tables(&text, table);
    fs::write(answers, fresh.with_context(name)?).with_context(name)
}
