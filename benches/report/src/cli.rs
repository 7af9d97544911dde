//! The three programs' command lines, and what each does.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Parser;
use fs_err as fs;
use rustix::process::{Resource, getrlimit, setrlimit};
use xskit_benches::veth::is_privileged;
use xskit_testbed::cards;

use crate::results::Results;
use crate::tcp::server::Bed;
use crate::{answers, claims, page, questions, run};

/// Measures backends, ways to wait and rivals, and writes the report.
#[derive(Parser)]
pub(crate) struct HeadToHead {
    /// Write index.html, summary.md and results.json into this folder.
    #[arg(long)]
    out: PathBuf,
    /// The answers file, whose tables are made anew for the report.
    #[arg(long)]
    answers: PathBuf,
    /// Measure this xskit command.
    #[arg(long)]
    pub(crate) xskit: PathBuf,
    /// One short round.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Leave out other people's programs.
    #[arg(long)]
    pub(crate) no_rivals: bool,
    /// How long the rounds may take; there are at least three.
    #[arg(long, default_value_t = 7)]
    pub(crate) minutes: u64,
    /// Write the tables into the answers file as well: not with --quick, whose figures answer
    /// nothing.
    #[arg(long, conflicts_with = "quick")]
    update: bool,
}

/// Counts instructions in an emulated machine, and writes tables of the counts.
#[derive(Parser)]
enum Counted {
    /// Count in a machine whose clock counts instructions.
    Measure {
        xskit: PathBuf,
        driver: String,
        /// The file for the run.
        out: PathBuf,
        /// Count only jobs and ways whose name contains one of these.
        parts: Vec<String>,
    },
    /// Print the tables of runs.
    Tables {
        /// Write the tables into ANSWERS as well.
        #[arg(long)]
        update: bool,
        answers: PathBuf,
        runs: Vec<PathBuf>,
    },
}

/// Measures HTTP over the kernel's TCP beside nginx and beside HTTP/3 over AF_XDP, and prints the
/// tables.
#[derive(Parser)]
struct Tcp {
    xskit: PathBuf,
    /// The HTTP/3 client.
    paced: PathBuf,
    answers: PathBuf,
    /// One short round.
    #[arg(long)]
    quick: bool,
    /// Write the tables into ANSWERS as well: not with --quick, whose figures answer nothing.
    #[arg(long, conflicts_with = "quick")]
    update: bool,
}

/// The program `head_to_head`.
#[must_use]
pub fn head_to_head() -> ExitCode {
    finish("head_to_head", report(&HeadToHead::parse()))
}

/// The program `counted`.
#[must_use]
pub fn counted() -> ExitCode {
    finish("counted", count(Counted::parse()))
}

/// The program `tcp`.
#[must_use]
pub fn tcp() -> ExitCode {
    finish("tcp", measure_tcp(Tcp::parse()))
}

fn finish(program: &str, outcome: anyhow::Result<()>) -> ExitCode {
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    eprintln!("{program}: {error:#}");
    ExitCode::FAILURE
}

fn report(options: &HeadToHead) -> anyhow::Result<()> {
    if !is_privileged("head_to_head") {
        return Ok(());
    }
    let results = run::run(options)?;
    let file = fs::read_to_string(&options.answers)?;
    let fresh = answers::with_tables(&file, |name| questions::table(&results, name))?;
    let claims = claims::claims(&file)?;
    let [page, summary] = page::page_and_summary(&results, &fresh, &claims)?;
    let out = &options.out;
    fs::create_dir_all(out)?;
    fs::write(out.join("results.json"), serde_json::to_string(&results)?)?;
    fs::write(out.join("index.html"), page)?;
    fs::write(out.join("summary.md"), summary)?;
    if options.update {
        fs::write(&options.answers, fresh)?;
    }
    let fails = |claim: &&claims::Claim| claim.holds(&results) == Some(false);
    let failed = claims.iter().filter(fails).count();
    if failed > 0 && !results.quick {
        eprintln!(
            "note: {failed} of {} claims in the answers do not hold in this run; the end of the report lists them",
            claims.len()
        );
    }
    println!("{}", out.join("index.html").display());
    Ok(())
}

fn count(command: Counted) -> anyhow::Result<()> {
    match command {
        Counted::Measure {
            xskit,
            driver,
            out,
            parts,
        } => {
            ensure!(cards::are_named(), "{} names no cards", cards::VARIABLE);
            let run = crate::counted::bed::run(xskit, &driver, &parts)?;
            Ok(fs::write(out, serde_json::to_string(&run)?)?)
        }
        Counted::Tables {
            update,
            answers,
            runs,
        } => {
            let read = |path| anyhow::Ok(serde_json::from_str(&fs::read_to_string(path)?)?);
            let runs = runs.iter().map(read).collect::<Result<Vec<_>, _>>()?;
            tables(
                update.then_some(&answers),
                &crate::counted::table::NAMES,
                |name| crate::counted::table::table(&runs, name),
            )
        }
    }
}

fn measure_tcp(options: Tcp) -> anyhow::Result<()> {
    if !is_privileged("tcp") {
        return Ok(());
    }
    // A thousand connections at either end.
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("setrlimit")?;
    let bed = Bed::new(options.xskit, options.paced)?;
    let results = Results::new(crate::tcp::run::run(
        &bed,
        crate::tcp::run::Extent::of(options.quick),
    )?);
    let update = options.update.then_some(&options.answers);
    tables(update, &crate::tcp::table::NAMES, |name| {
        crate::tcp::table::table(&results, name)
    })
}

/// Prints the tables of these names, and writes them into the answers file. The other tables there
/// are another run's, and stay.
fn tables(
    update: Option<&PathBuf>,
    names: &[&str],
    table: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<()> {
    let table = |name: &str| table(name).unwrap_or_default();
    for name in names {
        println!("{}", table(name));
    }
    if let Some(answers) = update {
        let file = fs::read_to_string(answers)?;
        fs::write(
            answers,
            answers::with_tables(&file, |name| Some(table(name)))?,
        )?;
    }
    Ok(())
}
