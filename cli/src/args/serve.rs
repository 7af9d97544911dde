//! Options of `xskit serve`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::{ValueEnum, value_parser};

use super::connection_ids::ConnectionIds;
use super::diagnostics::DiagnosticArgs;
use super::quantity::{seconds, some_seconds};
use super::transport::Transport;
use crate::zone;

#[derive(Debug, clap::Args)]
#[group(id = "identity", required = true, args = ["cert", "self_signed"], multiple = false)]
pub(crate) struct ServeArgs {
    /// The address to listen on, and the port for UDP and TCP. 0.0.0.0 or [::] means every address
    /// of that family on the interface (with --transport udp, on the host), as they come and go. A
    /// link-local address may have a zone.
    #[arg(long, value_name = "ADDR:PORT", value_parser = zone::socket_address)]
    pub(crate) listen: SocketAddr,
    /// The directory to serve. If x.js.br, x.js.zst or x.js.gz is beside x.js and not older, a
    /// client that accepts that encoding gets it instead of x.js.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: PathBuf,
    /// Also serve files and directories whose names begin with a dot; without this only
    /// `.well-known` is served (RFC 8615).
    #[arg(long)]
    pub(crate) dotfiles: bool,
    /// The certificate chain, PEM, leaf first. SIGHUP reads it and the key again.
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,
    /// The certificate's private key, PEM; it may be in the same file, but not under --root.
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Make a certificate for the address; only clients that don't verify it accept it.
    #[arg(long)]
    pub(crate) self_signed: bool,
    /// The format of connection ids: random, or with this server's number for a load balancer in
    /// front of it, unencrypted as in draft-ietf-quic-load-balancers (for AWS's Network Load
    /// Balancer, quic-lb:0x and the 16 digits of the target's QUIC server ID) or as Katran reads
    /// it.
    #[arg(
        long,
        value_name = "random|quic-lb:SERVER-ID[,config=N][,nonce=N]|katran:HOST[,bits=N]",
        default_value = "random"
    )]
    pub(crate) cid_format: ConnectionIds,
    /// Append one line of JSON per finished response to this file; `-` is standard output. For log
    /// rotation, SIGHUP reopens it by name, or creates it, if the user that `serve` has become
    /// (--user) may.
    #[arg(long, value_name = "FILE|-")]
    pub(crate) access_log: Option<PathBuf>,
    /// Print one JSON object at the end.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) transport: Transport,
    #[command(flatten)]
    pub(crate) tcp: TcpArgs,
    /// How long requests under way may take after SIGINT or SIGTERM, before all connections are
    /// closed. New connections are refused at once, and idle ones are closed.
    #[arg(
        long,
        help_heading = "Bounds",
        value_name = "S",
        default_value = "5",
        value_parser = seconds,
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
    /// Don't serve HTTP/1.1 and HTTP/2 over TCP on the same address and port, which browsers try
    /// first.
    #[arg(long)]
    pub(crate) no_tcp: bool,
    /// The runtime of the TCP connections.
    #[arg(
        long,
        value_enum,
        value_name = "RUNTIME",
        default_value = "tokio",
        conflicts_with = "no_tcp"
    )]
    pub(crate) tcp: TcpRuntime,
    /// Threads that share the TCP connections.
    #[arg(
        long,
        value_name = "N",
        default_value = "1",
        conflicts_with = "no_tcp",
        value_parser = value_parser!(u16).range(1..=256)
    )]
    pub(crate) tcp_threads: u16,
    /// The port to announce in Alt-Svc and in the redirects of --redirect-http, if clients reach
    /// the server on another port than that of --listen.
    #[arg(long, value_name = "PORT", conflicts_with = "no_tcp", value_parser = value_parser!(u16).range(1..))]
    pub(crate) advertise_port: Option<u16>,
    /// Redirect plain HTTP on this TCP port to https; 80 if no port is given.
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
    /// tokio: epoll(7), and a system call per read and write.
    Tokio,
    /// compio: io_uring(7), Linux 6.1. The seccomp filter doesn't see what it submits.
    #[cfg(feature = "tcp-uring")]
    Uring,
}

/// A host is an IPv4 address or an IPv6 /64, a network an IPv4 /24 or an IPv6 /48.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Bounds")]
pub(crate) struct BoundArgs {
    /// Connections at once; more are refused.
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = value_parser!(u32).range(1..=1 << 20))]
    pub(crate) max_connections: u32,
    /// Connections at once from one host: an IPv4 address, or an IPv6 /64.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = value_parser!(u32).range(1..))]
    pub(crate) max_connections_per_host: u32,
    /// Connections at once from one network: an IPv4 /24, or an IPv6 /48.
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = value_parser!(u32).range(1..))]
    pub(crate) max_connections_per_network: u32,
    /// Files open at once; a host may have a quarter of those that are free, a network half. By
    /// default what the hard limit of descriptors (`ulimit -Hn`) and the TCP connections leave.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub(crate) max_open_files: Option<u32>,
    /// Close a connection that has made no request for this long.
    #[arg(
        long,
        value_name = "S",
        default_value = "60",
        value_parser = some_seconds,
        allow_negative_numbers = true
    )]
    pub(crate) request_timeout: Duration,
    /// Close a connection that has taken nothing of its responses for this long.
    #[arg(
        long,
        value_name = "S",
        default_value = "120",
        value_parser = some_seconds,
        allow_negative_numbers = true
    )]
    pub(crate) response_timeout: Duration,
}

/// What the process keeps once it is set up.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Confinement")]
pub(crate) struct ConfinementArgs {
    /// The user to become once the sockets are open and the files are read, by name or number. By
    /// default nobody, if started by root; `root` stays root, which can read every file.
    #[arg(long, value_name = "USER[:GROUP]", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) user: Option<String>,
    /// Don't restrict which files can be opened (Landlock) and which system calls made (seccomp).
    #[arg(long)]
    pub(crate) no_sandbox: bool,
}
