//! `Metric`: a server's counters under the names of tokio-quiche 0.20, so that dashboards for one
//! work with the other.
//!
//! | tokio-quiche's `Metrics` | here |
//! | --- | --- |
//! | `connections_in_memory` | [`ConnectionCounters::active`](super::ConnectionCounters) |
//! | `accepted_initial_packet_count` | `accepted` of the same |
//! | `failed_handshakes`, timeout | `handshake_timeouts` of the same |
//! | `rejected_initial_packet_count`, failed to parse packet | [`Dropped::malformed`](super::Dropped) |
//! | the same, accept queue overflow | all [`Refused`](super::Refused) |
//! | the same, unexpected error | [`Dropped::internal`](super::Dropped) |
//! | its other reasons; `invalid_cid_packet_count`, closes by code, bandwidth, loss and times | not counted, or not split this way |

use std::fmt;

use super::stats::ServerStats;

/// A counter, or for connections a gauge. Displayed in the text format of Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The name in tokio-quiche: its module and method.
    pub name: &'static str,
    /// The label `reason`, if the metric has one.
    pub reason: Option<&'static str>,
    /// The count.
    pub value: u64,
}

impl Metric {
    fn new(name: &'static str, value: u64) -> Self {
        Self {
            name,
            reason: None,
            value,
        }
    }

    fn because(self, reason: &'static str) -> Self {
        Self {
            reason: Some(reason),
            ..self
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if let Some(reason) = self.reason {
            write!(f, "{{reason=\"{reason}\"}}")?;
        }
        write!(f, " {}", self.value)
    }
}

impl ServerStats {
    /// The counters that tokio-quiche also has.
    #[must_use]
    pub fn metrics(&self) -> [Metric; 6] {
        let rejected = |value| Metric::new("quic_rejected_initial_packet_count", value);
        [
            Metric::new("quic_connections_in_memory", self.connections.active as u64),
            Metric::new(
                "quic_accepted_initial_packet_count",
                self.connections.accepted,
            ),
            Metric::new(
                "quic_failed_handshakes",
                self.connections.handshake_timeouts,
            )
            .because("timeout"),
            rejected(self.dropped.malformed).because("failed to parse packet"),
            rejected(self.refused.total()).because("accept queue overflow"),
            rejected(self.dropped.internal).because("unexpected error"),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_its_name() {
        let mut stats = ServerStats::default();
        stats.connections.active = 1;
        stats.connections.accepted = 2;
        stats.connections.handshake_timeouts = 3;
        stats.dropped.malformed = 4;
        (stats.refused.host_full, stats.refused.leaving) = (2, 3);
        stats.dropped.internal = 6;
        let lines = stats.metrics().map(|metric| metric.to_string());
        assert_eq!(
            lines.join("\n"),
            "quic_connections_in_memory 1\n\
             quic_accepted_initial_packet_count 2\n\
             quic_failed_handshakes{reason=\"timeout\"} 3\n\
             quic_rejected_initial_packet_count{reason=\"failed to parse packet\"} 4\n\
             quic_rejected_initial_packet_count{reason=\"accept queue overflow\"} 5\n\
             quic_rejected_initial_packet_count{reason=\"unexpected error\"} 6"
        );
    }
}
