//! The jobs of contestants, and the contestants.

use std::time::Duration;

use crate::core::Place;
use crate::rival::Rival;
use crate::udp::Waiting;

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
    /// `xskit bench`, with the variant's options and further ones, at both ends.
    Xskit(Variant, String),
    Rival(Rival),
    /// Two kernel UDP sockets, for round trips only.
    Udp(Waiting),
}

/// A way in which `xskit` can drive a socket: backend and wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    /// The name in tables, which begins with the backend's.
    pub(crate) name: &'static str,
    /// The options on the command line, separated by spaces.
    pub(crate) options: &'static str,
}

/// All of them; a run leaves out those that the program at hand doesn't know.
pub(crate) const VARIANTS: [Variant; 8] = [
    BASELINE,
    Variant::new("rustix busy", "--backend=rustix --wait=busy"),
    Variant::new("uring block", "--backend=uring --wait=block"),
    Variant::new("uring poll", "--backend=uring --wait=poll"),
    Variant::new("uring multishot", "--backend=uring --wait=multishot"),
    Variant::new("uring busy", "--backend=uring --wait=busy"),
    Variant::new("uring napi", "--backend=uring --wait=napi"),
    Variant::new("uring sqpoll", "--backend=uring --wait=busy --sqpoll"),
];

/// The one that all others are compared with.
pub(crate) const BASELINE: Variant = Variant::new("rustix block", "--backend=rustix --wait=block");

impl Variant {
    const fn new(name: &'static str, options: &'static str) -> Self {
        Self { name, options }
    }

    /// Where it runs, if it is to be at `place`: a thread of the kernel needs a processor of its
    /// own.
    pub(crate) fn place(&self, place: Place) -> Place {
        match self.name {
            "uring sqpoll" => Place::Anywhere,
            _ => place,
        }
    }
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
    pub(crate) fn rival(rival: Rival) -> Self {
        Self {
            name: rival.name.to_owned(),
            who: Who::Rival(rival),
        }
    }

    /// `xskit` driven in one way, with further options.
    pub(crate) fn xskit(name: &str, variant: Variant, options: &str) -> Self {
        Self {
            name: name.to_owned(),
            who: Who::Xskit(variant, options.to_owned()),
        }
    }
}
