//! Measures, and writes the report. `cargo xtask bench` builds what it needs and runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use xskit_report::run::{self, Order};
use xskit_report::{answers, claims, page, questions};
use xskit_testbed::{Capability, privilege};

const USAGE: &str = "\
Usage: head_to_head --out FOLDER --answers FILE (--xskit PATH | --from FILE) [OPTIONS]

  --out FOLDER        Write index.html, summary.md and results.json there
  --answers FILE      The answers, whose tables are made anew for the report
  --xskit PATH        Measure this xskit command
  --from FILE         Measure nothing: take the results.json of an earlier run
  --quick             One short round
  --no-rivals         Other people's programs are left out
  --minutes N         How long the rounds may take (7); there are three at least
  --update            Write the tables into the answers file as well
  --criterion FOLDER  Criterion's folder; estimates there count where they are newer than an hour
  --command TEXT      What the report says it was made by
";

/// Estimates that are older are of another run.
const CRITERION_AGE: Duration = Duration::from_secs(3600);

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)).and_then(|options| report(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("head_to_head: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug)]
struct Options {
    out: PathBuf,
    answers: PathBuf,
    xskit: Option<PathBuf>,
    from: Option<PathBuf>,
    criterion: Option<PathBuf>,
    command: String,
    minutes: u64,
    quick: bool,
    rivals: bool,
    update: bool,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let (mut out, mut answers) = (None, None);
        let mut options = Self {
            out: PathBuf::new(),
            answers: PathBuf::new(),
            xskit: None,
            from: None,
            criterion: None,
            command: "head_to_head".to_owned(),
            minutes: 7,
            quick: false,
            rivals: true,
            update: false,
        };
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .with_context(|| format!("{word} needs a value\n\n{USAGE}"))
            };
            match word.as_str() {
                "--out" => out = Some(PathBuf::from(value()?)),
                "--answers" => answers = Some(PathBuf::from(value()?)),
                "--xskit" => options.xskit = Some(value()?.into()),
                "--from" => options.from = Some(value()?.into()),
                "--criterion" => options.criterion = Some(value()?.into()),
                "--command" => options.command = value()?,
                "--minutes" => options.minutes = value()?.parse().context("--minutes")?,
                "--quick" => options.quick = true,
                "--no-rivals" => options.rivals = false,
                "--update" => options.update = true,
                other => bail!("no option {other:?}\n\n{USAGE}"),
            }
        }
        options.out = out.with_context(|| format!("--out is missing\n\n{USAGE}"))?;
        options.answers = answers.with_context(|| format!("--answers is missing\n\n{USAGE}"))?;
        if options.update && options.quick {
            bail!("--update with --quick: the figures of a quick round answer nothing");
        }
        Ok(options)
    }
}

fn report(options: &Options) -> anyhow::Result<()> {
    let results = match (&options.xskit, &options.from) {
        (Some(xskit), None) => {
            use Capability::{Bpf, NetAdmin, NetRaw, SysAdmin};
            if !privilege::require("head_to_head", &[NetAdmin, SysAdmin, NetRaw, Bpf]) {
                return Ok(());
            }
            let since = SystemTime::now() - CRITERION_AGE;
            run::run(&Order {
                xskit: fs::canonicalize(xskit).with_context(|| xskit.display().to_string())?,
                quick: options.quick,
                rivals: options.rivals,
                length: Duration::from_secs(options.minutes * 60),
                criterion: options.criterion.clone().map(|folder| (folder, since)),
            })?
        }
        (None, Some(file)) => run::read(file)?,
        _ => bail!("one of --xskit and --from is needed\n\n{USAGE}"),
    };
    let file = fs::read_to_string(&options.answers)
        .with_context(|| format!("reading {}", options.answers.display()))?;
    let fresh = answers::with_tables(&file, |name| questions::table(&results, name))
        .with_context(|| options.answers.display().to_string())?;
    let claims = claims::claims(&file).with_context(|| options.answers.display().to_string())?;
    let failed = claims
        .iter()
        .filter(|claim| claim.holds(&results) == Some(false))
        .count();
    fs::create_dir_all(&options.out)
        .with_context(|| format!("making {}", options.out.display()))?;
    write(
        &options.out.join("results.json"),
        &serde_json::to_string(&results)?,
    )?;
    write(
        &options.out.join("index.html"),
        &page::html(&results, &options.command, &fresh, &claims),
    )?;
    write(
        &options.out.join("summary.md"),
        &page::summary(&results, &options.command, &fresh, &claims),
    )?;
    if options.update {
        write(&options.answers, &fresh)?;
    }
    if failed > 0 && !results.quick {
        eprintln!(
            "note: {failed} of {} claims in the answers do not hold in this run; the report's end lists them",
            claims.len()
        );
    }
    println!("{}", options.out.join("index.html").display());
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}
