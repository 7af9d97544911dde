//! A long way between the hosts: packets to one of them arrive late, or not at all.
//!
//! AF_XDP's packets pass no queueing discipline when sent, so netem(8) is where they arrive:
//!
//! ```text
//!   sender ──wire──> card ──ingress: mirred──> ifb ──netem──> the receiver's stack
//! ```

use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
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
        command.args(["-statistics", "qdisc", "show", "dev", IFB]);
        command.stderr(Stdio::null());
        let namespace = &self.host.namespace;
        namespace.enter_command(&mut command, WhenParentDies::Kill)?;
        let output = command.output().context("tc")?;
        ensure!(output.status.success(), "tc shows nothing of {IFB}");
        let said = String::from_utf8_lossy(&output.stdout);
        dropped(&said).with_context(|| format!("tc does not show what was dropped: {said}"))
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

fn dropped(said: &str) -> Option<u64> {
    let (_, rest) = said.split_once("dropped ")?;
    rest.split(',').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::dropped;

    #[test]
    fn what_was_dropped_is_found() {
        let said = "qdisc netem 8001: root refcnt 2 limit 100000 delay 20ms loss 1%\n \
                    Sent 8912 bytes 61 pkt (dropped 7, overlimits 0 requeues 0)\n";
        assert_eq!(dropped(said), Some(7));
        assert_eq!(dropped("qdisc noqueue 0: root"), None);
    }
}
