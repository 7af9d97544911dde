//! The rounds of a run, as many as there is time for.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, ensure};
use xskit_rustix::RustixBackend;
use xskit_uring::{UringBackend, UringConfig};

use crate::arena::Arena;
use crate::criterion;
use crate::figures::Figures;
use crate::job::{Contestant, Job, Load, Task};
use crate::machine::Machine;
use crate::plan::{self, Extent, PLACES};
use crate::profile::Profile;
use crate::results::{Group, Results, Series};
use crate::rival::{self, Rival};
use crate::sockets;
use crate::variant::{self, BASELINE, Variant};

/// More rounds add nothing to the spread.
const MOST_ROUNDS: usize = 9;

/// Fewer have no median.
const LEAST_ROUNDS: usize = 3;

/// What to measure, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) xskit: PathBuf,
    /// One short round.
    pub(crate) quick: bool,
    /// Whether other people's programs are measured.
    pub(crate) rivals: bool,
    /// How long all rounds together may take, once the least number is done.
    pub(crate) length: Duration,
    /// Criterion's folder, and the age limit of its estimates.
    pub(crate) criterion: Option<(PathBuf, SystemTime)>,
}

/// Measures everything. Progress goes to the error stream.
///
/// # Errors
/// Where nothing can be measured: hosts can't be made, or the `xskit` command fails.
pub(crate) fn run(order: &Order) -> anyhow::Result<Results> {
    let started = Instant::now();
    let extent = Extent { quick: order.quick };
    let mut notes = Vec::new();
    let variants = variants(order, &mut notes)?;
    let rivals = rivals(order, &mut notes)?;
    let jobs = plan::jobs(extent, &variants, &rivals);
    let arena = order.arena()?;
    let mut groups: Vec<_> = jobs.iter().map(|job| empty_group(&arena, job)).collect();
    let mut many = many_sockets();
    drop(arena);
    let (most, mut longest) = (if order.quick { 1 } else { MOST_ROUNDS }, Duration::ZERO);
    for round in 0..most {
        let left = order.length.saturating_sub(started.elapsed());
        if round >= LEAST_ROUNDS && left < longest {
            break;
        }
        eprintln!(
            "round {}, after {:.0} s",
            round + 1,
            started.elapsed().as_secs_f64()
        );
        let began = Instant::now();
        for (job, group) in jobs.iter().zip(&mut groups) {
            // New hosts, so that one job leaves nothing to the next.
            add(group, job, order.arena()?.round(job, round)?, &mut notes);
        }
        round_of_sockets(&mut many, order.quick, &mut notes);
        longest = longest.max(began.elapsed());
    }
    groups.extend(many);
    let mut profiles = Vec::new();
    let jobs = plan::profiled(extent, &jobs);
    if let Err(error) = profile(order, &jobs, &mut groups, &mut profiles) {
        notes.push(format!("not everything was profiled: {error:#}"));
    }
    let criterion = order.criterion.as_ref();
    Ok(Results {
        machine: Machine::this(),
        quick: order.quick,
        seconds: started.elapsed().as_secs_f64(),
        groups,
        profiles,
        notes,
        criterion: criterion.map_or_else(Vec::new, |(folder, since)| {
            criterion::estimates(folder, *since)
        }),
    })
}

impl Order {
    fn arena(&self) -> anyhow::Result<Arena> {
        Arena::new(self.xskit.clone())
    }
}

/// Those that the program knows and the kernel accepts; a note for each of the others.
fn variants(order: &Order, notes: &mut Vec<String>) -> anyhow::Result<Vec<Variant>> {
    let contestants = variant::ALL.map(Contestant::xskit).to_vec();
    let able = able(order, contestants, notes)?;
    let is_able = |variant: &Variant| able.iter().any(|name| name == variant.name);
    let able: Vec<_> = variant::ALL.into_iter().filter(is_able).collect();
    let is_there = able.contains(&BASELINE);
    ensure!(is_there, "nothing can be compared: {}", notes.join("; "));
    Ok(able)
}

/// Those that are installed and run here; a note for each of the others.
fn rivals(order: &Order, notes: &mut Vec<String>) -> anyhow::Result<Vec<Rival>> {
    if !order.rivals {
        notes.push("rivals were left out on demand".to_owned());
        return Ok(Vec::new());
    }
    let (there, missing): (Vec<_>, Vec<_>) = rival::ALL.into_iter().partition(Rival::is_installed);
    notes.extend(missing.iter().map(|rival| {
        let program = rival.program;
        format!("{program} is not installed, so it is not measured")
    }));
    let contestants = there.iter().copied().map(Contestant::rival).collect();
    let able = able(order, contestants, notes)?;
    let is_able = |rival: &Rival| able.iter().any(|name| name == rival.name);
    Ok(there.into_iter().filter(is_able).collect())
}

