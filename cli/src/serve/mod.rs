//! `xskit serve`: static files over HTTP/3, by a worker for each queue of the interface, or by one over a
//! UDP socket of the kernel.
//!
//! | file | holds |
//! | --- | --- |
//! | `mod.rs` | the choice between them, and the port |
//! | `af_xdp.rs` | the set-up over AF_XDP, until there are workers |
//! | `team.rs` | the steps that workers take together, and what one tells the others |
//! | `worker.rs` | one worker: a socket, and a server |
//! | `udp.rs` | the only worker over a UDP socket of the kernel |
//! | `tcp.rs` | HTTP/1.1 and 2 beside it, over the kernel's TCP |
//! | `overflow.rs` | what that socket had no room to keep |
//! | `serving.rs` | the loop that runs a worker's server, over either |
//! | `summary.rs` | what was done, all workers together |

mod af_xdp;
mod overflow;
mod serving;
mod summary;
mod tcp;
mod team;
mod udp;
mod worker;

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};

use anyhow::anyhow;

pub(crate) use summary::ServeSummary;

use crate::args::ServeArgs;
use crate::report;
use crate::transport::Transport;

/// The start of the line that says the server is ready.
pub(crate) const READY: &str = "xskit: serving";

pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<()> {
    let summary = match &args.transport {
        Transport::AfXdp(options) => af_xdp::run(args, options)?,
        Transport::Udp => udp::run(args)?,
    };
    report::print(&summary, args.json)
}

/// A kernel socket that holds the port: nobody else gets it, and the kernel doesn't answer
/// "port unreachable" to what the XDP program passes on. Nothing is ever read from it.
pub(crate) fn hold_port(address: SocketAddr) -> anyhow::Result<UdpSocket> {
    UdpSocket::bind(address).map_err(|error| port_refused(address, &error))
}

/// Why a port can't be had.
fn port_refused(address: SocketAddr, error: &io::Error) -> anyhow::Error {
    let hint = match error.kind() {
        ErrorKind::AddrInUse => {
            "; another program has the port: end it (`ss -lunp` lists who has which), or choose \
             another"
        }
        ErrorKind::PermissionDenied => {
            "; ports this low need CAP_NET_BIND_SERVICE: run as root, grant it, or choose a \
             higher one"
        }
        ErrorKind::AddrNotAvailable => {
            "; no interface has this address: `ip address` lists those that there are"
        }
        ErrorKind::InvalidInput => "; a link-local address needs its zone: [fe80::1%eth1]:443",
        _ => "",
    };
    anyhow!("bind(2) to UDP {address}: {error}{hint}")
}
