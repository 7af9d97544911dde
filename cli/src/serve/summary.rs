//! `ServeSummary`: the report of a server, all workers together.

use serde::{Deserialize, Serialize};
use xskit::af_xdp::abi::Statistics;
use xskit::af_xdp::backend::Calls;
use xskit::https::HttpsStats;
use xskit::quic::driver::DriverCounters;
use xskit::quic::server::ServerStats;
use xskit::quic::{FileServer, HttpCounters};

use crate::nic::Nic;
use crate::nic::attached::Attached;
use crate::nic::drops::Drops;
use crate::nic::socket::Socket;
use crate::nic::usage::Usage;
use crate::report::{Report, grouped};

/// What one worker did, over an AF_XDP socket.
#[derive(Clone, Debug)]
pub(super) struct Share {
    pub(super) statistics: Statistics,
    pub(super) calls: Calls,
    pub(super) served: Served,
}

/// What a server did, whichever sockets it had.
#[derive(Clone, Debug)]
pub(super) struct Served {
    pub(super) driver: DriverCounters,
    pub(super) server: ServerStats,
    pub(super) http: HttpCounters,
}

impl Share {
    pub(super) fn add(&mut self, other: &Self) {
        self.statistics += other.statistics;
        self.calls += other.calls;
        self.served.add(&other.served);
    }
}

impl Served {
    /// Counts of a server, and of the driver that its packets went through.
    pub(super) fn new<L: Copy + PartialEq>(
        driver: &DriverCounters,
        server: &FileServer<L>,
    ) -> Self {
        Self {
            driver: driver.clone(),
            server: server.stats(),
            http: *server.application().counters(),
        }
    }

    /// Packets in both directions.
    pub(super) fn packets(&self) -> u64 {
        self.driver.received + self.driver.sent
    }

    fn add(&mut self, other: &Self) {
        self.driver.add(&other.driver);
        self.server.add(&other.server);
        self.http.add(&other.http);
    }
}

/// The report of a server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ServeSummary {
    pub(crate) mode: String,
    /// Packets in both directions.
    pub(crate) packets: u64,
    #[serde(flatten)]
    pub(crate) usage: Usage,
    pub(crate) drops: Drops,
    /// Connections and requests that were beyond a limit, or timed out, by cause.
    refused: Drops,
    connections: u64,
    /// Of these, those on which early data was acted on.
    early: u64,
    requests: u64,
    /// Packets of unknown connections, answered by a stateless reset.
    resets: u64,
    /// Packets that arrived at another worker than their connection's.
    handed_over: u64,
    packets_lost: u64,
    packets_retransmitted: u64,
    /// The part over the kernel's TCP.
    tcp: Option<ByTcp>,
    /// Lines that the access log lacks.
    log_lines_lost: u64,
    /// Some of the above as lines for Prometheus, under the names that tokio-quiche gives them.
    metrics: Vec<String>,
}

/// What was done over TCP.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct ByTcp {
    connections: u64,
    /// Connections beyond the limit of all, of a host or of a network.
    refused: u64,
    requests: u64,
    body_bytes: u64,
}

impl ServeSummary {
    /// Of all workers. `socket` is any of theirs, which are alike.
    pub(super) fn of_sockets(
        mode: String,
        nic: &Nic,
        socket: &Socket<'_>,
        attached: &Attached,
        share: &Share,
    ) -> anyhow::Result<Self> {
        let served = &share.served;
        let drops = Drops::gather(&share.statistics, attached, &served.driver)?;
        let usage = Usage::of_all(socket, nic, &share.calls, served.packets());
        Ok(Self::new(mode, usage, drops, served))
    }

    /// `drops` are the packets dropped before the server saw them.
    pub(super) fn new(mode: String, usage: Usage, mut drops: Drops, served: &Served) -> Self {
        let (stats, http) = (&served.server, &served.http);
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
        drops.count(
            "of another worker, which had too many waiting",
            dropped.handover_overflow,
        );
        drops.count("failed in the cryptographic library", dropped.internal);
        Self {
            mode,
            packets: served.packets(),
            usage,
            drops,
            refused: refused(stats, http),
            connections: stats.connections.established,
            early: stats.connections.early,
            requests: http.requests,
            resets: stats.answered.reset,
            handed_over: stats.handed_over,
            packets_lost: stats.packets.lost,
            packets_retransmitted: stats.packets.retransmitted,
            tcp: None,
            log_lines_lost: 0,
            metrics: stats.metrics().map(|metric| metric.to_string()).to_vec(),
        }
    }

    /// Adds what is known once all threads have ended.
    pub(super) fn with_rest(mut self, stats: Option<HttpsStats>, log_lines_lost: u64) -> Self {
        self.log_lines_lost = log_lines_lost;
        self.tcp = stats.map(|stats| ByTcp {
            connections: stats.accepted,
            refused: stats.refused,
            requests: stats.http.requests,
            body_bytes: stats.http.body_bytes,
        });
        self
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
        if let Some(tcp) = self.tcp.filter(|tcp| tcp.connections + tcp.refused > 0) {
            let (requests, connections) = (grouped(tcp.requests), grouped(tcp.connections));
            let refused = grouped(tcp.refused);
            rows.push((
                "over TCP",
                format!("{requests} requests on {connections} connections ({refused} refused)"),
            ));
        }
        rows.extend(self.usage.rows());
        if self.resets > 0 {
            let resets = grouped(self.resets);
            rows.push((
                "reset",
                format!("{resets} packets of connections that are not there"),
            ));
        }
        if self.log_lines_lost > 0 {
            let lost = grouped(self.log_lines_lost);
            rows.push(("access log", format!("{lost} lines were lost")));
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
    causes.count("while draining", refused.leaving);
    causes.count("beyond a share of --max-open-files", http.too_many_files);
    causes.count("past --request-timeout", ended.request_timeouts);
    causes.count("past --response-timeout", ended.response_timeouts);
    causes.count("keys used up", ended.key_limits);
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
