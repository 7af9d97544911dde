//! The rounds of a run, as many as there is time for.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use xskit_rustix::RustixBackend;
use xskit_uring::{UringBackend, UringConfig};

use crate::arena::Arena;
use crate::cli::HeadToHead;
use crate::figures::Figures;
use crate::job::{BASELINE, Contestant, Job, Task, VARIANTS};
use crate::plan::{self, Extent, PLACES};
use crate::results::{self, Group, Results};
use crate::rival::{self, Rival};
use crate::sockets;

/// More rounds add nothing to the spread.
const MOST_ROUNDS: usize = 9;

/// Fewer have no median.
const LEAST_ROUNDS: usize = 3;

struct Run<'a> {
    order: &'a HeadToHead,
    groups: Vec<Group>,
    notes: Vec<String>,
}

/// Measures everything. Progress goes to the error stream.
///
/// # Errors
/// Where nothing can be measured: hosts can't be made, or the `xskit` command fails.
pub(crate) fn run(order: &HeadToHead) -> anyhow::Result<Results> {
    let (started, length) = (Instant::now(), Duration::from_secs(order.minutes * 60));
    let extent = Extent { quick: order.quick };
    let mut run = Run {
        order,
        groups: Vec::new(),
        notes: Vec::new(),
    };
    let able = run.able(extent, plan::all(&VARIANTS, ""))?;
    let mut variants = VARIANTS.to_vec();
    variants.retain(|variant| able.contains(&variant.name.to_owned()));
    let is_there = variants.contains(&BASELINE);
    ensure!(
        is_there,
        "nothing can be compared: {}",
        run.notes.join("; ")
    );
    let rivals = run.rivals(extent)?;
    let jobs = plan::jobs(extent, &variants, &rivals);
    let group = |job: &Job| Group::new(&job.id, &job.title);
    run.groups = jobs.iter().map(group).collect();
    let (most, mut longest) = (if order.quick { 1 } else { MOST_ROUNDS }, Duration::ZERO);
    for round in 0..most {
        let (began, after) = (Instant::now(), started.elapsed());
        if round >= LEAST_ROUNDS && length.saturating_sub(after) < longest {
            break;
        }
        eprintln!("round {}, after {:.0} s", round + 1, after.as_secs_f64());
        for job in &jobs {
            let outcomes = run.arena()?.round(job, round)?;
            for (contestant, outcome) in job.contestants.iter().zip(outcomes) {
                run.keep(&job.id, &contestant.name, outcome);
            }
        }
        run.many_sockets();
        longest = longest.max(began.elapsed());
    }
    eprintln!("profiles");
    if let Err(error) = run.profile(&plan::profiled(extent, &jobs)) {
        let note = format!("not everything was profiled: {error:#}");
        run.notes.push(note);
    }
    Ok(Results {
        quick: order.quick,
        seconds: started.elapsed().as_secs_f64(),
        notes: run.notes,
        ..Results::new(run.groups)
    })
}

impl Run<'_> {
    /// New hosts, so that one job leaves nothing to the next.
    fn arena(&self) -> anyhow::Result<Arena> {
        Arena::new(&self.order.xskit)
    }

    fn keep(&mut self, id: &str, name: &str, outcome: anyhow::Result<Figures>) {
        if let Err(error) = &outcome {
            let note = format!("{id}, {name}: {error:#}");
            eprintln!("{note}");
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
        results::add(&mut self.groups, id, name, outcome.ok());
    }

    /// Those that are installed and run here; a note for each of the others.
    fn rivals(&mut self, extent: Extent) -> anyhow::Result<Vec<Rival>> {
        if self.order.no_rivals {
            self.notes.push("rivals were left out on demand".to_owned());
            return Ok(Vec::new());
        }
        let mut there = Vec::new();
        for rival in rival::ALL {
            if rival.is_installed() {
                there.push(rival);
            } else {
                let note = format!("{} is not installed, so it is not measured", rival.program);
                self.notes.push(note);
            }
        }
        let contestants = there.iter().copied().map(Contestant::rival).collect();
        let able = self.able(extent, contestants)?;
        there.retain(|rival| able.contains(&rival.name.to_owned()));
        Ok(there)
    }

    /// The names of those who can send; a note for each of the others.
    fn able(
        &mut self,
        extent: Extent,
        contestants: Vec<Contestant>,
    ) -> anyhow::Result<Vec<String>> {
        let job = Job {
            length: Duration::from_millis(20),
            contestants,
            ..plan::base(Task::Tx, extent)
        };
        let outcomes = self.arena()?.round(&job, 0)?;
        let mut able = Vec::new();
        for (Contestant { name, .. }, outcome) in job.contestants.into_iter().zip(outcomes) {
            match outcome {
                Ok(_) => able.push(name),
                Err(error) => self
                    .notes
                    .push(format!("{name} is not measured: {error:#}")),
            }
        }
        Ok(able)
    }

    /// Profiles each job once.
    fn profile(&mut self, jobs: &[Job]) -> anyhow::Result<()> {
        for job in jobs {
            let arena = self.arena()?;
            for contestant in &job.contestants {
                let cores = arena.profile(job, contestant);
                let cores = cores.with_context(|| format!("{}, {}", job.id, contestant.name))?;
                for (shares, place) in cores.into_iter().zip(PLACES) {
                    self.keep(&job.id, &plan::on_core(&contestant.name, place), Ok(shares));
                }
            }
        }
        Ok(())
    }

    /// The jobs of [`sockets`], which run in this process.
    fn many_sockets(&mut self) {
        let length = Duration::from_millis(if self.order.quick { 20 } else { 300 });
        let outcomes = [
            sockets::in_memory(length),
            sockets::over_veth(|| Ok::<_, Infallible>(RustixBackend::new()), length),
            sockets::over_veth(|| UringBackend::new(UringConfig::default()), length),
        ];
        for (id, outcome) in sockets::JOBS.into_iter().zip(outcomes) {
            match outcome {
                Ok(all) => {
                    for (count, figures) in sockets::COUNTS.iter().zip(all) {
                        self.keep(id, &count.to_string(), Ok(figures));
                    }
                }
                Err(error) => self.notes.push(format!("{id}: {error:#}")),
            }
        }
    }
}
