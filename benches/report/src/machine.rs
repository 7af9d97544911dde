//! The machine of a run.

use std::fs;
use std::thread::available_parallelism;

use serde::{Deserialize, Serialize};

/// What figures depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    /// How many processors this program may use.
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) memory_bytes: u64,
    /// Whether its processor says that it is virtual.
    pub(crate) is_virtual: bool,
}

impl Machine {
    /// This machine. What `/proc` does not contain stays empty.
    pub(crate) fn this() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (cpu, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
        let kib = field(&memory, "MemTotal")
            .and_then(|value| value.split(' ').next()?.parse::<u64>().ok());
        Self {
            processor: field(&cpu, "model name").unwrap_or("unknown").to_owned(),
            cores: available_parallelism().map_or(1, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            memory_bytes: kib.unwrap_or(0) * 1024,
            is_virtual: field(&cpu, "flags")
                .is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor")),
        }
    }

    pub(crate) fn sentence(&self) -> String {
        let kind = if self.is_virtual {
            "virtual machine"
        } else {
            "machine"
        };
        format!(
            "{kind} with {} cores ({}), {} GiB of memory, Linux {}",
            self.cores,
            self.processor,
            self.memory_bytes.div_ceil(1 << 30),
            self.kernel
        )
    }
}

/// The value behind `name   : value`, in the first line that has it.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then_some(value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "model\t\t: 17\nmodel name\t: A processor\nflags\t: fpu hypervisor\n";
        assert_eq!(field(text, "model name"), Some("A processor"));
        assert_eq!(field(text, "model"), Some("17"));
        assert_eq!(field(text, "name"), None);
    }

    #[test]
    fn a_machine_fits_in_a_line() {
        let machine = Machine {
            processor: "P".to_owned(),
            cores: 2,
            kernel: "6.18".to_owned(),
            memory_bytes: (4 << 30) - 5,
            is_virtual: true,
        };
        let line = "virtual machine with 2 cores (P), 4 GiB of memory, Linux 6.18";
        assert_eq!(machine.sentence(), line);
    }
}