/// The names of those who can send.
fn able(
    order: &Order,
    contestants: Vec<Contestant>,
    notes: &mut Vec<String>,
) -> anyhow::Result<Vec<String>> {
    let job = Job {
        id: String::new(),
        title: String::new(),
        task: Task::Tx,
        len_bytes: 64,
        batch: 64,
        load: Load::Nothing,
        options: Vec::new(),
        length: Duration::from_millis(20),
        contestants,
    };
    let outcomes = order.arena()?.round(&job, 0)?;
    let mut able = Vec::new();
    for (contestant, outcome) in job.contestants.into_iter().zip(outcomes) {
        match outcome {
            Ok(_) => able.push(contestant.name),
            Err(error) => notes.push(format!("{} is not measured: {error:#}", contestant.name)),
        }
    }
    Ok(able)
}

/// Profiles each job once: the shares of the cores' time as figures, and the functions that took
/// most of it.
fn profile(
    order: &Order,
    jobs: &[Job],
    groups: &mut Vec<Group>,
    profiles: &mut Vec<Profile>,
) -> anyhow::Result<()> {
    eprintln!("profiles");
    for job in jobs {
        let arena = order.arena()?;
        let mut group = Group::new(&job.id, &job.title, []);
        for contestant in &job.contestants {
            let cores = arena.profile(job, contestant);
            let cores = cores.with_context(|| format!("{}, {}", job.id, contestant.name))?;
            for (core, place) in cores.iter().zip(PLACES) {
                let who = plan::on_core(&contestant.name, place);
                profiles.push(Profile {
                    job: job.id.clone(),
                    who: who.clone(),
                    functions: core.functions(),
                });
                group.series.push(Series {
                    samples: vec![Some(core.shares())],
                    ..Series::new(&who, &arena.command(job, contestant))
                });
            }
        }
        groups.push(group);
    }
    Ok(())
}

fn empty_group(arena: &Arena, job: &Job) -> Group {
    let contestants = job.contestants.iter();
    let series = contestants.map(|it| Series::new(&it.name, &arena.command(job, it)));
    Group::new(&job.id, &job.title, series.collect::<Vec<_>>())
}

fn add(
    group: &mut Group,
    job: &Job,
    outcomes: Vec<anyhow::Result<Figures>>,
    notes: &mut Vec<String>,
) {
    for (series, outcome) in group.series.iter_mut().zip(outcomes) {
        if let Err(error) = &outcome {
            let note = format!("{}, {}: {error:#}", job.id, series.name);
            eprintln!("{note}");
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        series.samples.push(outcome.ok());
    }
}

/// The jobs of [`sockets`], which run in this process.
fn many_sockets() -> [Group; 3] {
    let group = |id, over: &str, function| {
        let command = format!("xskit_report::sockets::{function}");
        let series = sockets::COUNTS.map(|count| Series::new(&count.to_string(), &command));
        Group::new(id, &format!("sockets served by one thread, {over}"), series)
    };
    let veth = "sending over as many queues of a veth pair, by";
    [
        group("sockets-memory", "over rings in memory", "in_memory"),
        group("sockets-rustix", &format!("{veth} rustix"), "over_veth"),
        group("sockets-uring", &format!("{veth} uring"), "over_veth"),
    ]
}

fn round_of_sockets(groups: &mut [Group; 3], quick: bool, notes: &mut Vec<String>) {
    let length = Duration::from_millis(if quick { 20 } else { 300 });
    let outcomes = [
        sockets::in_memory(length),
        sockets::over_veth(|| Ok::<_, Infallible>(RustixBackend::new()), length),
        sockets::over_veth(|| UringBackend::new(UringConfig::default()), length),
    ];
    for (group, outcome) in groups.iter_mut().zip(outcomes) {
        match outcome {
            Ok(all) => {
                for (series, figures) in group.series.iter_mut().zip(all) {
                    series.samples.push(Some(figures));
                }
            }
            Err(error) => notes.push(format!("{}: {error:#}", group.id)),
        }
    }
}
