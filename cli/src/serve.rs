//! `xskit serve`: static files over HTTP/3.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use serde::{Deserialize, Serialize};
use xskit::net::Changes;
use xskit::quic::driver::{DriverConfig, DriverError};
use xskit::quic::server::ServerStats;
use xskit::quic::{
    FileServer, Files, Http, HttpConfig, HttpCounters, Root, Server, ServerConfig,
    udp_payload_for_mtu,
};
use xskit::wire;

use crate::args::ServeArgs;
use crate::attached::Attached;
use crate::confine::{Confinement, Reading};
use crate::credentials::Credentials;
use crate::drops::Drops;
use crate::failure;
use crate::nic::Nic;
use crate::own::{Taking, Wanted};
use crate::report::{self, Report, grouped};
use crate::session::{self, Driver, Socket};
use crate::stop::{LONGEST_WAIT, Reload, Stop};
use crate::trust;
use crate::usage::Usage;
use crate::zone;

/// How long connections may take to end once a signal came.
const FAREWELL: Duration = Duration::from_millis(500);

/// The start of the line that says the server is ready.
pub(crate) const READY: &str = "xskit: serving";

pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let confinement = Confinement::plan(&args.confinement)?;
    let mut nic = Nic::find(&args.socket)?;
    nic.avoid_redelivery();
    nic.link.require_address(args.listen.ip())?;
    let port_holder = hold_port(zone::on(args.listen, &nic.link)?)?;
    let credentials = Credentials::new(args, &nic);
    let (mut config, mut http) = (
        ServerConfig::new(credentials.read()?),
        HttpConfig::default(),
    );
    config.transport.max_udp_payload_bytes =
        udp_payload_for_mtu(nic.link.mtu_bytes as usize, args.listen.is_ipv6());
    args.bounds.configure(&mut config, &mut http);
    let root = Root::open(&args.root)?.with_dotfiles(args.dotfiles);
    let server = Server::new(&config, Http::new(Files::new(root), &http)?, Instant::now())?;
    let task = Serve {
        args,
        nic: &nic,
        credentials,
        server,
        confinement,
        stop: Stop::on_signals()?,
        reload: match args.self_signed {
            true => Reload::default(),
            false => Reload::on_signal()?,
        },
    };
    let summary = session::run(&nic, |socket| task.run(socket))?;
    drop(port_holder);
    report::print(&summary, args.json)
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

struct Serve<'a> {
    args: &'a ServeArgs,
    nic: &'a Nic,
    credentials: Credentials<'a>,
    server: FileServer<wire::Link>,
    confinement: Confinement,
    stop: Stop,
    reload: Reload,
}

impl Serve<'_> {
    fn run(mut self, socket: &mut Socket<'_>) -> anyhow::Result<ServeSummary> {
        let listen = zone::bare(self.args.listen);
        let taking = Taking::Own(Wanted {
            vlans: self.args.vlan.clone(),
            any_mac: self.args.any_mac,
            ..Wanted::new(listen.port(), listen.ip())
        });
        let mut attached = self.nic.attach(socket, &self.stop, &taking)?;
        let mode = attached.mode(socket);
        self.confine(&attached)?;
        report::say(format_args!(
            "{READY} {} at https://{listen}/ on {} queue {} ({mode})",
            self.args.root.display(),
            self.nic.link.name,
            self.args.socket.queue
        ));
        let mut driver = Driver::new(socket, DriverConfig::default());
        trust::follow(&mut driver, &self.nic.link, Changes::ALL)?;
        self.server.judge_links(trust::link_judge(&self.nic.link));
        self.serve(&mut driver, &mut attached)
            .map_err(|error| self.nic.socket_failed(error))?;
        attached.warn();
        attached.warn_of_length(driver.socket());
        let http = *self.server.application().counters();
        let stats = self.server.stats();
        ServeSummary::take(mode, self.nic, &mut driver, &attached, (&stats, &http))
    }
}

impl Serve<'_> {
    /// Gives up what only the set-up took.
    fn confine(&self, attached: &Attached) -> anyhow::Result<()> {
        let reading = Reading {
            root: &self.args.root,
            again: self.credentials.files(),
        };
        self.confinement
            .enter(&reading, || attached.malformed().is_ok())
    }

    /// Serves until a signal comes.
    fn serve(
        &mut self,
        driver: &mut Driver<'_, '_>,
        attached: &mut Attached,
    ) -> Result<(), DriverError> {
        while !self.stop.is_asked() {
            let moved = driver.turn(&mut self.server)?;
            let rested = driver.rest(&mut self.server, moved, LONGEST_WAIT)?;
            let changes = attached.watch(rested);
            attached.watch_length(rested, driver.socket());
            if let Err(error) = trust::follow(driver, &self.nic.link, changes) {
                // What was believed before is believed until the next change.
                tracing::warn!("whose packets to believe could not be asked: {error}");
            }
            if self.reload.take() {
                self.reload_credentials();
            }
        }
        self.say_farewell(driver)
    }

    /// On SIGHUP: reads the certificate again, for clients that come from now on.
    fn reload_credentials(&mut self) {
        let identity = self.credentials.read();
        let outcome = identity.and_then(|identity| Ok(self.server.set_identity(&identity)?));
        match outcome {
            Ok(()) => report::say(format_args!("xskit: note: the certificate was read again")),
            Err(error) => report::say(format_args!(
                "xskit: warning: SIGHUP: {}; the certificate stays as it was (serve is {} now: if that may not read \
                 the files, let it, or choose another --user)",
                failure::describe(&error),
                self.confinement.name()
            )),
        }
    }

    /// Closes every connection and lets the last packets out.
    fn say_farewell(&mut self, driver: &mut Driver<'_, '_>) -> Result<(), DriverError> {
        self.server.close_all(Instant::now());
        let deadline = Instant::now() + FAREWELL;
        while !self.server.is_drained() && Instant::now() < deadline {
            let moved = driver.turn(&mut self.server)?;
            driver.rest(&mut self.server, moved, Duration::from_millis(10))?;
        }
        Ok(())
    }
}

