//! A long way between the hosts: what one of them receives comes late, or not at all.
//!
//! What AF_XDP sends passes no queueing discipline, so netem(8) stands where packets come in:
//!
//! ```text
//!   sender ──wire──> card ──ingress: mirred──> ifb ──netem──> the receiver's stack
//! ```

use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use xskit_testbed::{Host, WhenParentDies};

use super::bed::in_host;

/// One way only, so it is the round trip.
const DELAY: &str = "20ms";

/// Packets on the way: more than any sender has there, so that it is a way and no queue.
const LIMIT: &str = "100000";

/// The device on which packets wait.
const IFB: &str = "xsk-way";

/// How many don't arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// All arrive.
    None,
    /// Each with a probability of 1 %.
    OneInAHundred,
}

/// The way to a host, which is short again when this is dropped.
pub struct Way<'h> {
    host: &'h Host,
}

impl<'h> Way<'h> {
    /// The way to `host`.
    ///
    /// # Errors
    /// Where ip(8), tc(8) or ethtool(8) fails, for want of a kernel module say.
    pub fn to(host: &'h Host, lost: Lost) -> anyhow::Result<Self> {
        let way = Self { host };
        let card = host.link.name.as_str();
        let netem = [
            "tc", "qdisc", "add", "dev", IFB, "root", "netem", "limit", LIMIT, "delay", DELAY,
        ];
        let loss: &[&str] = match lost {
            Lost::None => &[],
            Lost::OneInAHundred => &["loss", "1%"],
        };
        let redirect = [
            "tc", "filter", "add", "dev", card, "ingress", "matchall", "action", "mirred",
            "egress", "redirect", "dev", IFB,
        ];
        in_host(host, &["ip", "link", "add", IFB, "type", "ifb"])?;
        in_host(host, &["ip", "link", "set", IFB, "up"])?;
        in_host(host, &[&netem, loss].concat())?;
        in_host(host, &["tc", "qdisc", "add", "dev", card, "ingress"])?;
        in_host(host, &redirect)?;
        // Packets that the kernel had put together would be lost together.
        in_host(host, &["ethtool", "-K", card, "gro", "off"])?;
        Ok(way)
    }

    /// Packets that did not arrive so far.
    ///
    /// # Errors
    /// Where tc(8) doesn't say.
    pub fn dropped(&self) -> anyhow::Result<u64> {
        let mut command = Command::new("tc");
        command.args(["-statistics", "qdisc", "show", "dev", IFB]);
        command.stderr(Stdio::null());
        let namespace = &self.host.namespace;
        namespace.enter_command(&mut command, WhenParentDies::Kill)?;
        let output = command.output().context("tc")?;
        ensure!(output.status.success(), "tc shows nothing of {IFB}");
        let said = String::from_utf8_lossy(&output.stdout);
        dropped(&said).with_context(|| format!("tc doesn't say what was dropped: {said}"))
    }
}

impl Drop for Way<'_> {
    fn drop(&mut self) {
        let card = self.host.link.name.as_str();
        // What was not set up can't be taken off. The card outlives its host.
        let _ = in_host(self.host, &["tc", "qdisc", "del", "dev", card, "ingress"]);
        let _ = in_host(self.host, &["ip", "link", "del", IFB]);
        let _ = in_host(self.host, &["ethtool", "-K", card, "gro", "on"]);
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
