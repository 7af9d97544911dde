//! Where the processor's time goes during a job: samples by perf(1), sorted by whose code they are
//! in.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use crate::figures::Figures;

/// The share of a core's time in programs and their libraries.
pub(crate) const OWN: &str = "own_share";
/// The share in the XDP program, and in what it calls.
pub(crate) const XDP: &str = "xdp_program_share";
/// The share in the kernel's AF_XDP and XDP code.
pub(crate) const AF_XDP: &str = "af_xdp_share";
/// The share in the rest of the kernel: the device, packet buffers, interrupts, system calls.
pub(crate) const KERNEL: &str = "kernel_share";
/// The share in which the core was idle.
pub(crate) const IDLE: &str = "idle_share";

/// Samples per second. Odd, so that what happens at a round rate is neither always hit nor never.
const SAMPLES_A_SECOND: u32 = 1999;

/// Functions per profile.
const FUNCTIONS: usize = 12;

/// The profile of one contestant at a job, on one core.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) job: String,
    /// The contestant's name, and the core.
    pub(crate) who: String,
    /// The functions that took most of the core's time, with their shares of it.
    pub(crate) functions: Vec<(String, f64)>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Core {
    samples: usize,
    /// Samples of a core that is never idle.
    due: usize,
    parts: BTreeMap<&'static str, usize>,
    functions: BTreeMap<String, usize>,
}

/// Samples two cores for `length`.
pub(crate) fn record(cores: [usize; 2], length: Duration) -> anyhow::Result<[Core; 2]> {
    let [first, second] = cores;
    let file = tempfile::NamedTempFile::new().context("a file for samples")?;
    let mut perf = Command::new("perf");
    perf.args(["record", "--quiet", "--event=cpu-clock", "--freq"])
        .args([
            &SAMPLES_A_SECOND.to_string(),
            &format!("--cpu={first},{second}"),
        ])
        .args(["--output".as_ref(), file.path().as_os_str()])
        .args(["--", "sleep", &length.as_secs_f64().to_string()]);
    output_of(perf)?;
    let mut perf = Command::new("perf");
    perf.args(["script", "--fields=cpu,ip,sym,dso", "--input"]);
    perf.arg(file.path());
    let mut sorted = sorted(&output_of(perf)?);
    // A core that sleeps is not sampled.
    let due = (f64::from(SAMPLES_A_SECOND) * length.as_secs_f64()) as usize;
    Ok(cores.map(|core| Core {
        due,
        ..sorted.remove(&core).unwrap_or_default()
    }))
}

fn output_of(mut perf: Command) -> anyhow::Result<String> {
    let output = perf.stdin(Stdio::null()).output();
    let output = output.context("perf(1) can't be run: is it installed?")?;
    ensure!(
        output.status.success(),
        "perf(1), which needs CAP_PERFMON or kernel.perf_event_paranoid=-1: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Lines of the kind `[001]  ffffffff821f4dab veth_xmit ([kernel.kallsyms])`, by core.
fn sorted(script: &str) -> BTreeMap<usize, Core> {
    let mut cores: BTreeMap<_, Core> = BTreeMap::new();
    for (core, address, function) in script.lines().filter_map(sample) {
        let part = part(address, function);
        let core = cores.entry(core).or_default();
        core.samples += 1;
        *core.parts.entry(part).or_default() += 1;
        if part != IDLE {
            *core.functions.entry(function.to_owned()).or_default() += 1;
        }
    }
    cores
}

/// The core, the address and the function of a sample.
fn sample(line: &str) -> Option<(usize, u64, &str)> {
    let (core, rest) = line.trim_start().split_once(']')?;
    let core = core.strip_prefix('[')?.parse().ok()?;
    let (address, named) = rest.trim_start().split_once(' ')?;
    // A function's name may contain spaces and brackets; the object is last.
    let (function, _object) = named.rsplit_once(" (")?;
    let address = u64::from_str_radix(address, 16).ok()?;
    Some((core, address, function.trim()))
}

/// Whose code it is. The kernel has the upper half of the addresses.
fn part(address: u64, function: &str) -> &'static str {
    const XDP_PROGRAM: [&str; 7] = [
        "bpf_prog_",
        "bpf_dispatcher_",
        "bpf_xdp_",
        "htab_",
        "__htab_",
        "array_map_",
        "percpu_array_map_",
    ];
    const KERNELS_AF_XDP: [&str; 6] = ["xsk_", "__xsk_", "xskq_", "xp_", "xdp_", "__xdp_"];
    let begins = |names: &[&str]| names.iter().any(|name| function.starts_with(name));
    if address >> 63 == 0 {
        OWN
    } else if begins(&XDP_PROGRAM) {
        XDP
    } else if begins(&KERNELS_AF_XDP) {
        AF_XDP
    } else if function.contains("safe_halt") || function.contains("idle") {
        IDLE
    } else {
        KERNEL
    }
}

impl Core {
    fn share(&self, samples: usize) -> f64 {
        samples as f64 / self.samples.max(self.due) as f64
    }

    /// The shares of the core's time, by whose code it was.
    pub(crate) fn shares(&self) -> Figures {
        let missing = self.due.saturating_sub(self.samples);
        Figures::of([OWN, XDP, AF_XDP, KERNEL, IDLE].map(|part| {
            let samples = self.parts.get(part).copied().unwrap_or(0);
            let asleep = if part == IDLE { missing } else { 0 };
            (part, self.share(samples + asleep))
        }))
    }

    /// The functions that took most, with their shares.
    pub(crate) fn functions(&self) -> Vec<(String, f64)> {
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
[000]  ffffffffc0000001 bpf_prog_ca0e96a78b83c49f_xskit_take (bpf_prog_ca0e96a78b83c49f_xskit_take)
[000]      55aa00000001 <a::B as c::D (e)>::f (/usr/bin/xskit)
[000]      55aa00000002 [unknown] ([unknown])
[001]  ffffffff821f4dab pv_native_safe_halt ([kernel.kallsyms])
[001]      7fff00000001 __vdso_clock_gettime ([vdso])

not a sample
";

    #[test]
    fn samples_are_sorted_by_core_and_by_whose_code_they_fell_into() {
        let cores = sorted(SCRIPT);
        let first = &cores[&0];
        let shares = first.shares();
        let all = [OWN, XDP, AF_XDP, KERNEL, IDLE].map(|part| shares.get(part));
        let sixth = 1.0 / 6.0;
        let expected = [2.0 * sixth, sixth, sixth, 2.0 * sixth, 0.0];
        assert_eq!(all, expected.map(Some));
        let (name, share) = &first.functions()[0];
        assert_eq!((name.as_str(), *share), ("veth_xmit", 2.0 * sixth));
        assert!(
            first
                .functions()
                .iter()
                .any(|(name, _)| name == "<a::B as c::D (e)>::f")
        );
        let second = cores[&1].shares();
        assert_eq!([second.get(OWN), second.get(IDLE)], [Some(0.5), Some(0.5)]);
        let half_asleep = Core {
            due: 4,
            ..cores[&1].clone()
        };
        let shares = half_asleep.shares();
        assert_eq!(
            [shares.get(OWN), shares.get(IDLE)],
            [Some(0.25), Some(0.75)]
        );
    }
}