/// What a server did until it was ended.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ServeSummary {
    pub(crate) mode: String,
    /// Packets in both directions.
    pub(crate) packets: u64,
    #[serde(flatten)]
    pub(crate) usage: Usage,
    pub(crate) drops: Drops,
    /// Connections and requests that were one too many, or came to nothing in time, by cause.
    refused: Drops,
    connections: u64,
    requests: u64,
    /// Packets of connections that are not there, answered by a stateless reset.
    resets: u64,
    packets_lost: u64,
    packets_retransmitted: u64,
}

impl ServeSummary {
    fn take(
        mode: String,
        nic: &Nic,
        driver: &mut Driver<'_, '_>,
        attached: &Attached,
        (stats, http): (&ServerStats, &HttpCounters),
    ) -> anyhow::Result<Self> {
        let counters = driver.counters().clone();
        let socket = driver.socket();
        let statistics = socket.statistics().context("getsockopt(XDP_STATISTICS)")?;
        let mut drops = Drops::gather(&statistics, attached, &counters)?;
        let dropped = &stats.dropped;
        drops.count("not QUIC", dropped.malformed);
        drops.count("of no connection", dropped.unknown_connection);
        drops.count("first packet too short", dropped.short_initial);
        drops.count("first packet not decrypted", dropped.rejected_initial);
        drops.count("not authentic or known already", dropped.unauthentic);
        drops.count("against the protocol", dropped.violation);
        drops.count("while closing", dropped.closing);
        drops.count("too many to answer", dropped.answer_overflow);
        drops.count(
            "of no connection, too many to reset",
            dropped.reset_overflow,
        );
        drops.count("failed in the cryptographic library", dropped.internal);
        let packets = counters.received + counters.sent;
        Ok(Self {
            mode,
            packets,
            usage: Usage::take(socket, nic, packets),
            drops,
            refused: refused(stats, http),
            connections: stats.connections.established,
            requests: http.requests,
            resets: stats.answered.reset,
            packets_lost: stats.packets.lost,
            packets_retransmitted: stats.packets.retransmitted,
        })
    }
}

impl Report for ServeSummary {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let mut rows = vec![
            ("mode", format!("{}, {}", self.mode, self.usage.driving())),
            (
                "served",
                format!(
                    "{} requests on {} connections",
                    grouped(self.requests),
                    grouped(self.connections)
                ),
            ),
            (
                "packets",
                format!(
                    "{} ({} lost, {} sent again)",
                    grouped(self.packets),
                    grouped(self.packets_lost),
                    grouped(self.packets_retransmitted)
                ),
            ),
        ];
        rows.extend(self.usage.rows());
        if self.resets > 0 {
            let resets = grouped(self.resets);
            rows.push((
                "reset",
                format!("{resets} packets of connections that are not there"),
            ));
        }
        rows.push(("refused", self.refused.describe()));
        rows.push(("dropped", self.drops.describe()));
        rows
    }
}

fn refused(stats: &ServerStats, http: &HttpCounters) -> Drops {
    let (refused, ended) = (&stats.refused, &stats.connections);
    let mut causes = Drops::default();
    causes.count("beyond --max-connections", refused.server_full);
    causes.count("beyond --max-connections-per-host", refused.host_full);
    causes.count("beyond --max-connections-per-network", refused.network_full);
    causes.count("beyond a share of --max-open-files", http.too_many_files);
    causes.count("past --request-timeout", ended.request_timeouts);
    causes.count("past --response-timeout", ended.response_timeouts);
    causes.count("handshakes too slow", ended.handshake_timeouts);
    causes
}

#[cfg(test)]
mod tests {
    use xskit::quic::HttpCounters;
    use xskit::quic::server::ServerStats;

    use super::refused;

    #[test]
    fn refusals_are_listed_by_cause() {
        let (mut stats, http) = (ServerStats::default(), HttpCounters::default());
        assert_eq!(refused(&stats, &http).describe(), "none");
        stats.refused.host_full = 3;
        stats.connections.response_timeouts = 2;
        assert_eq!(
            refused(&stats, &http).describe(),
            "3 beyond --max-connections-per-host, 2 past --response-timeout"
        );
    }
}
