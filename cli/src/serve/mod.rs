//! `xskit serve`: static files over HTTP/3, by a worker for each queue of the interface.
//!
//! | file | holds |
//! | --- | --- |
//! | `mod.rs` | the set-up, until there are workers |
//! | `team.rs` | the steps that workers take together, and what one tells the others |
//! | `worker.rs` | one worker: a socket, a server, and the loop that runs them |
//! | `summary.rs` | what was done, all workers together |

mod summary;
mod team;
mod worker;

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

use anyhow::{anyhow, ensure};
use xskit::quic::{HttpCommon, HttpConfig, ServerConfig, Worker, udp_payload_for_mtu};
use xskit::wire::Link;

pub(crate) use summary::ServeSummary;

use crate::access_log::AccessLog;
use crate::args::{QueueChoice, ServeArgs, SocketArgs};
use crate::confine::Confinement;
use crate::credentials::Credentials;
use crate::nic::Nic;
use crate::report;
use crate::stop::{Reload, Stop};
use crate::zone;
use team::Team;
use worker::Task;

/// The start of the line that says the server is ready.
pub(crate) const READY: &str = "xskit: serving";

pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let confinement = Confinement::plan(&args.confinement)?;
    let nics = find(args)?;
    let nic = &nics[0];
    nic.link.require_address(args.listen.ip())?;
    let port_holder = hold_port(zone::on(args.listen, &nic.link)?)?;
    let credentials = Credentials::new(args, nic);
    let (mut config, mut http) = (
        ServerConfig::new(credentials.read()?),
        HttpConfig::default(),
    );
    config.transport.max_udp_payload_bytes =
        udp_payload_for_mtu(nic.link.mtu_bytes as usize, args.listen.is_ipv6());
    args.bounds.configure(&mut config, &mut http);
    let open_log = |path| AccessLog::open(path, &args.root);
    let log = args.access_log.as_deref().map(open_log).transpose()?;
    let workers = Worker::<Link>::team(&config, nics.len(), Instant::now())?;
    let team = Team {
        args,
        credentials,
        config,
        common: HttpCommon::new(&http),
        confinement,
        stop: Stop::on_signals()?,
        reload: match args.self_signed && log.is_none() {
            true => Reload::default(),
            false => Reload::on_signal()?,
        },
        log,
        news: team::News::default(),
        has_others: nics.len() > 1,
    };
    let tasks = nics.iter().zip(workers);
    let tasks = tasks.map(|(nic, worker)| Task { nic, worker });
    let summary = team.run(tasks.collect())?;
    drop(port_holder);
    report::print(&summary, args.json)
}

/// The interface, once for each of the queues.
fn find(args: &ServeArgs) -> anyhow::Result<Vec<Nic>> {
    let of = |queue| SocketArgs {
        iface: args.iface.clone(),
        queue,
        tuning: args.tuning.clone(),
    };
    let first = match &args.queue {
        QueueChoice::All => 0,
        QueueChoice::These(queues) => queues.first().copied().unwrap_or(0),
    };
    let mut nic = Nic::find(&of(first))?;
    nic.avoid_redelivery();
    let queues = match &args.queue {
        QueueChoice::These(queues) => queues.clone(),
        QueueChoice::All => match nic.link.queues()? {
            counts if counts.is_exact => (0..counts.both()).collect(),
            // The driver can't say which are active.
            _ => vec![0],
        },
    };
    ensure!(
        queues.len() <= Worker::<Link>::MAX,
        "{} queues are more than the {} that can be served: name some with --queue, or have fewer with \
         `ethtool -L {} combined N`",
        queues.len(),
        Worker::<Link>::MAX,
        nic.link.name
    );
    queues.iter().map(|queue| nic.at_queue(*queue)).collect()
}

/// A kernel socket that holds the port: nobody else gets it, and the kernel doesn't answer
/// "port unreachable" to what the XDP program passes on. Nothing is ever read from it.
pub(crate) fn hold_port(address: SocketAddr) -> anyhow::Result<UdpSocket> {
    UdpSocket::bind(address).map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::AddrInUse => {
                "; another program has the port: end it (`ss -lunp` lists who has which), or choose \
                 another"
            }
            ErrorKind::PermissionDenied => {
                "; ports this low need CAP_NET_BIND_SERVICE: run as root, grant it, or choose a \
                 higher one"
            }
            _ => "",
        };
        anyhow!("bind(2) to UDP {address}: {error}{hint}")
    })
}
