//! `xskit serve`: static files over HTTP/3, by a worker per queue of the interface, or by one over
//! a kernel UDP socket.
//!
//! | file | holds |
//! | --- | --- |
//! | `mod.rs` | the choice between them |
//! | `af_xdp.rs` | the set-up over AF_XDP, until there are workers |
//! | `team.rs` | the steps that workers take together, and what all of them share |
//! | `news.rs` | what the first worker finds out, for all threads |
//! | `worker.rs` | one worker: a socket, and a server |
//! | `udp.rs` | the only worker over a UDP socket of the kernel |
//! | `tcp.rs` | HTTP/1.1 and 2 beside it, over the kernel's TCP |
//! | `overflow.rs` | datagrams that this socket had no room for |
//! | `serving.rs` | the loop that runs a worker's server, over either |
//! | `summary.rs` | the report, all workers together |
//! | `credentials.rs` | the certificate and its key |
//! | `bounds.rs` | the limits of clients, and of descriptors |
//! | `trust.rs` | which packets to believe, as the kernel would |
//! | `confine/` | root, files and system calls, given up |
//! | `access_log/` | a line per response |

mod access_log;
mod af_xdp;
mod bounds;
mod confine;
mod credentials;
mod news;
mod overflow;
mod serving;
mod summary;
mod tcp;
mod team;
mod trust;
mod udp;
mod worker;

pub(crate) use summary::ServeSummary;

use crate::args::{ServeArgs, Transport};
use crate::report;

/// The start of the line that says the server is ready.
pub(crate) const READY: &str = "xskit: serving";

pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let summary = match &args.transport {
        Transport::AfXdp(options) => af_xdp::run(args, options)?,
        Transport::Udp => udp::run(args)?,
    };
    report::print(&summary, args.json)
}
