//! DPDK's testpmd on its AF_XDP driver, `net_af_xdp`. It needs no huge pages here, and no PCI device.

use super::{Rival, Wire, words};
use crate::job::Task;

/// Without busy polling, which the driver begins by default: at every job it is as fast or faster so. (With the other
/// way in the list of rivals, `cargo xtask bench` said: 64 bytes sent 1.30 and 1.30 million a second, received 0.68 with
/// busy polling and 0.90 without, sent back 0.63 and 0.64.)
pub(super) const TESTPMD: Rival = Rival {
    name: "testpmd",
    program: "dpdk-testpmd",
    arguments,
    rate,
    wants_program_on_peer: false,
};

fn arguments(task: Task, wire: Wire<'_>) -> Option<Vec<String>> {
    let mode = match task {
        Task::Tx => "txonly",
        Task::Rx => "rxonly",
        Task::Fwd => "macswap",
        Task::Ping => return None,
    };
    let mut all = words(&[
        "--no-shconf",
        "--no-huge",
        "-m",
        "256",
        "--no-pci",
        "--no-telemetry",
    ]);
    // Its first thread prints statistics, once a second; its second one moves packets.
    let [other, own] = wire.cores;
    all.push(format!("--lcores=0@{other},1@{own}"));
    all.push(format!(
        "--vdev=net_af_xdp0,iface={},busy_budget=0",
        wire.interface
    ));
    all.extend(words(&[
        "--",
        "--nb-cores=1",
        "--stats-period=1",
        "--total-num-mbufs=16384",
        "--burst=64",
        "--port-topology=loop",
    ]));
    all.push(format!("--forward-mode={mode}"));
    all.push(format!("--txpkts={}", wire.len_bytes));
    Some(all)
}

/// `  Tx-pps:       478543          Tx-bps:    245014032`
fn rate(task: Task, line: &str) -> Option<f64> {
    let name = if task == Task::Rx {
        "Rx-pps:"
    } else {
        "Tx-pps:"
    };
    let (_, after) = line.trim().split_once(name)?;
    after.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_tasks_direction() {
        let sent = "  Tx-pps:       478543          Tx-bps:    245014032";
        let received = "  Rx-pps:            7          Rx-bps:            0";
        assert_eq!(rate(Task::Tx, sent), Some(478_543.0));
        assert_eq!(rate(Task::Fwd, sent), Some(478_543.0));
        assert_eq!(rate(Task::Rx, sent), None);
        assert_eq!(rate(Task::Rx, received), Some(7.0));
        assert_eq!(
            rate(Task::Tx, "  TX-packets: 1905696    TX-errors: 0"),
            None
        );
    }
}
