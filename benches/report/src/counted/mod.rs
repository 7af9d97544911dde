//! The cost of one packet to the whole machine in instructions, on a machine whose clock counts
//! them.
//!
//! With `-icount shift=0`, QEMU advances the guest's clock by one nanosecond per instruction, on
//! its one CPU. So a window of time in which a known number of packets passes is a number of
//! instructions per packet: programs, kernel and interrupts. Idle time is subtracted; see [`meter`].
//!
//! `cargo xtask vm --count` boots the machine and runs the program `counted` in it.
//!
//! | module | is |
//! | --- | --- |
//! | [`plan`] | who does what, in which mode |
//! | [`bed`] | two hosts, what runs in them, and the window |
//! | [`meter`] | instructions, without idle time, and the packets of an interface |
//! | [`burst`] | the sender for all receivers |
//! | [`fetch`], [`servers`] | the jobs of HTTP/3, and their servers |
//! | [`way`] | a long way between the hosts |
//! | [`table`] | how it is shown |

pub(crate) mod bed;
mod burst;
mod fetch;
mod meter;
mod plan;
mod servers;
pub(crate) mod table;
mod way;

use serde::{Deserialize, Serialize};

use crate::figures::Figures;

/// Instructions per packet, of the whole machine.
pub(crate) const PER_PACKET: &str = "instructions_per_packet";
/// Instructions of the whole machine for a transfer, 100 requests or a handshake, in millions.
pub(crate) const MILLIONS: &str = "million_instructions";
/// The same while the server's threads run, in millions.
pub(crate) const SERVER: &str = "million_instructions_of_server";
/// The length of a transfer, in seconds of the machine's clock.
pub(crate) const SECONDS: &str = "seconds";
/// Packets of a transfer that did not arrive.
pub(crate) const DROPPED: &str = "packets_dropped";
/// Packets of a transfer that the server declared lost.
pub(crate) const LOST: &str = "packets_lost";
/// Packets of a transfer that were retransmitted.
pub(crate) const SENT_AGAIN: &str = "packets_sent_again";

/// The counts of one boot of a machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    /// The driver of its cards.
    pub(crate) driver: String,
    pub(crate) kernel: String,
    /// In the plan's order.
    pub(crate) counts: Vec<Count>,
}

/// One way of doing one job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) job: String,
    pub(crate) way: String,
    /// `None` where it failed.
    pub(crate) figures: Option<Figures>,
    /// Why it failed.
    pub(crate) problem: Option<String>,
}
