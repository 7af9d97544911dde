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
    /// Send UDP packets as fast as possible (like xdpsock's txonly).
    Tx(FlowArgs),
    /// Receive and drop the UDP packets of a port (like xdpsock's rxdrop).
    Rx(RxArgs),
    /// Send the UDP packets of a port back to their sender (like xdpsock's l2fwd), or on through
    /// another interface.
    Fwd(FwdArgs),
    /// Time the round trip to a `bench fwd`, one packet at a time.
    Ping(FlowArgs),
}

/// Options of every benchmark.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RunArgs {
    /// The UDP port of the packets. The default is xdpsock's as well.
    #[arg(
        long,
        value_name = "PORT",
        default_value_t = 4096,
        value_parser = value_parser!(u16).range(1..)
    )]
    pub(crate) port: u16,
    /// Bytes per packet that `tx` and `ping` send, headers included and the FCS not; `rx` and `fwd`
    /// take packets of any size.
    #[arg(long, value_name = "B", default_value_t = 64)]
    pub(crate) size: u16,
    /// Packets per batch.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = value_parser!(u32).range(1..))]
    pub(crate) batch: u32,
    /// Frames that the kernel has at a time to receive into; `tx` receives nothing. Few frames stay
    /// in the cache of the core that fills them; many hold longer bursts. By default 512 in copy
    /// mode; in zero-copy mode all, or half with `fwd` and `ping`, which send from the other half.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub(crate) lend: Option<u32>,
    /// How long to run; 0 runs until a signal.
    #[arg(
        long,
        value_name = "S",
        default_value = "10",
        value_parser = seconds,
        allow_negative_numbers = true
    )]
    pub(crate) seconds: Duration,
    /// How often to look at an empty ring before waiting in the kernel; a sixteenth of that if
    /// looking keeps finding nothing.
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    pub(crate) spin: u32,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) socket: SocketArgs,
}

/// Options of `rx`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct RxArgs {
    /// Take every frame (like xdpsock), not only the packets of the port.
    #[arg(long)]
    pub(crate) take_all: bool,
    /// Spin-loop pauses after the ring held less than a batch. Each look takes the cache line of
    /// the kernel's cursor away from the core that writes it.
    #[arg(long, value_name = "N", default_value_t = 500)]
    pub(crate) pause: u32,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Options of `fwd`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FwdArgs {
    /// Forward between --iface and this interface, both ways: packets leave unchanged, in the
    /// frames they came in, over one UMEM (XDP_SHARED_UMEM, Linux 5.10). Without it, packets go
    /// back to their sender.
    #[arg(long, value_name = "IF", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) to_iface: Option<String>,
    /// Forward every frame, not only the packets of the port: a bridge.
    #[arg(long, requires = "to_iface")]
    pub(crate) take_all: bool,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

/// Options of the benchmarks that make packets.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FlowArgs {
    /// The address to send to, by the kernel's route. Without it, packets go to 198.18.0.2, an
    /// address for benchmarks (RFC 2544), at the MAC address of --to-mac.
    #[arg(long, value_name = "ADDR")]
    pub(crate) to: Option<IpAddr>,
    /// The MAC address to send to without --to.
    #[arg(
        long,
        value_name = "MAC",
        default_value = "02:00:00:00:00:02",
        conflicts_with = "to"
    )]
    pub(crate) to_mac: MacAddr,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}
