//! What netlink says and does for xskit: links, routes, neighbours, and hosts made of namespaces
//! and veth pairs.
//!
//! Everything here is synchronous, and speaks of the network namespace of the *calling thread*: a
//! netlink socket belongs to the namespace in which it was opened, and each call opens its own.
//! [`Namespace::run`] runs any of it elsewhere.
//!
//! | module | answers |
//! | --- | --- |
//! | [`link`] | which interface is that, is it up, how many of its queues are active, does an XDP program sit on it |
//! | [`address`] | which addresses does an interface have |
//! | [`route`] | through which interface, gateway and source address does a packet to X leave |
//! | [`reverse_path`] | would the kernel take a packet from X |
//! | [`neighbour`] | which MAC address has the next hop (the kernel does the ARP or neighbour discovery) |
//! | [`watch`] | has any of that changed |
//! | [`namespace`] | a network namespace without a name, and how threads and child processes get into it |
//! | [`cards`] | which two cards, if any, stand in for a veth pair |
//! | [`pair`] | two hosts joined by a wire, for the demo, tests and benches |
//! | [`chain`] | two hosts with a third between them |
//! | [`privilege`] | which capabilities are missing, and how a test says so |
//!
//! The first kernel that has all of it is Linux 5.0 (single look-ups in the neighbour table); no
//! call needs a daemon, a command or a file outside `/proc`.

pub mod address;
pub mod cards;
pub mod chain;
mod configure;
mod error;
mod ethtool;
pub mod link;
pub mod namespace;
pub mod neighbour;
mod netlink;
pub mod pair;
pub mod privilege;
mod queues;
pub mod reverse_path;
pub mod route;
pub mod watch;

pub use address::InterfaceAddress;
pub use chain::HostChain;
pub use error::{Error, Result};
pub use link::{Link, XdpMode, XdpProgram};
pub use namespace::{Namespace, WhenParentDies};
pub use pair::{Host, HostConfig, HostPair, HostPairConfig};
pub use privilege::Capability;
pub use queues::Queues;
pub use reverse_path::ReversePath;
pub use route::{Route, route_to};
pub use watch::{Changes, Watch};
