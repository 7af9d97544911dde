//! The jobs of contestants, and the contestants.

use std::time::Duration;

use crate::rival::Rival;
use crate::udp::Waiting;
use crate::variant::Variant;

/// The UDP port of all packets.
pub(crate) const PORT: u16 = 4096;

/// What is done with packets: a benchmark of `xskit bench`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Sent from the first host.
    Tx,
    /// Received and dropped by the second.
    Rx,
    /// Sent back by the second.
    Fwd,
    /// Sent by the first, sent back by the second, one at a time.
    Ping,
}

/// What comes from the first host meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// Only the contestant's own packets.
    Nothing,
    /// As many packets as `xskit bench tx` sends on one core.
    Flood,
    /// This many packets per second, from a kernel socket.
    Paced(u32),
}

/// One job, to be done by several contestants.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// A short name, `tx-64` say.
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) task: Task,
    /// Bytes per packet, including all headers.
    pub(crate) len_bytes: usize,
    /// Packets per turn.
    pub(crate) batch: u32,
    pub(crate) load: Load,
    /// Further options of `xskit bench`, at both ends.
    pub(crate) options: Vec<String>,
    /// How long each measurement takes.
    pub(crate) length: Duration,
    pub(crate) contestants: Vec<Contestant>,
}

#[derive(Clone, Debug)]
pub(crate) struct Contestant {
    pub(crate) name: String,
    pub(crate) who: Who,
}

#[derive(Clone, Debug)]
pub(crate) enum Who {
    /// `xskit bench`, with options that only this contestant has.
    Xskit(Variant, Vec<String>),
    Rival(Rival),
    /// Two kernel UDP sockets, for round trips only.
    Udp(Waiting),
}

impl Task {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Tx => "tx",
            Self::Rx => "rx",
            Self::Fwd => "fwd",
            Self::Ping => "ping",
        }
    }
}

impl Contestant {
    /// `xskit` driven in one way.
    pub(crate) fn xskit(variant: Variant) -> Self {
        Self::with(variant.name, variant, &[])
    }

    pub(crate) fn rival(rival: Rival) -> Self {
        Self {
            name: rival.name.to_owned(),
            who: Who::Rival(rival),
        }
    }

    /// `xskit` driven in one way with further options.
    pub(crate) fn with(name: &str, variant: Variant, options: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            who: Who::Xskit(variant, options.iter().map(ToString::to_string).collect()),
        }
    }
}
