//! How a socket was driven, and the system calls and processor time that took.

use std::collections::BTreeMap;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use xskit::af_xdp::backend::{Backend, Calls};
use xskit::af_xdp::socket::BusyPolling;
use xskit::quic::driver::UdpCalls;

use super::Nic;
use super::socket::Socket;
use crate::report::{grouped, per_thousand};

/// How a socket was driven, and what that took; part of every report.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Usage {
    pub(crate) backend: String,
    /// How it waited.
    pub(crate) wait: String,
    /// Packets that one kick sends; `None` if it sends all.
    kick_budget: Option<u32>,
    /// The busy polling obtained, if it was asked for.
    busy_poll: Option<String>,
    #[serde(flatten)]
    pub(crate) counts: CallCounts,
    /// Processor time of the whole process, kernel and all threads included; in a benchmark, since
    /// its clock was started.
    cpu_seconds: f64,
}

impl Usage {
    /// Takes stock of a socket that `packets` went through.
    pub(crate) fn take(socket: &Socket<'_>, nic: &Nic, packets: u64) -> Self {
        let calls = socket.backend().calls();
        Self::of_all(socket, nic, &calls, packets)
    }

    /// The same of several like sockets, which made these calls.
    pub(crate) fn of_all(socket: &Socket<'_>, nic: &Nic, calls: &Calls, packets: u64) -> Self {
        let obtained = socket.obtained();
        let busy_poll = match obtained.busy_poll {
            BusyPolling::Off => None,
            asked => Some(asked.to_string()),
        };
        Self {
            backend: socket.backend().name().to_owned(),
            wait: nic.wait.clone(),
            kick_budget: obtained.kick_budget.map(Into::into),
            busy_poll,
            counts: CallCounts::new(calls, packets),
            cpu_seconds: cpu_seconds(),
        }
    }

    /// Takes stock of a UDP socket of the kernel that `packets` went through.
    pub(crate) fn of_kernel(calls: &UdpCalls, packets: u64) -> Self {
        let kinds = [
            ("receive", calls.receives),
            ("send", calls.sends),
            ("wait", calls.waits),
        ];
        Self {
            backend: "quinn-udp".to_owned(),
            wait: "block".to_owned(),
            kick_budget: None,
            busy_poll: None,
            counts: CallCounts {
                syscalls: calls.total(),
                syscalls_per_1000_packets: per_thousand(calls.total(), packets),
                calls: named(&kinds),
                submissions: BTreeMap::new(),
            },
            cpu_seconds: cpu_seconds(),
        }
    }

    /// The same without the processor time used before: set-up takes as much for one packet as for
    /// a million.
    pub(crate) fn since(mut self, cpu_seconds_before: f64) -> Self {
        self.cpu_seconds -= cpu_seconds_before;
        self
    }

    /// `backend uring (multishot)`.
    pub(crate) fn driving(&self) -> String {
        format!("backend {} ({})", self.backend, self.wait)
    }

    /// Rows for people.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String)> {
        let counts = &self.counts;
        let mut rows = vec![("system calls", counts.describe())];
        rows.extend(counts.describe_submissions().map(|it| ("submissions", it)));
        rows.extend(self.busy_poll.clone().map(|it| ("busy polling", it)));
        rows
    }
}

/// Processor time that this process has used so far.
pub(crate) fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// System calls and ring submissions by kind. Those of the set-up are listed but not in the sum:
/// they are as many for one packet as for a million.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct CallCounts {
    /// System calls for packets.
    pub(crate) syscalls: u64,
    syscalls_per_1000_packets: f64,
    /// System calls by kind.
    calls: BTreeMap<String, u64>,
    /// Entries put on an io_uring by kind.
    submissions: BTreeMap<String, u64>,
}

impl CallCounts {
    fn new(calls: &Calls, packets: u64) -> Self {
        let syscalls = calls.data_path();
        Self {
            syscalls,
            syscalls_per_1000_packets: per_thousand(syscalls, packets),
            calls: named(&calls.by_kind()),
            submissions: named(&calls.submissions.by_kind()),
        }
    }

    /// `1,234 (56.7 per 1,000 packets): 1,000 kick, 234 wait`.
    fn describe(&self) -> String {
        let mut text = format!(
            "{} ({:.1} per 1,000 packets)",
            grouped(self.syscalls),
            self.syscalls_per_1000_packets
        );
        let kinds = listing(&self.calls);
        if !kinds.is_empty() {
            text.push_str(": ");
            text.push_str(&kinds);
        }
        text
    }

    /// What went through io_uring, if anything did.
    fn describe_submissions(&self) -> Option<String> {
        Some(listing(&self.submissions)).filter(|text| !text.is_empty())
    }
}

fn named(kinds: &[(&str, u64)]) -> BTreeMap<String, u64> {
    kinds
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect()
}

/// The kinds used for packets.
fn listing(kinds: &BTreeMap<String, u64>) -> String {
    let some: Vec<_> = kinds
        .iter()
        .filter(|(name, count)| **count > 0 && *name != "set-up")
        .map(|(name, count)| format!("{} {name}", grouped(*count)))
        .collect();
    some.join(", ")
}

#[cfg(test)]
mod tests {
    use super::CallCounts;
    use xskit::af_xdp::backend::Calls;

    #[test]
    fn kinds_that_were_used_are_listed() {
        let mut calls = Calls::default();
        calls.setup = 20;
        calls.kicks = 1000;
        calls.waits = 234;
        calls.submissions.polls = 7;
        let counts = CallCounts::new(&calls, 10_000);
        assert_eq!(
            counts.describe(),
            "1,234 (123.4 per 1,000 packets): 1,000 kick, 234 wait"
        );
        assert_eq!(counts.describe_submissions(), Some("7 poll".to_owned()));
        assert_eq!(counts.calls["set-up"], 20);
        let none = CallCounts::new(&Calls::default(), 0);
        assert_eq!(none.describe(), "0 (0.0 per 1,000 packets)");
        assert_eq!(none.describe_submissions(), None);
    }
}
