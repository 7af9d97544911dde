//! The kernel's sample program for AF_XDP sockets, on libxdp: `-N -c`, native and copy mode, is what a veth can do.

use super::{Rival, Wire, words};
use crate::job::Task;

pub(super) const XDPSOCK: Rival = Rival {
    name: "xdpsock",
    program: "xdpsock",
    arguments,
    rate,
    wants_program_on_peer: false,
};

fn arguments(task: Task, wire: Wire<'_>) -> Option<Vec<String>> {
    let what = match task {
        Task::Tx => "-t",
        Task::Rx => "-r",
        Task::Fwd => "-l",
        Task::Ping => return None,
    };
    let size = wire.len_bytes.to_string();
    Some(words(&[
        "-i",
        wire.interface,
        "-q",
        "0",
        what,
        "-N",
        "-c",
        "-n",
        "1",
        "-s",
        &size,
    ]))
}

/// `tx                 1,234,567      2,469,134`: rate, then packets so far.
fn rate(task: Task, line: &str) -> Option<f64> {
    let name = if task == Task::Rx { "rx" } else { "tx" };
    let mut fields = line.split_whitespace();
    if fields.next() != Some(name) {
        return None;
    }
    fields.next()?.replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_comes_first_with_or_without_commas() {
        assert_eq!(
            rate(Task::Tx, "tx                 1,234,567      2,469,134     "),
            Some(1_234_567.0)
        );
        assert_eq!(
            rate(Task::Rx, "rx                 820000         820001"),
            Some(820_000.0)
        );
        assert_eq!(rate(Task::Rx, "tx                 5              5"), None);
        assert_eq!(rate(Task::Tx, " sock0@xsk0:0 txonly xdp-drv "), None);
    }
}
