//! The command line.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context;
use clap::builder::NonEmptyStringValueParser;
use clap::{Parser, Subcommand, ValueEnum, value_parser};
use xskit::af_xdp::socket::ZeroCopy;
use xskit::bpf::AttachMode;
use xskit::wire::MacAddr;

use crate::bench::RxArgs;
use crate::bounds::BoundArgs;
use crate::connection_ids::ConnectionIds;
use crate::diagnostics::DiagnosticArgs;
use crate::driving::{DrivingArgs, value_name};
use crate::seconds;
use crate::size::Size;
use crate::target::Resolve;
use crate::transport::Transport;
use crate::zone;

/// With fewer frames QUIC hardly gets a packet through: the fill ring holds half of them.
const MIN_FRAMES: i64 = 16;

/// AF_XDP sockets, and QUIC and HTTP/3 over them, beside the kernel's own stack.
#[derive(Debug, Parser)]
#[command(name = "xskit", version, propagate_version = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send a file over HTTP/3 between two hosts made for it (network namespaces and veth).
    Demo(DemoArgs),
    /// Serve a directory over HTTP/3.
    Serve(ServeArgs),
    /// Fetch a file over HTTP/3.
    Get(GetArgs),
    /// Send, receive, forward or time raw packets.
    Bench(BenchArgs),
}

/// Options of everything that opens a socket on an interface.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Socket")]
pub(crate) struct SocketArgs {
    /// The interface, by its name or an alternative one.
    #[arg(long, value_name = "IF", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) iface: String,
    /// The queue of the interface.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) queue: u32,
    #[command(flatten)]
    pub(crate) tuning: TuningArgs,
}

/// Options of everything that opens a socket.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Socket")]
pub(crate) struct TuningArgs {
    /// Where the XDP program runs: in the driver (native) or in the kernel's stack (generic).
    #[arg(long, value_enum, default_value_t = Mode::Auto)]
    pub(crate) mode: Mode,
    /// Whether packets may be, must be, or must not be passed without a copy.
    #[arg(long, value_enum, default_value_t = Copying::Auto)]
    pub(crate) zero_copy: Copying,
    /// Frames in the UMEM.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 8192,
        value_parser = value_parser!(u32).range(MIN_FRAMES..)
    )]
    pub(crate) frames: u32,
    /// Bytes a frame: 2048 or 4096 (a power of two, at most a page).
    #[arg(long, value_name = "BYTES", default_value_t = 4096)]
    pub(crate) frame_size: u32,
    /// Slots of each ring, a power of two.
    #[arg(long, value_name = "N", default_value_t = 4096)]
    pub(crate) ring_size: u32,
    /// Use pages of 2 MiB for the UMEM, if any are reserved.
    #[arg(long)]
    pub(crate) huge_pages: bool,
    /// The NUMA node whose memory the UMEM is to be in: best that of the device, which
    /// /sys/class/net/IF/device/numa_node names.
    #[arg(long, value_name = "NODE")]
    pub(crate) numa_node: Option<u32>,
    #[command(flatten)]
    pub(crate) driving: DrivingArgs,
}

impl TuningArgs {
    /// The same options as words of a command line.
    pub(crate) fn words(&self) -> Vec<String> {
        let mut words = vec![
            format!("--mode={}", value_name(&self.mode)),
            format!("--zero-copy={}", value_name(&self.zero_copy)),
            format!("--frames={}", self.frames),
            format!("--frame-size={}", self.frame_size),
            format!("--ring-size={}", self.ring_size),
        ];
        words.extend(self.driving.words());
        if self.huge_pages {
            words.push("--huge-pages".to_owned());
        }
        words.extend(self.numa_node.map(|node| format!("--numa-node={node}")));
        words
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// How large a file of random bytes to send.
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

#[derive(Debug, clap::Args)]
#[group(id = "identity", required = true, args = ["cert", "self_signed"], multiple = false)]
pub(crate) struct ServeArgs {
    /// The address of the interface, and the port of UDP and TCP, to listen on; 0.0.0.0 or [::] for all
    /// its addresses of one kind, as they come and go (with --transport udp, the host's). A link-local
    /// address may have its zone.
    #[arg(long, value_name = "ADDR:PORT", value_parser = zone::socket_address)]
    pub(crate) listen: SocketAddr,
    /// The directory to serve. Where x.js.br, x.js.zst or x.js.gz, no older, stands beside x.js, a client
    /// that accepts that encoding gets it for x.js.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: PathBuf,
    /// Also serve files whose names, or directories', begin with a dot; else only `.well-known` is
    /// (RFC 8615).
    #[arg(long)]
    pub(crate) dotfiles: bool,
    /// The certificate chain, PEM, leaf first. On SIGHUP it is read again, and so is the key.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// The certificate's private key, PEM; it may be in the same file, but not under --root.
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Make a certificate for the address that only a client which checks nothing accepts.
    #[arg(long)]
    pub(crate) self_signed: bool,
    /// What is in the connection ids: chance, or for the load balancer in front a server's number, as
    /// draft-ietf-quic-load-balancers has it unencrypted (AWS's Network Load Balancer takes
    /// quic-lb:0x and the 16 digits of the target's QUIC server ID), or as Katran does.
    #[arg(
        long,
        value_name = "random|quic-lb:SERVER-ID[,config=N][,nonce=N]|katran:HOST[,bits=N]",
        default_value = "random"
    )]
    pub(crate) cid_format: ConnectionIds,
    /// Append a line of JSON to this file for each response, once it is over; `-` is standard output. On
    /// SIGHUP, if another file has this name by now, or none, that is opened or made, as far as the user
    /// that `serve` has become may.
    #[arg(long, value_name = "FILE|-")]
    pub(crate) access_log: Option<PathBuf>,
    /// Print one JSON object at the end.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) transport: Transport,
    #[command(flatten)]
    pub(crate) tcp: TcpArgs,
    /// Once a signal came: how long what is under way may take, before connections are closed. New ones
    /// are refused at once, and those without a request under way end.
    #[arg(
        long,
        help_heading = "Bounds",
        value_name = "S",
        default_value = "5",
        value_parser = seconds::any,
        allow_negative_numbers = true
    )]
    pub(crate) drain: Duration,
    #[command(flatten)]
    pub(crate) bounds: BoundArgs,
    #[command(flatten)]
    pub(crate) confinement: ConfinementArgs,
    #[command(flatten)]
    pub(crate) diagnostics: DiagnosticArgs,
}

