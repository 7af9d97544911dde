//! The rounds of a run: as many as there is time for.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
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

/// With more rounds than this the spread says nothing new.
const MOST_ROUNDS: usize = 9;

/// With fewer, a median is none.
const LEAST_ROUNDS: usize = 3;

/// How a run is to be.
#[derive(Clone, Debug)]
pub struct Order {
    /// The `xskit` command.
    pub xskit: PathBuf,
    /// One short round.
    pub quick: bool,
    /// Whether other people's programs are measured.
    pub rivals: bool,
    /// How long all rounds together may take, once there are the least.
    pub length: Duration,
    /// Where criterion leaves its estimates, and since when they count.
    pub criterion: Option<(PathBuf, SystemTime)>,
}

/// Measures everything. Tells on the error stream how far it is.
///
/// # Errors
/// Where nothing can be measured at all: hosts can't be made, or the `xskit` command fails.
pub fn run(order: &Order) -> anyhow::Result<Results> {
    let started = Instant::now();
    let extent = Extent { quick: order.quick };
    let mut notes = Vec::new();
    let variants = variants(order, &mut notes)?;
    let rivals = rivals(order, &mut notes)?;
    let jobs = plan::jobs(extent, &variants, &rivals);
    let arena = order.arena()?;
    let mut groups: Vec<_> = jobs.iter().map(|job| empty_group(&arena, job)).collect();
    let mut many = Many::new();
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
            // Hosts of its own, so that one job leaves nothing to the next.
            add(group, job, order.arena()?.round(job, round)?, &mut notes);
        }
        many.round(order.quick, &mut notes);
        longest = longest.max(began.elapsed());
    }
    groups.extend(many.into_groups());
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

/// Those that the program knows and the kernel takes; a note for each of the others.
fn variants(order: &Order, notes: &mut Vec<String>) -> anyhow::Result<Vec<Variant>> {
    let contestants = variant::ALL.map(Contestant::xskit).to_vec();
    let able = able(order, contestants, notes)?;
    let is_able = |variant: &Variant| able.iter().any(|name| name == variant.name);
    let able: Vec<_> = variant::ALL.into_iter().filter(is_able).collect();
    let is_there = able.iter().any(|variant| variant.name == BASELINE);
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

/// What the cores do meanwhile, once: the parts of their time as figures, and what took most of it.
fn profile(
    order: &Order,
    jobs: &[Job],
    groups: &mut Vec<Group>,
    profiles: &mut Vec<Profile>,
) -> anyhow::Result<()> {
    eprintln!("profiles");
    for job in jobs {
        let arena = order.arena()?;
        let mut group = Group {
            id: job.id.clone(),
            title: job.title.clone(),
            series: Vec::new(),
        };
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
                    name: who,
                    command: arena.command(job, contestant),
                    samples: vec![Some(core.shares())],
                });
            }
        }
        groups.push(group);
    }
    Ok(())
}

fn empty_group(arena: &Arena, job: &Job) -> Group {
    let series = |contestant: &Contestant| Series {
        name: contestant.name.clone(),
        command: arena.command(job, contestant),
        samples: Vec::new(),
    };
    Group {
        id: job.id.clone(),
        title: job.title.clone(),
        series: job.contestants.iter().map(series).collect(),
    }
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
struct Many {
    groups: [Group; 3],
}

impl Many {
    fn new() -> Self {
        let group = |id: &str, title: &str, command: &str| Group {
            id: id.to_owned(),
            title: title.to_owned(),
            series: sockets::COUNTS
                .map(|count| Series {
                    name: count.to_string(),
                    command: command.to_owned(),
                    samples: Vec::new(),
                })
                .to_vec(),
        };
        Self {
            groups: [
                group(
                    "sockets-memory",
                    "sockets served by one thread, over rings in memory",
                    "xskit_report::sockets::in_memory",
                ),
                group(
                    "sockets-rustix",
                    "sockets served by one thread, sending over as many queues of a veth pair, by rustix",
                    "xskit_report::sockets::over_veth",
                ),
                group(
                    "sockets-uring",
                    "sockets served by one thread, sending over as many queues of a veth pair, by uring",
                    "xskit_report::sockets::over_veth",
                ),
            ],
        }
    }

    fn round(&mut self, quick: bool, notes: &mut Vec<String>) {
        let length = Duration::from_millis(if quick { 20 } else { 300 });
        let outcomes = [
            sockets::in_memory(length),
            sockets::over_veth(|| Ok::<_, Infallible>(RustixBackend::new()), length),
            sockets::over_veth(|| UringBackend::new(UringConfig::default()), length),
        ];
        for (group, outcome) in self.groups.iter_mut().zip(outcomes) {
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

    fn into_groups(self) -> [Group; 3] {
        self.groups
    }
}

/// Reads results that were written before.
///
/// # Errors
/// Where the file is not there, or holds something else.
pub fn read(path: &Path) -> anyhow::Result<Results> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} holds no results", path.display()))
}
