//! What the demo shows at its end.

use serde::Serialize;

use super::ping::Pings;
use crate::get::GetSummary;
use crate::report::{Report, grouped, per_thousand};
use crate::serve::ServeSummary;

/// A transfer, as both ends saw it.
#[derive(Debug, Serialize)]
pub(super) struct DemoSummary {
    bytes: u64,
    seconds: f64,
    goodput_mbps: f64,
    sha256: String,
    mode: String,
    backend: String,
    wait: String,
    /// Packets through either socket, in both directions.
    packets: u64,
    /// System calls of both sockets.
    syscalls: u64,
    syscalls_per_1000_packets: f64,
    pings: Pings,
    client: GetSummary,
    server: ServeSummary,
}

impl DemoSummary {
    pub(super) fn new(client: GetSummary, server: ServeSummary, pings: Pings) -> Self {
        let packets = client.packets + server.packets;
        let syscalls = client.usage.counts.syscalls + server.usage.counts.syscalls;
        Self {
            bytes: client.bytes,
            seconds: client.seconds,
            goodput_mbps: client.goodput_mbps,
            sha256: client.sha256.clone(),
            mode: client.mode.clone(),
            backend: client.usage.backend.clone(),
            wait: client.usage.wait.clone(),
            packets,
            syscalls,
            syscalls_per_1000_packets: per_thousand(syscalls, packets),
            pings,
            client,
            server,
        }
    }
}

impl Report for DemoSummary {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let ends = |client: String, server: String| format!("client {client}, server {server}");
        vec![
            (
                "file",
                format!("{} bytes, SHA-256 as sent", grouped(self.bytes)),
            ),
            (
                "mode",
                format!("{}, {}", self.mode, self.client.usage.driving()),
            ),
            (
                "goodput",
                format!("{:.0} Mbit/s ({:.2} s)", self.goodput_mbps, self.seconds),
            ),
            (
                "packets",
                ends(grouped(self.client.packets), grouped(self.server.packets)),
            ),
            (
                "system calls per 1,000 packets",
                ends(
                    format!(
                        "{:.1}",
                        per_thousand(self.client.usage.counts.syscalls, self.client.packets)
                    ),
                    format!(
                        "{:.1}",
                        per_thousand(self.server.usage.counts.syscalls, self.server.packets)
                    ),
                ),
            ),
            (
                "dropped",
                ends(self.client.drops.describe(), self.server.drops.describe()),
            ),
            (
                "pings through the kernel meanwhile",
                format!("{} of {} answered", self.pings.answered, self.pings.sent),
            ),
        ]
    }
}
