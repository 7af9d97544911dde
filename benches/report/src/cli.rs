//! The three programs' command lines, and what each does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;
use rustix::process::{Resource, getrlimit, setrlimit};
use xskit_benches::veth::is_privileged;
use xskit_testbed::cards;

use crate::results::Results;
use crate::run::{self, Order};
use crate::tcp::server::Bed;
use crate::{answers, claims, page, questions};

/// Measures backends, ways to wait and rivals, and writes the report.
#[derive(Parser)]
struct HeadToHead {
    /// Write index.html, summary.md and results.json into this folder.
    #[arg(long)]
    out: PathBuf,
    /// The answers file, whose tables are made anew for the report.
    #[arg(long)]
    answers: PathBuf,
    /// Measure this xskit command.
    #[arg(long, required_unless_present = "from", conflicts_with = "from")]
    xskit: Option<PathBuf>,
    /// Measure nothing: take the results.json of an earlier run.
    #[arg(long)]
    from: Option<PathBuf>,
    /// One short round.
    #[arg(long)]
    quick: bool,
    /// Leave out other people's programs.
    #[arg(long)]
    no_rivals: bool,
    /// How long the rounds may take; there are at least three.
    #[arg(long, default_value_t = 7)]
    minutes: u64,
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
    let outcome = match Counted::parse() {
        Counted::Measure {
            xskit,
            driver,
            out,
            parts,
        } => count(xskit, &driver, &out, &parts),
        Counted::Tables {
            update,
            answers,
            runs,
        } => count_tables(update.then_some(&answers), &runs),
    };
    finish("counted", outcome)
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
    let results = match (&options.xskit, &options.from) {
        (_, Some(file)) => read_json(file)?,
        (None, None) => unreachable!("clap requires one of the two"),
        (Some(_), None) if !is_privileged("head_to_head") => return Ok(()),
        (Some(xskit), None) => run::run(&Order {
            xskit: fs::canonicalize(xskit).with_context(|| xskit.display().to_string())?,
            quick: options.quick,
            rivals: !options.no_rivals,
            length: Duration::from_secs(options.minutes * 60),
        })?,
    };
    let file = read(&options.answers)?;
    let of_answers = || options.answers.display().to_string();
    let fresh = answers::with_tables(&file, |name| questions::table(&results, name))
        .with_context(of_answers)?;
    let claims = claims::claims(&file).with_context(of_answers)?;
    let [page, summary] = page::page_and_summary(&results, &fresh, &claims)?;
    fs::create_dir_all(&options.out)
        .with_context(|| format!("making {}", options.out.display()))?;
    write(
        &options.out.join("results.json"),
        &serde_json::to_string(&results)?,
    )?;
    write(&options.out.join("index.html"), &page)?;
    write(&options.out.join("summary.md"), &summary)?;
    if options.update {
        write(&options.answers, &fresh)?;
    }
    let failed = claims
        .iter()
        .filter(|claim| claim.holds(&results) == Some(false))
        .count();
    if failed > 0 && !results.quick {
        eprintln!(
            "note: {failed} of {} claims in the answers do not hold in this run; the end of the report lists them",
            claims.len()
        );
    }
    println!("{}", options.out.join("index.html").display());
    Ok(())
}

fn count(xskit: PathBuf, driver: &str, out: &Path, parts: &[String]) -> anyhow::Result<()> {
    ensure!(cards::are_named(), "{} names no cards", cards::VARIABLE);
    let run = crate::counted::bed::run(xskit, driver, parts)?;
    write(out, &serde_json::to_string(&run)?)
}

fn count_tables(update: Option<&PathBuf>, runs: &[PathBuf]) -> anyhow::Result<()> {
    let runs = runs
        .iter()
        .map(|path| read_json(path))
        .collect::<anyhow::Result<Vec<_>>>()?;
    tables(update, &crate::counted::table::NAMES, |name| {
        crate::counted::table::table(&runs, name)
    })
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
    let groups = crate::tcp::run::run(&bed, crate::tcp::run::Extent::of(options.quick))?;
    let results = Results::new(groups);
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
    for name in names {
        println!("{}", table(name).unwrap_or_default());
    }
    let Some(answers) = update else {
        return Ok(());
    };
    let fresh = answers::with_tables(&read(answers)?, |name| {
        Some(table(name).unwrap_or_default())
    });
    write(
        answers,
        &fresh.with_context(|| answers.display().to_string())?,
    )
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    serde_json::from_str(&read(path)?)
        .with_context(|| format!("{} holds no results", path.display()))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
