//! Errors, each with what to try.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;

use crate::rules::{RULES, SHAPES};
use crate::{NativeRefusal, Occupant};

/// Why a call of this crate failed. The text has the remedy, where one is known.
///
/// ```no_run
/// use xskit_bpf::{AttachMode, Error, XdpProgram};
///
/// # let program = XdpProgram::load(1)?;
/// match program.attach(2, AttachMode::Auto) {
///     Err(Error::Occupied { occupant, .. }) => println!("{occupant} is there already"),
///     Err(other) => println!("{other}"),
///     Ok(attachment) => println!("{}", attachment.mode()),
/// }
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Room for 0 queues was asked for.
    #[error("an XDP program for 0 queues takes nothing: load it for 1 or more")]
    NoQueues,
    /// The call is not permitted.
    #[error("{call}: not permitted. {}", not_permitted(missing))]
    Privilege {
        /// The step, and its system call.
        call: &'static str,
        /// The needed capabilities that are not in effect; empty if all are, and something else
        /// forbids the call.
        missing: Vec<&'static str>,
    },
    /// The program can't be loaded, for a reason other than [`Error::Privilege`].
    #[error(
        "loading the XDP program failed: {source:#}. Check for Linux 5.9 or later; the log of libbpf and the verifier \
         is at debug level"
    )]
    Load {
        /// The error of libbpf or the kernel. The verifier's log goes to `tracing`.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// No interface of the calling thread's network namespace has this index.
    #[error("there is no interface with index {ifindex} in this network namespace: see `ip link`")]
    NoInterface {
        /// The index asked for.
        ifindex: u32,
    },
    /// The interface can't be looked up, for a reason other than [`Error::NoInterface`].
    #[error("looking up interface {ifindex} failed: ioctl(SIOCGIFNAME): {source}")]
    FindInterface {
        /// The index asked for.
        ifindex: u32,
        /// The kernel's error.
        source: io::Error,
    },
    /// The interface already has an XDP program.
    #[error(
        "{interface} already has an XDP program, and takes only one: {occupant}. Stop the process that attached it, \
         or, if it was left behind, `ip link set dev {interface} {} off`",
        occupant.mode.ip_word()
    )]
    Occupied {
        /// The interface's name.
        interface: String,
        /// The program that it has.
        occupant: Occupant,
    },
    /// Native mode was asked for, and the driver refused.
    #[error(
        "{interface} refuses the XDP program in native mode: bpf(BPF_LINK_CREATE): {refusal}. Generic mode works \
         with every driver"
    )]
    NativeRefused {
        /// The interface's name.
        interface: String,
        /// The driver's answer.
        refusal: NativeRefusal,
    },
    /// The program can't be attached in generic mode, for a reason other than those above.
    #[error(
        "attaching the XDP program to {interface} failed: bpf(BPF_LINK_CREATE): {source}. Check for Linux 5.9 or \
         later, and that {interface} is not part of a bond or team"
    )]
    Attach {
        /// The interface's name.
        interface: String,
        /// The kernel's error.
        source: io::Error,
    },
    /// The device's features can't be queried.
    #[error(
        "asking what {interface} offers for XDP failed: netlink (RTM_GETLINK, dev-get): {source}"
    )]
    Query {
        /// The interface's name.
        interface: String,
        /// The kernel's error.
        source: io::Error,
    },
    /// The map of sockets has fewer queues.
    #[error(
        "the XDP program's map of sockets has no queue {queue}: it has room for {queues} (0 to {})",
        queues.saturating_sub(1)
    )]
    QueueOutOfRange {
        /// The queue asked for.
        queue: u32,
        /// How many queues it has room for: as many as the [`XdpProgram`](crate::XdpProgram) was
        /// loaded for.
        queues: u32,
    },
    /// The descriptor or path is not a map of sockets.
    #[error(
        "a map of sockets (BPF_MAP_TYPE_XSKMAP) was expected, and this is {found}: name the map that the program gives \
         to bpf_redirect_map()"
    )]
    NotSocketMap {
        /// What it is instead.
        found: String,
    },
    /// A map can't be pinned, or a pinned one can't be opened.
    #[error(
        "{call} of {} failed: {source}. Check that the path is in a BPF file system (`mount -t bpf bpf /sys/fs/bpf`), \
         and CAP_BPF",
        path.display()
    )]
    Pin {
        /// The system call.
        call: &'static str,
        /// The path of the pin.
        path: PathBuf,
        /// The kernel's error.
        source: io::Error,
    },
    /// The queue already has a socket.
    #[error(
        "queue {queue} already has a socket in the XDP program: unregister or close that one first"
    )]
    QueueTaken {
        /// The queue asked for.
        queue: u32,
    },
    /// The descriptor is not an AF_XDP socket.
    #[error(
        "the descriptor for queue {queue} is not an AF_XDP socket: make one with socket(AF_XDP, SOCK_RAW, 0)"
    )]
    NotXdpSocket {
        /// The queue asked for.
        queue: u32,
    },
    /// The port is 0, to which no datagram is sent.
    #[error("port 0 can't be taken: nothing is sent to it. Choose 1 to 65535")]
    PortZero,
    /// The range of ports is empty.
    #[error("the range of ports {first} to {last} is empty: write the lower port first")]
    NoPorts {
        /// The first of the range.
        first: u16,
        /// The last of the range, which is lower.
        last: u16,
    },
    /// The VLAN identifier is above 4095.
    #[error("there is no VLAN {vlan}: choose 1 to 4095, or 0 for frames without a tag")]
    NoSuchVlan {
        /// The identifier asked for.
        vlan: u16,
    },
    /// A rule has an IPv4 and an IPv6 address, and no packet has both.
    #[error(
        "a rule has an IPv4 and an IPv6 address, and no packet has both: make one rule of each version"
    )]
    MixedVersions,
    /// There is no room for another rule with a condition besides ports.
    #[error(
        "the XDP program has room for {RULES} rules per IP version with an address, a VLAN, or without ports: remove \
         some, replace several prefixes by a shorter one, or take ports at any address"
    )]
    TooManyRules,
    /// There is no room for another shape of rules.
    #[error(
        "the XDP program has room for {SHAPES} shapes of rules per IP version: use fewer prefix lengths, the same range \
         of ports in several rules, or single ports instead of a range"
    )]
    TooManyShapes,
    /// A map of the program can't be read or written, for a reason other than those above.
    #[error("{call} failed: {source:#}")]
    Map {
        /// The step, and its system call.
        call: &'static str,
        /// The kernel's error.
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl Error {
    pub(crate) fn map(call: &'static str, source: libbpf_rs::Error) -> Self {
        let source = source.into();
        Self::Map { call, source }
    }
}

fn not_permitted(missing: &[&str]) -> String {
    if missing.is_empty() {
        return "The capabilities are in effect. They may hold in a user namespace only; seccomp, lockdown or another \
                security module may forbid the call; or, before Linux 5.11, the limit of locked memory is too low: \
                `ulimit -l`"
            .to_owned();
    }
    format!(
        "Capabilities missing: {}. Run as root, or give them to the binary: \
         `setcap cap_bpf,cap_perfmon,cap_net_admin,cap_net_raw,cap_ipc_lock+ep FILE`",
        missing.join(", ")
    )
}
