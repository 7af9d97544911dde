//! `serve` over AF_XDP sockets: the set-up, until there are workers.

use std::time::Instant;

use anyhow::ensure;
use xskit::quic::Worker;
use xskit::wire::LinkPath;

use super::confine::Confinement;
use super::summary::ServeSummary;
use super::tcp::Tcp;
use super::team::Team;
use super::worker::Task;
use crate::args::{AfXdpArgs, QueueChoice, ServeArgs, SocketArgs};
use crate::nic::{Nic, port};
use crate::zone;

pub(super) fn run(args: &ServeArgs, options: &AfXdpArgs) -> anyhow::Result<ServeSummary> {
    let confinement = Confinement::plan(&args.confinement)?;
    let nics = find(options)?;
    let link = &nics[0].link;
    link.require_address(args.listen.ip())?;
    let address = zone::on(args.listen, link)?;
    let port_holder = port::hold(address)?;
    let tcp = Tcp::open(args, address)?;
    let team = Team::new(args, confinement, Some(link), link.mtu_bytes, nics.len())?;
    let workers = Worker::<LinkPath>::team(&team.config, nics.len(), Instant::now())?;
    let tasks = nics.iter().zip(workers);
    let tasks = tasks.map(|(nic, worker)| Task {
        nic,
        options,
        worker,
    });
    let (summary, by_tcp) = Tcp::beside(tcp, &team, || team.run(tasks.collect()))?;
    drop(port_holder);
    Ok(summary.with_rest(by_tcp, team.log_lines_lost()))
}

/// The interface, once per queue.
fn find(options: &AfXdpArgs) -> anyhow::Result<Vec<Nic>> {
    let of = |queue| SocketArgs {
        iface: options.iface.clone(),
        queue,
        tuning: options.tuning.clone(),
    };
    let first = match &options.queue {
        QueueChoice::All => 0,
        QueueChoice::These(queues) => queues.first().copied().unwrap_or(0),
    };
    let mut nic = Nic::find(&of(first))?;
    nic.avoid_redelivery();
    let queues = match &options.queue {
        QueueChoice::These(queues) => queues.clone(),
        QueueChoice::All => match nic.link.queues()? {
            counts if counts.is_exact => (0..counts.both()).collect(),
            // The driver can't report which are active.
            _ => vec![0],
        },
    };
    ensure!(
        queues.len() <= Worker::<LinkPath>::MAX,
        "{} queues are more than the {} that can be served: name some with --queue, or reduce them \
         with `ethtool -L {} combined N`",
        queues.len(),
        Worker::<LinkPath>::MAX,
        nic.link.name
    );
    queues.iter().map(|queue| nic.at_queue(*queue)).collect()
}
