//! Packets to take that arrive on a queue without a socket, described with the remedy.

use std::collections::BTreeMap;

use xskit::bpf::Strays;
use xskit::net::Link;

/// What is taken, and the queues that have sockets.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    /// The UDP port; `None` if all frames are taken.
    pub(crate) port: Option<u16>,
    pub(crate) is_ipv6: bool,
    pub(crate) queues: Vec<u32>,
    /// The user chose the port, so a steering rule helps the next time, too.
    pub(crate) is_chosen: bool,
}

/// How many came in on each queue, by its number; queues that are not counted singly are `64+`.
pub(crate) fn by_queue(strays: &Strays) -> BTreeMap<String, u64> {
    let beyond = (format!("{}+", Strays::FIRST_UNCOUNTED), strays.beyond);
    let queues = strays.by_queue.iter();
    queues
        .map(|(queue, packets)| (queue.to_string(), *packets))
        .chain([beyond].into_iter().filter(|(_, packets)| *packets > 0))
        .collect()
}

/// How many came in where, and the commands that fix it.
pub(crate) fn describe(strays: &Strays, link: &Link, taken: &Taken) -> String {
    let name = &link.name;
    let for_port = taken.port.map(|port| format!(" for UDP port {port}"));
    format!(
        "{} packets{} came in on {} of {name}, where no socket is, and were left to the kernel: {}",
        strays.total(),
        for_port.unwrap_or_default(),
        queues(strays),
        remedy(link, taken)
    )
}

/// `queue 1`, `queues 1, 3`.
pub(crate) fn name(queues: &[u32]) -> String {
    named(queues.iter().map(u32::to_string).collect())
}

/// `queue 1`, `queues 1, 3, 64+`.
fn queues(strays: &Strays) -> String {
    named(by_queue(strays).into_keys().collect())
}

fn named(names: Vec<String>) -> String {
    let noun = if names.len() == 1 { "queue" } else { "queues" };
    format!("{noun} {}", names.join(", "))
}

fn remedy(link: &Link, taken: &Taken) -> String {
    let name = &link.name;
    let &[queue] = taken.queues.as_slice() else {
        return format!(
            "restart xskit, so that it opens a socket on every queue that {name} has now, or name \
             more queues with --queue"
        );
    };
    let one = match link.queues() {
        Ok(queues) if queues.combined == 0 => "rx 1 tx 1",
        _ => "combined 1",
    };
    let mut text = format!("have one queue take all packets with `ethtool -L {name} {one}`");
    if queue != 0 {
        text.push_str(" and --queue 0");
    }
    if let Some(port) = taken.port.filter(|_| taken.is_chosen) {
        let family = if taken.is_ipv6 { "udp6" } else { "udp4" };
        text.push_str(&format!(
            ", or steer the port, if the device can, with `ethtool -N {name} flow-type {family} \
             dst-port {port} action {queue}`"
        ));
    }
    text
}
