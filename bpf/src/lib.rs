//! The XDP program that takes chosen packets to AF_XDP sockets, and its loader.
//!
//! ```text
//!                  attach          a rule for the port, or for more of it?     socket at this queue?
//!   NIC queue 3 ──▶ XDP program ──────▶ xskit_ports, xskit_ipv4, xskit_ipv6 ──────▶ xskit_sockets[3] ──▶ AF_XDP socket
//!                      │  every other frame          │ no                             │ no
//!                      └─────────────────────────────┴────────────────────────────────┴──▶ the kernel's stack
//! ```
//!
//! The program *takes* only what a rule matches: UDP ports ([`XdpProgram::take`]), or protocol,
//! ports, addresses and VLAN ([`Rule`]); or all frames ([`XdpProgram::take_all`]). Everything else
//! goes on to the kernel. No rule matches ARP, and only [`Rule::any`] matches fragments. The top of
//! `xskit.bpf.c` says what it reads, and in which order.
//!
//! ```no_run
//! # fn socket() -> std::os::fd::OwnedFd { unimplemented!() }
//! use std::os::fd::AsFd;
//! use xskit_bpf::{AttachMode, XdpProgram};
//!
//! let program = XdpProgram::load(4)?; // queues 0 to 3
//! let socket = socket(); // an AF_XDP socket, bound to queue 3 of the interface
//! program.register_socket(3, socket.as_fd())?;
//! program.take(443, None)?;
//! let attachment = program.attach(2, AttachMode::Auto)?;
//! println!("attached in {} mode", attachment.mode());
//! println!("{:?}", program.counters()?);
//! drop(attachment); // off the interface again; also when the process is killed
//! # Ok::<(), xskit_bpf::Error>(())
//! ```
//!
//! Needs Linux 5.9 (attaching XDP by link), and CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN to load.
//! Later calls go through the file descriptors that [`XdpProgram`] holds: Linux 5.19 and later
//! require no privilege for them; older kernels require the same again. Loading routes the messages
//! of libbpf, the verifier's log included, to [`tracing`] at debug level, for the whole process.

mod attach;
mod counters;
mod error;
mod features;
mod interface;
mod mode;
mod object;
mod occupant;
mod only;
mod ports;
mod prefix;
mod privilege;
mod program;
mod refusal;
mod rules;
mod sockets;
mod strays;
mod sys;

pub use attach::Attachment;
pub use counters::Counters;
pub use error::Error;
pub use features::{DeviceFeatures, device_features};
pub use mode::{AttachMode, AttachedMode, OccupantMode};
pub use occupant::Occupant;
pub use only::Only;
pub use ports::Ports;
pub use prefix::{InvalidPrefix, Prefix};
pub use program::XdpProgram;
pub use refusal::NativeRefusal;
pub use rules::Rule;
pub use sockets::SocketMap;
pub use strays::Strays;
