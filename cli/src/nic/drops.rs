//! Packets that were dropped, by cause: in the kernel, before the socket, and in the driver.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xskit::af_xdp::abi::Statistics;
use xskit::quic::driver::DriverCounters;

use super::attached::Attached;
use super::strays;

/// Packets dropped, by cause; causes that did not occur are left out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Drops(pub(crate) BTreeMap<String, u64>);

impl Drops {
    pub(crate) fn gather(
        statistics: &Statistics,
        attached: &Attached,
        driver: &DriverCounters,
    ) -> anyhow::Result<Self> {
        let mut drops = Self::default();
        drops.count("RX ring full", statistics.rx_ring_full);
        drops.count("fill ring empty", statistics.rx_fill_ring_empty_descs);
        drops.count("RX other", statistics.rx_dropped_otherwise());
        drops.count("invalid RX descriptor", statistics.rx_invalid_descs);
        drops.count("invalid TX descriptor", statistics.tx_invalid_descs);
        for (queue, packets) in strays::by_queue(&attached.strays()?) {
            drops.count(&format!("no socket at queue {queue}"), packets);
        }
        drops.count(
            "malformed headers, left to the kernel",
            attached.malformed()?,
        );
        let unanswerable = &driver.unanswerable;
        drops.count("not answerable", unanswerable.group);
        drops.count("from a martian address", unanswerable.martian);
        drops.count("from an address of this host", unanswerable.own_source);
        drops.count("from an impossible MAC address", unanswerable.mac);
        drops.count("rejected by rp_filter", unanswerable.reverse_path);
        drops.count("headers not writable", driver.unsendable);
        for (refusal, packets) in driver.refused.iter() {
            drops.count(&refusal.to_string(), packets);
        }
        Ok(drops)
    }

    /// Those of a kernel UDP socket that reached the program.
    pub(crate) fn of_kernel(driver: &DriverCounters) -> Self {
        let mut drops = Self::default();
        drops.count("not answerable", driver.unanswerable.group);
        drops.count("not sent by the kernel", driver.unsendable);
        drops
    }

    pub(crate) fn count(&mut self, cause: &str, packets: u64) {
        if packets > 0 {
            *self.0.entry(cause.to_owned()).or_default() += packets;
        }
    }

    /// For people: each cause with its count, or `none`.
    pub(crate) fn describe(&self) -> String {
        if self.0.is_empty() {
            return "none".to_owned();
        }
        let causes: Vec<_> = self
            .0
            .iter()
            .map(|(cause, packets)| format!("{packets} {cause}"))
            .collect();
        causes.join(", ")
    }
}
