//! xdp-tools' xdp-trafficgen: packets made in the kernel by a program that is run over and over. No AF_XDP socket is
//! part of it, so it shows what the wire takes, not what a socket costs.

use super::{Rival, Wire, words};
use crate::job::Task;

pub(super) const TRAFFICGEN: Rival = Rival {
    name: "xdp-trafficgen",
    program: "xdp-trafficgen",
    arguments,
    rate,
    wants_program_on_peer: true,
};

/// It makes the least packets only.
fn arguments(task: Task, wire: Wire<'_>) -> Option<Vec<String>> {
    if task != Task::Tx || wire.len_bytes > 64 {
        return None;
    }
    let port = wire.port.to_string();
    Some(words(&[
        "udp",
        "-m",
        wire.peer_mac,
        "-p",
        &port,
        "-I",
        "1",
        wire.interface,
    ]))
}

/// `lo->v0   1234567 err/s   2,345,678 xmit/s`
fn rate(_: Task, line: &str) -> Option<f64> {
    let (before, _) = line.split_once("xmit/s")?;
    before
        .split_whitespace()
        .next_back()?
        .replace(',', "")
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_stands_before_its_unit() {
        assert_eq!(
            rate(Task::Tx, "lo->v0   0 err/s   2,345,678 xmit/s"),
            Some(2_345_678.0)
        );
        assert_eq!(rate(Task::Tx, "  Transmitting on v0"), None);
    }
}
