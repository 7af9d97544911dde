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

/// A host is an IPv4 address or an IPv6 /64, a network an IPv4 /24 or an IPv6 /48.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Bounds")]
pub(crate) struct BoundArgs {
    /// Connections at once; further ones are refused.
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = value_parser!(u32).range(1..=1 << 20))]
    pub(crate) max_connections: u32,
    /// Of these, from one host: an IPv4 address, or an IPv6 /64.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = value_parser!(u32).range(1..))]
    pub(crate) max_connections_per_host: u32,
    /// Of these, from one network: an IPv4 /24, or an IPv6 /48.
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = value_parser!(u32).range(1..))]
    pub(crate) max_connections_per_network: u32,
    /// Files open at once, of which a host may have a quarter of what is left, and a network half;
    /// by default what the hard limit of descriptors (`ulimit -Hn`) leaves.
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub(crate) max_open_files: Option<u32>,
    /// Close a connection on which nothing is asked for so long.
    #[arg(
        long,
        value_name = "S",
        default_value = "60",
        value_parser = some_seconds,
        allow_negative_numbers = true
    )]
    pub(crate) request_timeout: Duration,
    /// Close a connection that takes nothing more of its responses for so long.
    #[arg(
        long,
        value_name = "S",
        default_value = "120",
        value_parser = some_seconds,
        allow_negative_numbers = true
    )]
    pub(crate) response_timeout: Duration,
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