/// What is served over the kernel's TCP, beside HTTP/3.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "TCP")]
pub(crate) struct TcpArgs {
    /// Don't serve HTTP/1.1 and 2 over TCP, on the same address and port, where browsers come first.
    #[arg(long)]
    pub(crate) no_tcp: bool,
    /// What asks the kernel for connections and their bytes.
    #[arg(
        long,
        value_enum,
        value_name = "RUNTIME",
        default_value = "tokio",
        conflicts_with = "no_tcp"
    )]
    pub(crate) tcp: TcpRuntime,
    /// Threads that share the connections of TCP.
    #[arg(
        long,
        value_name = "N",
        default_value = "1",
        conflicts_with = "no_tcp",
        value_parser = value_parser!(u16).range(1..=256)
    )]
    pub(crate) tcp_threads: u16,
    /// The port that clients of TCP are told of, by Alt-Svc for UDP and by --redirect-http for TLS, where it is another
    /// than that of --listen to them.
    #[arg(long, value_name = "PORT", conflicts_with = "no_tcp", value_parser = value_parser!(u16).range(1..))]
    pub(crate) advertise_port: Option<u16>,
    /// Tell those who come to this TCP port without TLS to come to the other with it; 80 if no port is given.
    #[arg(
        long,
        value_name = "PORT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "80",
        conflicts_with = "no_tcp",
        value_parser = value_parser!(u16).range(1..)
    )]
    pub(crate) redirect_http: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TcpRuntime {
    /// tokio: epoll(7), and a system call for each move of bytes.
    Tokio,
    /// compio: io_uring(7), Linux 6.1. What it submits, the filter of system calls doesn't see.
    #[cfg(feature = "tcp-uring")]
    Uring,
}

/// Which queues of an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum QueueChoice {
    /// All that are active.
    All,
    /// These, each once, in order.
    These(Vec<u32>),
}

impl FromStr for QueueChoice {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        if text == "all" {
            return Ok(Self::All);
        }
        let numbers = text.split(',').map(str::parse);
        let numbers = numbers.collect::<Result<BTreeSet<u32>, _>>();
        let numbers = numbers.context("use `all`, or numbers of queues such as 0 or 0,1")?;
        Ok(Self::These(numbers.into_iter().collect()))
    }
}

/// What a process keeps once it is set up.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Confinement")]
pub(crate) struct ConfinementArgs {
    /// Whom to become once the socket is open and the files are read, by name or number. By default
    /// nobody, if started by root; `root` stays root, who reads every file.
    #[arg(long, value_name = "USER[:GROUP]", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) user: Option<String>,
    /// Don't bound which files can be opened (Landlock) and which system calls made (seccomp).
    #[arg(long)]
    pub(crate) no_sandbox: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct GetArgs {
    /// What to fetch: https://HOST[:PORT]/PATH
    pub(crate) url: String,
    /// The file to write. While it is incomplete its name ends in `.part`.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// Go on from what a download that broke off left in FILE.part, if the server still has that
    /// version of the file; else begin anew.
    #[arg(short = 'C', long = "continue")]
    pub(crate) resume: bool,
    /// Trust the authorities in this PEM file, and no others.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) ca: Option<PathBuf>,
    /// Accept any certificate: whoever is on the way can read and change everything.
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Use this address for a host and port; given several times, try each.
    #[arg(long, value_name = "HOST:PORT:ADDR")]
    pub(crate) resolve: Vec<Resolve>,
    /// How long finding the server, with all its addresses and the handshake, may take; and how long it
    /// may then be silent, or the download stand still.
    #[arg(
        long,
        value_name = "S",
        default_value = "10",
        value_parser = seconds::some,
        allow_negative_numbers = true
    )]
    pub(crate) timeout: Duration,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) diagnostics: DiagnosticArgs,
    #[command(flatten)]
    pub(crate) socket: SocketArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Native, or generic where the driver can't.
    Auto,
    /// In the driver, or not at all.
    Native,
    /// In the kernel's stack: works with every driver, slower.
    Generic,
}

impl From<Mode> for AttachMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Auto => Self::Auto,
            Mode::Native => Self::Native,
            Mode::Generic => Self::Generic,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Copying {
    /// Zero-copy where the driver has it, and to receive also does it right.
    Auto,
    /// Zero-copy, or an error.
    Force,
    /// Always copy.
    Refuse,
}

impl From<Copying> for ZeroCopy {
    fn from(copying: Copying) -> Self {
        match copying {
            Copying::Auto => Self::Auto,
            Copying::Force => Self::Force,
            Copying::Refuse => Self::Refuse,
        }
    }
}

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
        value_parser = seconds::any,
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
