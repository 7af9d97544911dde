//! Options of `xskit bench`.

use std::net::IpAddr;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{Subcommand, value_parser};
use xskit::wire::MacAddr;

use super::quantity::seconds;
use super::socket::SocketArgs;

#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    pub(crate) what: Bench,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Send UDP packets as fast as they go (as xdpsock's txonly).
    Tx(FlowArgs),
    /// Receive and drop the UDP packets of a port (as xdpsock's rxdrop).
    Rx(RxArgs),
    /// Send the UDP packets of a port back where they came from (as xdpsock's l2fwd), or on to another interface.
    Fwd(FwdArgs),
    /// Time the way to a `bench fwd` and back, one packet at a time.
    Ping(FlowArgs),
}

/// Options of every benchmark.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) socket: SocketArgs,
    /// The UDP port of the packets; by default the one that xdpsock sends to as well.
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 4096,
        value_parser = value_parser!(u16).range(1..)
    )]
    pub(crate) port: u16,
    /// Bytes of each packet that `tx` and `ping` make, with all headers but without the FCS; `rx`
    /// and `fwd` take packets of any size.
    #[arg(long, value_name = "B", default_value_t = 64)]
    pub(crate) size: u16,
    /// Packets a turn.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = value_parser!(u32).range(1..))]
    pub(crate) batch: u32,
    /// Frames that the kernel may have at a time to receive into; `tx` receives nothing. With few of
    /// them their bytes stay in the cache of the core that fills them; with many, longer bursts find
    /// room. By default 512 in copy mode; in zero-copy mode all, less those that `fwd` and `ping` send.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub(crate) lend: Option<u32>,
    /// How long to run; 0 until a signal comes.
    #[arg(
        long,
        value_name = "S",
        default_value = "10",
        value_parser = seconds,
        allow_negative_numbers = true
    )]
    pub(crate) seconds: Duration,
    /// Empty looks at the ring before the process waits in the kernel; where packets never come in
    /// time for them, only a sixteenth of these.
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    pub(crate) spin: u32,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `rx`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RxArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Take every frame, whatever it carries (as xdpsock does), and not only the packets of the port.
    #[arg(long)]
    pub(crate) take_all: bool,
    /// Pauses of the processor after a look at the ring that finds some packets, but less than a
    /// batch: each look takes the cache line of the kernel's cursor from the core that moves it.
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub(crate) pause: u32,
}

/// Options of `fwd`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FwdArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// Another interface: what comes in on either goes out on the other as it is, in the frame it came in, which
    /// both share (XDP_SHARED_UMEM, Linux 5.10). Without it, packets go back to their sender.
    #[arg(long, value_name = "IF", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) to_iface: Option<String>,
    /// Pass on every frame, whatever it carries, and not only the packets of the port: a bridge.
    #[arg(long, requires = "to_iface")]
    pub(crate) take_all: bool,
}

/// Options of the benchmarks that make packets.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FlowArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// The address to send to. The kernel finds the way; without it, packets go to 198.18.0.2, an
    /// address for benchmarks (RFC 2544), and to the MAC address of `--to-mac`.
    #[arg(long, value_name = "ADDR")]
    pub(crate) to: Option<IpAddr>,
    /// The MAC address to send to, where `--to` is not given.
    #[arg(
        long,
        value_name = "MAC",
        default_value = "02:00:00:00:00:02",
        conflicts_with = "to"
    )]
    pub(crate) to_mac: MacAddr,
}
