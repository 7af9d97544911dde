//! The jobs, and who does them.

use std::time::Duration;

use crate::job::{Contestant, Job, Load, Task, Who};
use crate::rival::Rival;
use crate::udp::Waiting;
use crate::variant::{BASELINE, Variant};

/// The baseline once more, to show what chance alone makes of a ratio.
/// Its name begins as no variant's does, so that it is never the best of a backend.
pub(crate) const CONTROL: &str = "(rustix block again)";

/// Tasks at saturation, and what they are called in titles.
pub(crate) const SATURATED: [(Task, &str); 3] = [
    (Task::Tx, "sent"),
    (Task::Rx, "received and dropped"),
    (Task::Fwd, "sent back"),
];

/// The prefix of profiled jobs.
pub(crate) const PROFILED: &str = "profile-";

/// The jobs of waiting: packets that arrive seldom, often, and without a pause.
pub(crate) const WAITS: [(&str, &str, Load); 3] = [
    ("wait-1000", "1000 a second", Load::Paced(1_000)),
    ("wait-50000", "50000 a second", Load::Paced(50_000)),
    ("wait-flood", "as many as come", Load::Flood),
];

/// Descriptors per kick in copy mode, for the budgets.
pub(crate) const BUDGETS: [u32; 3] = [32, 256, 2048];

/// The baseline with its default, which looks for a while before it waits.
pub(crate) const LOOKING: &str = "rustix block, looking before";

/// Every wait goes to the kernel at once.
const NO_SPIN: &str = "--spin=0";

#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// Only enough to show that everything works.
    pub(crate) quick: bool,
}

impl Extent {
    /// Bytes per packet.
    pub(crate) const fn sizes(self) -> &'static [usize] {
        if self.quick { &[64] } else { &[64, 1400] }
    }

    /// Packets per turn.
    pub(crate) const fn batches(self) -> &'static [u32] {
        if self.quick {
            &[1, 64]
        } else {
            &[1, 16, 64, 256]
        }
    }

    const fn length(self, full_ms: u64) -> Duration {
        Duration::from_millis(if self.quick { full_ms / 5 } else { full_ms })
    }
}

/// All jobs, for the variants and rivals that are there.
pub(crate) fn jobs(extent: Extent, variants: &[Variant], rivals: &[Rival]) -> Vec<Job> {
    let mut jobs = Vec::new();
    for (task, what) in SATURATED {
        for len in extent.sizes() {
            jobs.push(saturated(extent, task, what, *len, variants, rivals));
        }
    }
    for (task, what) in [SATURATED[0], SATURATED[2]] {
        for batch in extent.batches() {
            jobs.push(Job {
                id: format!("batch-{}-{batch}", task.word()),
                title: format!("packets of 64 bytes {what}, {batch} a turn"),
                batch: *batch,
                length: extent.length(150),
                contestants: variants.iter().copied().map(Contestant::xskit).collect(),
                ..base(task, extent)
            });
        }
    }
    jobs.push(budgets(extent, variants));
    jobs.extend(waits(extent, variants));
    jobs.extend(pings(extent, variants));
    jobs.extend(flags(extent));
    jobs.retain(|job| !job.contestants.is_empty());
    jobs
}

/// The two cores, in the names of profiles.
pub(crate) const PLACES: [&str; 2] = ["first core", "second core"];

/// The name of a contestant's profile on a core.
pub(crate) fn on_core(contestant: &str, place: &str) -> String {
    format!("{contestant}, {place}")
}

/// The jobs at saturation once more, with the prefix [`PROFILED`], for the baseline and the rivals.
pub(crate) fn profiled(extent: Extent, jobs: &[Job]) -> Vec<Job> {
    let is_shown = |contestant: &Contestant| match &contestant.who {
        Who::Xskit(..) => contestant.name == BASELINE.name,
        Who::Rival(_) => true,
        Who::Udp(_) => false,
    };
    let is_saturated = |job: &&Job| {
        SATURATED
            .iter()
            .any(|(task, _)| job.id.starts_with(task.word()))
    };
    let mut profiled: Vec<_> = jobs.iter().filter(is_saturated).cloned().collect();
    for job in &mut profiled {
        job.id.insert_str(0, PROFILED);
        job.length = extent.length(700);
        job.contestants.retain(is_shown);
    }
    profiled
}

pub(crate) fn base(task: Task, extent: Extent) -> Job {
    Job {
        id: String::new(),
        title: String::new(),
        task,
        len_bytes: 64,
        batch: 64,
        load: match task {
            Task::Tx | Task::Ping => Load::Nothing,
            Task::Rx | Task::Fwd => Load::Flood,
        },
        options: Vec::new(),
        length: extent.length(450),
        contestants: Vec::new(),
    }
}

/// As many packets as go: every variant, a control, and every rival.
fn saturated(
    extent: Extent,
    task: Task,
    what: &str,
    len_bytes: usize,
    variants: &[Variant],
    rivals: &[Rival],
) -> Job {
    let mut contestants: Vec<_> = variants.iter().copied().map(Contestant::xskit).collect();
    contestants.push(Contestant::with(CONTROL, BASELINE, &[]));
    let able = rivals.iter().filter(|rival| rival.does(task, len_bytes));
    contestants.extend(able.copied().map(Contestant::rival));
    Job {
        id: format!("{}-{len_bytes}", task.word()),
        title: format!("packets of {len_bytes} bytes {what}, as many as go"),
        len_bytes,
        contestants,
        ..base(task, extent)
    }
}

