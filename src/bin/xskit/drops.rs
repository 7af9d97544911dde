//! Packets that were dropped, by cause: in the kernel, before the socket, and in the driver.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use xskit::bpf::Counters;
use xskit::core::abi::Statistics;
use xskit::quic::driver::DriverCounters;

/// Packets dropped, by cause; causes that did not come up are left out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Drops(pub(crate) BTreeMap<String, u64>);

impl Drops {
    pub(crate) fn gather(
        statistics: &Statistics,
        program: &Counters,
        driver: &DriverCounters,
    ) -> Self {
        let mut drops = Self::default();
        drops.count("RX ring full", statistics.rx_ring_full);
        drops.count("fill ring empty", statistics.rx_fill_ring_empty_descs);
        drops.count("RX other", statistics.rx_dropped_otherwise());
        drops.count("invalid RX descriptor", statistics.rx_invalid_descs);
        drops.count("invalid TX descriptor", statistics.tx_invalid_descs);
        drops.count("no socket at the queue", program.no_socket);
        drops.count("malformed headers, left to the kernel", program.malformed);
        drops.count("not answerable", driver.unanswerable);
        drops.count("headers not writable", driver.unsendable);
        for (refusal, packets) in driver.refused.iter() {
            drops.count(&refusal.to_string(), packets);
        }
        drops
    }

    pub(crate) fn count(&mut self, cause: &str, packets: u64) {
        if packets > 0 {
            *self.0.entry(cause.to_owned()).or_default() += packets;
        }
    }

    /// For people: each cause with its count, or that there are none.
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
