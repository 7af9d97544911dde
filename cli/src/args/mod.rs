//! The command line, as values.
//!
//! The commands find out what the values mean on this machine.

mod bench;
mod connection_ids;
mod diagnostics;
mod driving;
mod get;
mod quantity;
mod serve;
mod socket;
mod transport;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub(crate) use bench::{Bench, BenchArgs, FlowArgs, FwdArgs, RunArgs, RxArgs};
pub(crate) use diagnostics::DiagnosticArgs;
pub(crate) use get::{GetArgs, Resolve};
pub(crate) use serve::{BoundArgs, ConfinementArgs, ServeArgs, TcpArgs, TcpRuntime};
pub(crate) use socket::{QueueChoice, SocketArgs, TuningArgs};
pub(crate) use transport::{AfXdpArgs, Transport};

use quantity::Size;

/// AF_XDP sockets, and QUIC and HTTP/3 over them, beside the kernel's own stack.
#[derive(Debug, Parser)]
#[command(name = "xskit", version, propagate_version = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send a file over HTTP/3 between two temporary hosts (network namespaces and veth).
    Demo(DemoArgs),
    /// Serve a directory over HTTP/3, and over HTTP/1.1 and HTTP/2 on TCP.
    Serve(ServeArgs),
    /// Fetch a file over HTTP/3.
    Get(GetArgs),
    /// Send, receive, forward or time raw packets.
    Bench(BenchArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// The size of the file of random bytes to send.
    #[arg(long, value_name = "SIZE", default_value = "256M")]
    pub(crate) size: Size,
    /// Send this file instead.
    #[arg(long, value_name = "PATH", conflicts_with = "size")]
    pub(crate) file: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) tuning: TuningArgs,
}
