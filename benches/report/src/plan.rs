//! The jobs, and who does them.

use std::time::Duration;

use crate::job::{BASELINE, Contestant, Job, Load, Task, Variant, Who};
use crate::rival::Rival;
use crate::udp::Waiting;

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
const BUDGETS: [u32; 3] = [32, 256, 2048];

/// The baseline with its default, which looks for a while before it waits.
const LOOKING: &str = "rustix block, looking before";

/// Every wait goes to the kernel at once.
const NO_SPIN: &str = "--spin=0";

/// The two cores, in the names of profiles.
pub(crate) const PLACES: [&str; 2] = ["first core", "second core"];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Extent {
    /// Only enough to show that everything works.
    pub(crate) quick: bool,
}

impl Extent {
    /// Bytes per packet.
    const fn sizes(self) -> &'static [usize] {
        if self.quick { &[64] } else { &[64, 1400] }
    }

    /// Packets per turn.
    const fn batches(self) -> &'static [u32] {
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
            jobs.push(saturated(extent, (task, what), *len, variants, rivals));
        }
    }
    for (task, what) in [SATURATED[0], SATURATED[2]] {
        for batch in extent.batches() {
            jobs.push(Job {
                id: format!("batch-{}-{batch}", task.word()),
                title: format!("packets of 64 bytes {what}, {batch} a turn"),
                batch: *batch,
                length: extent.length(150),
                contestants: all(variants, ""),
                ..base(task, extent)
            });
        }
    }
    jobs.push(budgets(extent, variants));
    jobs.extend(waits(extent, variants));
    jobs.extend(pings(extent, variants));
    jobs.extend(flags(extent));
    jobs
}

/// The name of a contestant's profile on a core.
pub(crate) fn on_core(contestant: &str, place: &str) -> String {
    format!("{contestant}, {place}")
}

/// The jobs at saturation once more, with the prefix [`PROFILED`], for the baseline and the rivals.
pub(crate) fn profiled(extent: Extent, jobs: &[Job]) -> Vec<Job> {
    let is_saturated = |job: &&Job| {
        SATURATED
            .iter()
            .any(|(task, _)| job.id.starts_with(task.word()))
    };
    let mut profiled: Vec<_> = jobs.iter().filter(is_saturated).cloned().collect();
    for job in &mut profiled {
        job.id.insert_str(0, PROFILED);
        job.length = extent.length(700);
        let is_rival = |it: &Contestant| matches!(it.who, Who::Rival(_));
        job.contestants
            .retain(|it| it.name == BASELINE.name || is_rival(it));
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
        length: extent.length(450),
        contestants: Vec::new(),
    }
}

/// The variants, each with these options.
pub(crate) fn all(variants: &[Variant], options: &str) -> Vec<Contestant> {
    let contestant = |it: &Variant| Contestant::xskit(it.name, *it, options);
    variants.iter().map(contestant).collect()
}

/// As many packets as go: every variant, a control, and every rival.
fn saturated(
    extent: Extent,
    (task, what): (Task, &str),
    len_bytes: usize,
    variants: &[Variant],
    rivals: &[Rival],
) -> Job {
    let mut contestants = all(variants, "");
    contestants.push(Contestant::xskit(CONTROL, BASELINE, ""));
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
    let there = variants.iter().filter(|it| ways.contains(&it.name));
    let contestants = there.flat_map(|variant| {
        BUDGETS.map(|budget| {
            let name = format!("{}, {budget}", variant.name);
            Contestant::xskit(&name, *variant, &format!("--budget={budget}"))
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
    let mut contestants = all(variants, NO_SPIN);
    contestants.push(Contestant::xskit(LOOKING, BASELINE, ""));
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
    [
        ("ping", "looking 50,000 times before they wait", ""),
        ("ping-wait", "waiting in the kernel at once", NO_SPIN),
    ]
    .map(|(id, how, options)| {
        let mut contestants = all(variants, options);
        // Next to the ways that they are compared with: the machine's speed drifts.
        let place = contestants.len().min(2);
        contestants.splice(place..place, udp.clone());
        Job {
            id: id.to_owned(),
            title: format!("packets of 64 bytes there and back, one at a time, both ends {how}"),
            length: extent.length(400),
            contestants,
            ..base(Task::Ping, extent)
        }
    })
}

/// How often the flags ask for a wake-up, in native and in generic mode.
fn flags(extent: Extent) -> [Job; 3] {
    SATURATED.map(|(task, what)| {
        let modes: &[_] = match task {
            // A sender needs no XDP program.
            Task::Tx => &[("no program, copy", "")],
            _ => &[
                ("native, copy", "--mode=native"),
                ("generic, copy", "--mode=generic"),
            ],
        };
        let contestant =
            |(name, options): &(&str, &str)| Contestant::xskit(name, BASELINE, options);
        Job {
            id: format!("flags-{}", task.word()),
            title: format!("packets of 64 bytes {what}, by the mode of the XDP program"),
            length: extent.length(300),
            contestants: modes.iter().map(contestant).collect(),
            ..base(task, extent)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::VARIANTS;
    use crate::rival;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_those_of_what_is_there_and_can_do_it() {
        let everything = (&VARIANTS[..], &rival::ALL[..]);
        for (quick, (variants, rivals)) in [
            (false, everything),
            (true, everything),
            (true, (&[BASELINE], &[])),
        ] {
            let jobs = jobs(Extent { quick }, variants, rivals);
            let mut there = BTreeSet::new();
            for job in &jobs {
                assert!(!job.contestants.is_empty(), "{}", job.id);
                for Contestant { name, .. } in &job.contestants {
                    let name = format!("{}: {name}", job.id);
                    assert!(there.insert(name.clone()), "{name} twice");
                }
            }
            for (name, is_expected) in [
                ("tx-64: xdp-trafficgen", !rivals.is_empty()),
                ("tx-1400: xdp-trafficgen", false),
                ("rx-1400: xdpsock", !quick),
                ("ping: testpmd", false),
                ("ping: kernel UDP, busy", true),
                ("budget: rustix block, 2048", true),
                ("budget: uring block, 2048", variants.len() > 1),
            ] {
                assert_eq!(there.contains(name), is_expected, "{name}, quick: {quick}");
            }
        }
    }
}
