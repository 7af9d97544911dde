//! What contestants are asked to do, and who they are.

use std::time::Duration;

use crate::rival::Rival;
use crate::udp::Waiting;
use crate::variant::Variant;

/// The UDP port of all packets.
pub const PORT: u16 = 4096;

/// What is done with packets; the benchmarks of `xskit bench` by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
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
pub enum Load {
    /// Nothing but what the contestant itself sends.
    Nothing,
    /// As many packets as one core sends by `xskit bench tx`.
    Flood,
    /// So many packets a second, from a kernel socket.
    Paced(u32),
}

/// One job, to be done by several contestants.
#[derive(Clone, Debug)]
pub struct Job {
    /// A short name, `tx-64` say.
    pub id: String,
    /// In words.
    pub title: String,
    /// What to do with packets.
    pub task: Task,
    /// Bytes a packet, all headers included.
    pub len_bytes: usize,
    /// Packets a turn.
    pub batch: u32,
    /// What comes meanwhile.
    pub load: Load,
    /// Further options of `xskit bench`, at both ends.
    pub options: Vec<String>,
    /// How long each measurement takes.
    pub length: Duration,
    /// Who does it.
    pub contestants: Vec<Contestant>,
}

/// Who does a job.
#[derive(Clone, Debug)]
pub struct Contestant {
    /// The name in tables.
    pub name: String,
    /// What is run.
    pub who: Who,
}

/// What is run.
#[derive(Clone, Debug)]
pub enum Who {
    /// `xskit bench`, and options of this contestant alone.
    Xskit(Variant, Vec<String>),
    /// Somebody else's program.
    Rival(Rival),
    /// Two kernel UDP sockets, which only ping.
    Udp(Waiting),
}

impl Task {
    /// The word for it on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
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
    #[must_use]
    pub fn xskit(variant: Variant) -> Self {
        Self::with(variant.name, variant, &[])
    }

    /// Somebody else's program.
    #[must_use]
    pub fn rival(rival: Rival) -> Self {
        Self {
            name: rival.name.to_owned(),
            who: Who::Rival(rival),
        }
    }

    /// `xskit` driven in one way with further options, under a name of its own.
    #[must_use]
    pub fn with(name: &str, variant: Variant, options: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            who: Who::Xskit(variant, options.iter().map(ToString::to_string).collect()),
        }
    }
}
