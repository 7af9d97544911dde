//! The report of a download.

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::Get;
use crate::nic::attached::Attached;
use crate::nic::drops::Drops;
use crate::nic::socket::Driver;
use crate::nic::usage::Usage;
use crate::report::{Report, grouped};

/// The report of a download.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GetSummary {
    pub(crate) url: String,
    pub(crate) file: String,
    pub(crate) bytes: u64,
    /// Of these, those that an earlier download left.
    kept_bytes: u64,
    pub(crate) seconds: f64,
    pub(crate) goodput_mbps: f64,
    pub(crate) sha256: String,
    pub(crate) mode: String,
    /// Packets in both directions.
    pub(crate) packets: u64,
    #[serde(flatten)]
    pub(crate) usage: Usage,
    pub(crate) drops: Drops,
    rtt_us: u64,
}

impl GetSummary {
    pub(super) fn take(
        get: Get<'_>,
        mode: String,
        seconds: f64,
        driver: &mut Driver<'_, '_>,
        attached: &Attached,
    ) -> anyhow::Result<Self> {
        let counters = driver.counters().clone();
        let socket = driver.socket();
        let statistics = socket.statistics().context("getsockopt(XDP_STATISTICS)")?;
        let (bytes, kept_bytes) = (get.output.bytes(), get.output.kept_bytes());
        let fetched = bytes - kept_bytes;
        let packets = counters.received + counters.sent;
        Ok(Self {
            url: get.args.url.clone(),
            file: get.args.output.display().to_string(),
            bytes,
            kept_bytes,
            seconds,
            goodput_mbps: fetched as f64 * 8.0 / 1e6 / seconds.max(f64::MIN_POSITIVE),
            sha256: get.output.finish()?,
            mode,
            packets,
            usage: Usage::take(socket, get.nic, packets),
            drops: Drops::gather(&statistics, attached, &counters)?,
            rtt_us: u64::try_from(get.attempt.client.stats().rtt.as_micros()).unwrap_or(u64::MAX),
        })
    }
}

impl Report for GetSummary {
    fn rows(&self) -> Vec<(&'static str, String)> {
        let kept = match self.kept_bytes {
            0 => String::new(),
            kept => format!(", {} of them from before", grouped(kept)),
        };
        let mut rows = vec![
            (
                "file",
                format!("{} ({} bytes{kept})", self.file, grouped(self.bytes)),
            ),
            ("SHA-256", self.sha256.clone()),
            ("mode", format!("{}, {}", self.mode, self.usage.driving())),
            (
                "goodput",
                format!("{:.0} Mbit/s ({:.2} s)", self.goodput_mbps, self.seconds),
            ),
            ("packets", grouped(self.packets)),
        ];
        rows.extend(self.usage.rows());
        rows.push(("dropped", self.drops.describe()));
        rows
    }
}
