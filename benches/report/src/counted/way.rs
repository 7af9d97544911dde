//! A long way between the hosts: packets to one of them arrive late, or not at all.
//!
//! AF_XDP's packets pass no queueing discipline when sent, so netem(8) is where they arrive:
//!
//! ```text
//!   sender ──wire──> card ──ingress: mirred──> ifb ──netem──> the receiver's stack
//! ```

use std::process::Command;

use anyhow::Context;
use serde_json::Value;
use xskit_testbed::{Host, WhenParentDies};

use super::bed::in_host;

/// In one direction only, so this is the round trip.
const DELAY: &str = "20ms";

/// Packets on the way: more than any sender has in flight, so that none is dropped.
const LIMIT: &str = "100000";

/// The device on which packets wait.
const IFB: &str = "xsk-way";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    None,
    /// Each with a probability of 1 %.
    OneInAHundred,
}

/// The way to a host. Dropping it makes the way short again.
pub(crate) struct Way<'h> {
    host: &'h Host,
}

impl<'h> Way<'h> {
    /// The way to `host`.
    pub(crate) fn to(host: &'h Host, lost: Lost) -> anyhow::Result<Self> {
        let way = Self { host };
        let card = &host.link.name;
        let loss = match lost {
            Lost::None => "",
            Lost::OneInAHundred => " loss 1%",
        };
        for command in [
            format!("ip link add {IFB} type ifb"),
            format!("ip link set {IFB} up"),
            format!("tc qdisc add dev {IFB} root netem limit {LIMIT} delay {DELAY}{loss}"),
            format!("tc qdisc add dev {card} ingress"),
            format!(
                "tc filter add dev {card} ingress matchall action mirred egress redirect dev {IFB}"
            ),
            // Packets that the kernel had merged would be lost together.
            format!("ethtool -K {card} gro off"),
        ] {
            in_host(host, &command)?;
        }
        Ok(way)
    }

    /// Packets dropped so far.
    pub(crate) fn dropped(&self) -> anyhow::Result<u64> {
        let mut command = Command::new("tc");
        command.args(["-json", "-statistics", "qdisc", "show", "dev", IFB]);
        let namespace = &self.host.namespace;
        namespace.enter_command(&mut command, WhenParentDies::Kill)?;
        let said = command.output().context("tc")?.stdout;
        let shown: Value = serde_json::from_slice(&said).context("what tc printed")?;
        let dropped = shown.pointer("/0/drops").and_then(Value::as_u64);
        dropped.with_context(|| format!("tc does not show what was dropped: {shown}"))
    }
}

impl Drop for Way<'_> {
    fn drop(&mut self) {
        let card = &self.host.link.name;
        for command in [
            format!("tc qdisc del dev {card} ingress"),
            format!("ip link del {IFB}"),
            format!("ethtool -K {card} gro on"),
        ] {
            // It fails for what was not set up. The card outlives its host.
            let _ = in_host(self.host, &command);
        }
    }
}
