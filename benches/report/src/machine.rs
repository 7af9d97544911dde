//! The machine of a run.

use std::fmt;
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
    /// This machine. What `/proc` does not contain is "unknown".
    pub(crate) fn this() -> Self {
        let memory = rustix::system::sysinfo();
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let mut fields = cpu.lines().filter_map(|line| line.split_once(':'));
            let found = fields.find(|(key, _)| key.trim() == name);
            found.map_or("unknown", |(_, value)| value.trim())
        };
        Self {
            processor: field("model name").to_owned(),
            cores: available_parallelism().map_or(1, usize::from),
            kernel: rustix::system::uname()
                .release()
                .to_string_lossy()
                .into_owned(),
            memory_bytes: memory.totalram * u64::from(memory.mem_unit),
            is_virtual: field("flags").split(' ').any(|flag| flag == "hypervisor"),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_virtual { "virtual " } else { "" };
        let (cores, processor, kernel) = (self.cores, &self.processor, &self.kernel);
        let gib = self.memory_bytes.div_ceil(1 << 30);
        write!(
            f,
            "{kind}machine with {cores} cores ({processor}), {gib} GiB of memory, Linux {kernel}"
        )
    }
}