/// Descriptors per kick, with more packets per turn than a kick takes by the kernel's default.
fn budgets(extent: Extent, variants: &[Variant]) -> Job {
    let ways = [BASELINE.name, "uring block", "uring sqpoll"];
    let there = variants
        .iter()
        .filter(|variant| ways.contains(&variant.name));
    let contestants = there.flat_map(|variant| {
        BUDGETS.map(|budget| {
            let name = format!("{}, {budget}", variant.name);
            Contestant::with(&name, *variant, &[&format!("--budget={budget}")])
        })
    });
    Job {
        id: "budget".to_owned(),
        title: "packets of 64 bytes sent, 256 a turn, by descriptors a kick".to_owned(),
        batch: 256,
        contestants: contestants.collect(),
        ..base(Task::Tx, extent)
    }
}

/// Each way to wait.
fn waits(extent: Extent, variants: &[Variant]) -> [Job; 3] {
    let at_once = |variant: &Variant| Contestant::with(variant.name, *variant, &[NO_SPIN]);
    let mut contestants: Vec<_> = variants.iter().map(at_once).collect();
    contestants.push(Contestant::with(LOOKING, BASELINE, &[]));
    WAITS.map(|(id, what, load)| Job {
        id: id.to_owned(),
        title: format!("packets of 64 bytes received, {what}, each wait in the kernel at once"),
        load,
        length: extent.length(400),
        contestants: contestants.clone(),
        ..base(Task::Rx, extent)
    })
}

/// There and back: looking before they wait, and waiting at once.
fn pings(extent: Extent, variants: &[Variant]) -> [Job; 2] {
    let udp = [
        ("kernel UDP, busy", Waiting::Busy),
        ("kernel UDP, blocking", Waiting::Block),
    ];
    let udp = udp.map(|(name, waiting)| Contestant {
        name: name.to_owned(),
        who: Who::Udp(waiting),
    });
    let job = |id: &str, how, options: &[&str]| {
        let mut contestants: Vec<_> = variants.iter().copied().map(Contestant::xskit).collect();
        // Next to the ways that they are compared with: the machine's speed drifts.
        let place = contestants.len().min(2);
        contestants.splice(place..place, udp.clone());
        Job {
            id: id.to_owned(),
            title: format!("packets of 64 bytes there and back, one at a time, both ends {how}"),
            options: options.iter().map(ToString::to_string).collect(),
            length: extent.length(400),
            contestants,
            ..base(Task::Ping, extent)
        }
    };
    [
        job("ping", "looking 50,000 times before they wait", &[]),
        job("ping-wait", "waiting in the kernel at once", &[NO_SPIN]),
    ]
}

/// How often the flags ask for a wake-up, in native and in generic mode.
fn flags(extent: Extent) -> [Job; 3] {
    let mode = |mode: &str| {
        let name = format!("{mode}, copy");
        Contestant::with(&name, BASELINE, &[&format!("--mode={mode}")])
    };
    let job = |(task, what): (Task, &str)| Job {
        id: format!("flags-{}", task.word()),
        title: format!("packets of 64 bytes {what}, by the mode of the XDP program"),
        length: extent.length(300),
        contestants: match task {
            // A sender needs no XDP program.
            Task::Tx => vec![Contestant::with("no program, copy", BASELINE, &[])],
            _ => vec![mode("native"), mode("generic")],
        },
        ..base(task, extent)
    };
    SATURATED.map(job)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{rival, variant};
    use std::collections::BTreeSet;

    fn all(quick: bool) -> Vec<Job> {
        jobs(Extent { quick }, &variant::ALL, &rival::ALL)
    }

    #[test]
    fn names_are_unique_so_that_results_can_be_found_by_them() {
        for jobs in [all(false), all(true)] {
            let ids: BTreeSet<_> = jobs.iter().map(|job| &job.id).collect();
            assert_eq!(ids.len(), jobs.len());
            for job in &jobs {
                let names: BTreeSet<_> = job.contestants.iter().map(|one| &one.name).collect();
                assert_eq!(names.len(), job.contestants.len(), "{}", job.id);
            }
        }
    }

    #[test]
    fn rivals_are_asked_for_what_they_can_do() {
        let names = |id: &str| {
            let jobs = all(false);
            let job = jobs.iter().find(|job| job.id == id).expect("a job");
            let names = job.contestants.iter().map(|one| one.name.clone());
            names.collect::<BTreeSet<_>>()
        };
        assert!(names("tx-64").contains("xdp-trafficgen"));
        assert!(!names("tx-1400").contains("xdp-trafficgen"));
        assert!(names("rx-1400").contains("xdpsock"));
        assert!(names("ping").contains("kernel UDP, busy"));
        assert!(!names("ping").contains("testpmd"));
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        let jobs = jobs(Extent { quick: true }, &[BASELINE], &[]);
        let named = |job: &Job| {
            job.contestants
                .iter()
                .all(|one| !one.name.contains("uring"))
        };
        assert!(jobs.iter().all(named));
        assert!(
            jobs.iter()
                .any(|job| job.id == "budget" && job.contestants.len() == 3)
        );
    }
}
