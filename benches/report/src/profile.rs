//! Where the processor's time goes while a job is done: samples by perf(1), sorted by whose code they fell into.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::figures::Figures;

/// The part of a core's time in code of programs, libraries included.
pub const OWN: &str = "own_share";
/// The part in the XDP program, and in the maps that it looks into.
pub const XDP: &str = "xdp_program_share";
/// The part in the kernel's AF_XDP and XDP code.
pub const AF_XDP: &str = "af_xdp_share";
/// The part in the rest of the kernel: the device, packet buffers, interrupts, system calls.
pub const KERNEL: &str = "kernel_share";
/// The part in which the core had nothing to do.
pub const IDLE: &str = "idle_share";

/// Samples a second. Odd, so that nothing that happens at a round rate is always hit, or never.
const SAMPLES_A_SECOND: &str = "1999";

/// So many functions tell where the time goes.
const FUNCTIONS: usize = 12;

/// The profile of one contestant at a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// The job's id.
    pub job: String,
    /// The contestant's name.
    pub who: String,
    /// The functions that took most of the core on which the kernel did most, with their parts of its time.
    pub functions: Vec<(String, f64)>,
}

/// What a core did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Core {
    samples: usize,
    parts: BTreeMap<&'static str, usize>,
    functions: BTreeMap<String, usize>,
}

/// Whether perf is there, and may be used.
#[must_use]
pub fn is_possible() -> bool {
    record(Duration::from_millis(1)).is_ok()
}

/// Samples all cores for so long, and gives the one on which the kernel did most: the one that bounds the rate.
///
/// # Errors
/// Where perf is not there, or is refused.
pub fn record(length: Duration) -> anyhow::Result<Core> {
    let mut samples = Command::new("perf")
        .args(["record", "--quiet", "--all-cpus", "--event=cpu-clock"])
        .args(["--freq", SAMPLES_A_SECOND, "--output=-", "--", "sleep"])
        .arg(length.as_secs_f64().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("perf record")?;
    let told = samples.stdout.take().context("what perf record writes")?;
    let script = Command::new("perf")
        .args(["script", "--input=-", "--fields=cpu,ip,sym,dso"])
        .stdin(told)
        .output()
        .context("perf script")?;
    let recorded = samples.wait().context("perf record")?;
    ensure!(
        recorded.success() && script.status.success(),
        "perf can't sample here: perf_event_open(2) wants CAP_PERFMON or kernel.perf_event_paranoid"
    );
    let script = String::from_utf8_lossy(&script.stdout);
    let busiest = sorted(&script)
        .into_values()
        .max_by_key(Core::of_the_kernel);
    match busiest {
        Some(core) if core.samples > 0 => Ok(core),
        _ => bail!("perf took no sample"),
    }
}

/// Lines of the kind `[001]  ffffffff821f4dab veth_xmit ([kernel.kallsyms])`, by core.
fn sorted(script: &str) -> BTreeMap<&str, Core> {
    let mut cores: BTreeMap<_, Core> = BTreeMap::new();
    for line in script.lines() {
        let Some((core, rest)) = line.trim_start().split_once(char::is_whitespace) else {
            continue;
        };
        let Some((_, named)) = rest.trim_start().split_once(' ') else {
            continue;
        };
        // A function's name may hold blanks and brackets; the object is last.
        let (function, object) = named.rsplit_once(" (").unwrap_or((named, ""));
        let (function, part) = (function.trim(), part(function, object));
        let core = cores.entry(core).or_default();
        core.samples += 1;
        *core.parts.entry(part).or_default() += 1;
        if part != IDLE {
            *core.functions.entry(function.to_owned()).or_default() += 1;
        }
    }
    cores
}

/// Whose code it is.
fn part(function: &str, object: &str) -> &'static str {
    let begins = |beginnings: &[&str]| beginnings.iter().any(|it| function.starts_with(it));
    let is_program = object.starts_with('/') || object.starts_with("[vdso]");
    if is_program {
        OWN
    } else if begins(&["bpf_prog_", "bpf_dispatcher_", "htab_", "__htab_"]) {
        XDP
    } else if function.contains("safe_halt") || function.contains("idle") {
        IDLE
    } else if begins(&["xsk_", "__xsk_", "xskq_", "xp_", "xdp_", "__xdp_"]) {
        AF_XDP
    } else {
        KERNEL
    }
}

impl Core {
    fn of_the_kernel(&self) -> usize {
        [XDP, AF_XDP, KERNEL]
            .iter()
            .filter_map(|part| self.parts.get(part))
            .sum()
    }

    fn share(&self, samples: usize) -> f64 {
        samples as f64 / self.samples as f64
    }

    /// The parts' shares of the core's time.
    #[must_use]
    pub fn shares(&self) -> Figures {
        Figures::of([OWN, XDP, AF_XDP, KERNEL, IDLE].map(|part| {
            let samples = self.parts.get(part).copied().unwrap_or(0);
            (part, self.share(samples))
        }))
    }

    /// What took most.
    #[must_use]
    pub fn functions(&self) -> Vec<(String, f64)> {
        let mut all: Vec<_> = self.functions.iter().collect();
        all.sort_by(|one, other| other.1.cmp(one.1).then(one.0.cmp(other.0)));
        let most = all.into_iter().take(FUNCTIONS);
        most.map(|(name, samples)| (name.clone(), self.share(*samples)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "\
[000]  ffffffff81aa0001 veth_xmit ([kernel.kallsyms])
[000]  ffffffff81aa0002 veth_xmit ([kernel.kallsyms])
[000]  ffffffff81aa0003 __xsk_generic_xmit ([kernel.kallsyms])
[000]  ffffffffc0000001 bpf_prog_ca0e96a78b83c49f_xskit_take_udp (bpf_prog_ca0e96a78b83c49f_xskit_take_udp)
[000]      55aa00000001 <a::B as c::D (e)>::f (/usr/bin/xskit)
[001]  ffffffff821f4dab pv_native_safe_halt ([kernel.kallsyms])
[001]      7fff00000001 __vdso_clock_gettime ([vdso])

not a sample
";

    #[test]
    fn samples_are_sorted_by_core_and_by_whose_code_they_fell_into() {
        let cores = sorted(SCRIPT);
        let first = &cores["[000]"];
        let shares = first.shares();
        let all = [OWN, XDP, AF_XDP, KERNEL, IDLE].map(|part| shares.get(part));
        assert_eq!(all, [0.2, 0.2, 0.2, 0.4, 0.0].map(Some));
        assert_eq!(first.functions()[0], ("veth_xmit".to_owned(), 0.4));
        assert!(
            first
                .functions()
                .iter()
                .any(|(name, _)| name == "<a::B as c::D (e)>::f")
        );
        let second = cores["[001]"].shares();
        assert_eq!([second.get(OWN), second.get(IDLE)], [Some(0.5), Some(0.5)]);
        assert!(first.of_the_kernel() > cores["[001]"].of_the_kernel());
    }
}
