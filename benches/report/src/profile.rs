//! Where the processor's time goes during a job: samples by perf(1), sorted by whose code they are
//! in.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

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

/// Samples two cores for `length`. Returns the shares of each core's time, by whose code it was.
pub(crate) fn record(cores: [usize; 2], length: Duration) -> anyhow::Result<[Figures; 2]> {
    let [first, second] = cores;
    let file = tempfile::NamedTempFile::new().context("a file for samples")?;
    let mut perf = Command::new("perf");
    perf.args(["record", "--quiet", "--event=cpu-clock"])
        .arg(format!("--freq={SAMPLES_A_SECOND}"))
        .arg(format!("--cpu={first},{second}"))
        .arg("--output")
        .arg(file.path())
        .args(["--", "sleep", &length.as_secs_f64().to_string()]);
    output_of(&mut perf)?;
    let mut perf = Command::new("perf");
    perf.args(["script", "--fields=cpu,ip,sym,dso", "--input"]);
    let script = output_of(perf.arg(file.path()))?;
    let due = (f64::from(SAMPLES_A_SECOND) * length.as_secs_f64()) as usize;
    Ok(cores.map(|core| shares(&script, core, due)))
}

fn output_of(perf: &mut Command) -> anyhow::Result<String> {
    let output = perf.stdin(Stdio::null()).output();
    let output = output.context("perf(1) can't be run: is it installed?")?;
    ensure!(
        output.status.success(),
        "perf(1), which needs CAP_PERFMON or kernel.perf_event_paranoid=-1: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Of a core of which `due` samples were to be taken: while it sleeps, none is.
fn shares(script: &str, core: usize, due: usize) -> Figures {
    let samples = script.lines().filter_map(sample);
    let mut parts: BTreeMap<_, usize> = BTreeMap::new();
    for (_, address, function) in samples.filter(|(of, ..)| *of == core) {
        *parts.entry(part(address, function)).or_default() += 1;
    }
    let asleep = due.saturating_sub(parts.values().sum());
    *parts.entry(IDLE).or_default() += asleep;
    let all: usize = parts.values().sum();
    Figures::of([OWN, XDP, AF_XDP, KERNEL, IDLE].map(|part| {
        let samples = parts.get(part).copied().unwrap_or(0);
        (part, samples as f64 / all as f64)
    }))
}

/// The core, the address and the function in a line of the kind
/// `[001]  ffffffff821f4dab veth_xmit ([kernel.kallsyms])`.
fn sample(line: &str) -> Option<(usize, u64, &str)> {
    let (core, rest) = line.trim_start().strip_prefix('[')?.split_once(']')?;
    let (address, named) = rest.trim_start().split_once(' ')?;
    // A function's name may contain spaces and brackets; the object is last.
    let (function, _object) = named.rsplit_once(" (")?;
    let address = u64::from_str_radix(address, 16).ok()?;
    Some((core.parse().ok()?, address, function.trim()))
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
        for (core, due, expected) in [
            (0, 0, [2.0, 1.0, 1.0, 2.0, 0.0]),
            (1, 0, [3.0, 0.0, 0.0, 0.0, 3.0]),
            (1, 6, [1.0, 0.0, 0.0, 0.0, 5.0]),
        ] {
            let shares = shares(SCRIPT, core, due);
            let all = [OWN, XDP, AF_XDP, KERNEL, IDLE].map(|part| shares.get(part));
            let expected = expected.map(|sixths| Some(sixths / 6.0));
            assert_eq!(all, expected, "core {core}, {due} due");
        }
    }
}
