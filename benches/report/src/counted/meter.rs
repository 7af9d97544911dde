//! Instructions executed during a piece of work, and packets that an interface passed meanwhile.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use xskit_testbed::Host;

use super::idle::Idle;

/// How long the idle thread takes to start.
const LEAD_IN: Duration = Duration::from_millis(2);

/// Counts instructions on a machine where a nanosecond is one.
pub(crate) struct Meter {
    idle: Idle,
}

impl Meter {
    /// Nothing else may run meanwhile; see [`Idle::new`].
    pub(crate) fn new() -> anyhow::Result<Self> {
        Ok(Self { idle: Idle::new()? })
    }

    /// Runs `what`, and counts the whole machine's instructions meanwhile.
    pub(crate) fn count<T>(
        &self,
        what: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<(f64, T)> {
        self.idle.start();
        thread::sleep(LEAD_IN);
        let (began, idle) = (Instant::now(), self.idle.ns());
        let outcome = what();
        let (took, idle) = (began.elapsed(), self.idle.ns() - idle);
        self.idle.stop();
        Ok((took.as_nanos() as f64 - idle, outcome?))
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Direction {
    Rx,
    Tx,
}

/// The packets of a host's interface, as its driver counts them, AF_XDP included.
pub(crate) struct Packets {
    file: File,
    interface: String,
    direction: Direction,
}

impl Packets {
    pub(crate) fn of(host: &Host, direction: Direction) -> anyhow::Result<Self> {
        // The file belongs to the namespace in which it was opened.
        let file = host.run(|| File::open("/proc/thread-self/net/dev"))?;
        Ok(Self {
            file: file.context("/proc/thread-self/net/dev")?,
            interface: host.link.name.clone(),
            direction,
        })
    }

    /// So far, if all have so many bytes: virtio_net counts the bytes that it sends from a UMEM,
    /// not the packets.
    pub(crate) fn now(&self, len_bytes: u64) -> anyhow::Result<u64> {
        let mut text = [0; 4096];
        let len = self.file.read_at(&mut text, 0).context("net/dev")?;
        let text = String::from_utf8_lossy(&text[..len]);
        let bytes = bytes(&text, &self.interface, self.direction);
        let bytes = bytes.with_context(|| format!("no {} in net/dev", self.interface))?;
        Ok(bytes / len_bytes)
    }
}

fn bytes(text: &str, interface: &str, direction: Direction) -> Option<u64> {
    let of_interface = |line: &&str| line.trim_start().starts_with(interface);
    let (_, numbers) = text.lines().find(of_interface)?.split_once(':')?;
    let column = match direction {
        Direction::Rx => 0,
        Direction::Tx => 8,
    };
    numbers.split_whitespace().nth(column)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_and_directions_are_told_from_each_other() {
        let text = "Inter-|   Receive\n face |bytes packets\n    lo: 1 2 0 0 0 0 0 0 3 4 0 0 0 0 0 0\n  \
                    xsk0: 210 3 0 0 0 0 0 3 726 9 0 0 0 0 0 0\n";
        assert_eq!(bytes(text, "xsk0", Direction::Rx), Some(210));
        assert_eq!(bytes(text, "xsk0", Direction::Tx), Some(726));
        assert_eq!(bytes(text, "xsk1", Direction::Tx), None);
    }
}
