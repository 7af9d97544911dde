//! Instructions, counted: what one packet costs the whole machine, on a machine whose clock counts instructions.
//!
//! QEMU with `-icount shift=0` lets one nanosecond pass in the guest for each instruction that it executes, on its one
//! CPU. So a window of time in which a known number of packets passes is a number of instructions for each of them:
//! programs, kernel, interrupts, all of it. Time in which there was nothing to do is taken off; see [`idle`].
//!
//! `cargo xtask vm --count` boots the machine and runs the program `counted` in it.
//!
//! | module | is |
//! | --- | --- |
//! | [`plan`] | who does what, in which mode |
//! | [`bed`] | two hosts, what runs in them, and the window |
//! | [`idle`], [`meter`] | the time with nothing to do; the rest, and the packets of an interface |
//! | [`burst`] | the sender that all receivers have |
//! | [`fetch`], [`servers`] | the jobs of HTTP/3, and the servers that are fetched from |
//! | [`way`] | a long way between the hosts |
//! | [`sockets`] | kernel UDP sockets that send, receive and send back |
//! | [`table`] | how it is shown |

pub mod bed;
pub mod burst;
pub mod fetch;
pub mod idle;
pub mod meter;
pub mod plan;
pub mod servers;
pub mod sockets;
pub mod table;
pub mod way;

use serde::{Deserialize, Serialize};

use crate::figures::Figures;

/// Instructions for each packet, of the whole machine.
pub const PER_PACKET: &str = "instructions_per_packet";
/// Instructions of the whole machine for a transfer, 100 requests or a handshake, in millions.
pub const MILLIONS: &str = "million_instructions";
/// The same while the server's threads run, in millions.
pub const SERVER: &str = "million_instructions_of_server";
/// What a transfer takes, in seconds of the machine's clock.
pub const SECONDS: &str = "seconds";
/// Packets of a transfer that did not arrive.
pub const DROPPED: &str = "packets_dropped";
/// Packets of a transfer that the server took for lost.
pub const LOST: &str = "packets_lost";
/// Packets of a transfer that carried again what others had carried.
pub const SENT_AGAIN: &str = "packets_sent_again";

/// What one boot of a machine came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// The driver of its cards.
    pub driver: String,
    /// Its kernel.
    pub kernel: String,
    /// In the plan's order.
    pub counts: Vec<Count>,
}

/// One way of doing one job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Count {
    /// The job, `tx` say.
    pub job: String,
    /// The way.
    pub way: String,
    /// What was counted; nothing where it failed.
    pub figures: Option<Figures>,
    /// Why there is nothing.
    pub problem: Option<String>,
}

impl Run {
    /// What was counted of a way of doing a job.
    #[must_use]
    pub fn count(&self, job: &str, way: &str) -> Option<&Count> {
        let mut counts = self.counts.iter();
        counts.find(|count| count.job == job && count.way == way)
    }
}
