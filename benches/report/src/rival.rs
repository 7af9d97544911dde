//! Other people's programs that do the same jobs, where they are installed.

use std::env;
use std::path::PathBuf;

use crate::job::Task;

/// What is run, and how its rate is read off what it prints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rival {
    pub(crate) name: &'static str,
    pub(crate) program: &'static str,
    tasks: &'static [Task],
    /// Bytes of its longest packets.
    longest: usize,
    /// The arguments for a task, separated by spaces.
    arguments: fn(Task, &Wire<'_>) -> String,
    /// The words next to the rate of packets sent, and of those received.
    labels: [&'static str; 2],
    /// From the word to the rate.
    step: isize,
    /// Packets that go into the other end by redirection arrive only if there is an XDP program.
    pub(crate) wants_program_on_peer: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire<'a> {
    pub(crate) interface: &'a str,
    pub(crate) peer_mac: &'a str,
    /// Bytes per packet.
    pub(crate) len_bytes: usize,
    pub(crate) port: u16,
    /// The processor that is left to the other host, and the one for packets.
    pub(crate) cores: [usize; 2],
}

/// All of them, each with the options that suit it best here.
pub(crate) const ALL: [Rival; 3] = [TESTPMD, XDPSOCK, TRAFFICGEN];

impl Rival {
    pub(crate) fn words(&self, task: Task, wire: &Wire<'_>) -> Vec<String> {
        words(&format!(
            "{} {}",
            self.program,
            (self.arguments)(task, wire)
        ))
    }

    /// Whether it can do a task with packets of this length.
    pub(crate) fn does(&self, task: Task, len_bytes: usize) -> bool {
        self.tasks.contains(&task) && len_bytes <= self.longest
    }

    /// The rate in a line of its output, in packets per second.
    pub(crate) fn rate(&self, task: Task, line: &str) -> Option<f64> {
        let label = self.labels[usize::from(task == Task::Rx)];
        let words: Vec<_> = line.split_whitespace().collect();
        let at = words.iter().position(|word| *word == label)?;
        let rate = words.get(at.checked_add_signed(self.step)?)?;
        rate.replace(',', "").parse().ok()
    }

    pub(crate) fn is_installed(&self) -> bool {
        is_installed(self.program)
    }
}

pub(crate) fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.any(|folder| folder.join(program).is_file())
}

/// The words of a command without quotes.
pub(crate) fn words(command: &str) -> Vec<String> {
    command.split_whitespace().map(str::to_owned).collect()
}

const PACKETS: &[Task] = &[Task::Tx, Task::Rx, Task::Fwd];

/// DPDK's testpmd on its AF_XDP driver, `net_af_xdp`, without huge pages and without a PCI device.
///
/// Busy polling, the driver's default, is off: every job is as fast or faster without.
/// `cargo xtask bench` measured, in million packets per second of 64 bytes: sent 1.30 either way,
/// received 0.68 with it and 0.90 without, sent back 0.63 and 0.64.
const TESTPMD: Rival = Rival {
    name: "testpmd",
    program: "dpdk-testpmd",
    tasks: PACKETS,
    longest: usize::MAX,
    arguments: |task, wire| {
        let mode = match task {
            Task::Tx | Task::Ping => "txonly",
            Task::Rx => "rxonly",
            Task::Fwd => "macswap",
        };
        // Its first thread prints statistics once a second; its second one moves packets.
        let [other, own] = wire.cores;
        let (interface, len_bytes) = (wire.interface, wire.len_bytes);
        format!(
            "--no-shconf --no-huge -m 256 --no-pci --no-telemetry --lcores=0@{other},1@{own} \
             --vdev=net_af_xdp0,iface={interface},busy_budget=0 -- --nb-cores=1 --stats-period=1 \
             --total-num-mbufs=16384 --burst=64 --port-topology=loop --forward-mode={mode} --txpkts={len_bytes}"
        )
    },
    // `  Tx-pps:       478543          Tx-bps:    245014032`
    labels: ["Tx-pps:", "Rx-pps:"],
    step: 1,
    wants_program_on_peer: false,
};

/// The kernel's sample program for AF_XDP sockets, on libxdp: `-N -c`, native and copy mode, is
/// what a veth can do.
const XDPSOCK: Rival = Rival {
    name: "xdpsock",
    program: "xdpsock",
    tasks: PACKETS,
    longest: usize::MAX,
    arguments: |task, wire| {
        let what = match task {
            Task::Tx | Task::Ping => "-t",
            Task::Rx => "-r",
            Task::Fwd => "-l",
        };
        let (interface, len_bytes) = (wire.interface, wire.len_bytes);
        format!("-i {interface} -q 0 {what} -N -c -n 1 -s {len_bytes}")
    },
    // `tx                 1,234,567      2,469,134`: the rate, then packets so far.
    labels: ["tx", "rx"],
    step: 1,
    wants_program_on_peer: false,
};

/// xdp-tools' xdp-trafficgen: packets of the least length, made in the kernel by a program that is
/// run over and over. It has no AF_XDP socket, so it shows what the wire takes, not what a socket
/// costs.
const TRAFFICGEN: Rival = Rival {
    name: "xdp-trafficgen",
    program: "xdp-trafficgen",
    tasks: &[Task::Tx],
    longest: 64,
    arguments: |_, wire| {
        let (mac, port, interface) = (wire.peer_mac, wire.port, wire.interface);
        format!("udp -m {mac} -p {port} -I 1 {interface}")
    },
    // `lo->v0   1234567 err/s   2,345,678 xmit/s`
    labels: ["xmit/s", ""],
    step: -1,
    wants_program_on_peer: true,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_tasks_direction() {
        use Task::{Fwd, Rx, Tx};
        let sent = "  Tx-pps:       478543          Tx-bps:    245014032";
        let received = "  Rx-pps:            7          Rx-bps:            0";
        for (rival, task, line, rate) in [
            (TESTPMD, Tx, sent, Some(478_543.0)),
            (TESTPMD, Fwd, sent, Some(478_543.0)),
            (TESTPMD, Rx, sent, None),
            (TESTPMD, Rx, received, Some(7.0)),
            (TESTPMD, Tx, "  TX-packets: 1905696    TX-errors: 0", None),
            (
                XDPSOCK,
                Tx,
                "tx       1,234,567      2,469,134     ",
                Some(1_234_567.0),
            ),
            (
                XDPSOCK,
                Rx,
                "rx       820000         820001",
                Some(820_000.0),
            ),
            (XDPSOCK, Rx, "tx       5              5", None),
            (XDPSOCK, Tx, " sock0@xsk0:0 txonly xdp-drv ", None),
            (
                TRAFFICGEN,
                Tx,
                "lo->v0   0 err/s   2,345,678 xmit/s",
                Some(2_345_678.0),
            ),
            (TRAFFICGEN, Tx, "  Transmitting on v0", None),
        ] {
            assert_eq!(rival.rate(task, line), rate, "{}: {line}", rival.name);
        }
    }
}
