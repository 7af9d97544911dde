//! What netlink says and does for xskit: links, addresses, routes, neighbours.
//!
//! Everything here is synchronous, and speaks of the network namespace of the *calling thread*: a
//! netlink socket belongs to the namespace in which it was opened, and each call opens its own.
//! `Namespace::run` of the crate `xskit-testbed` runs any of it elsewhere.
//!
//! | module | answers |
//! | --- | --- |
//! | [`link`] | which interface is that, is it up, how many of its queues are active, does an XDP program sit on it |
//! | [`address`] | which addresses does an interface have |
//! | [`route`] | through which interface, gateway and source address does a packet to X leave |
//! | [`reverse_path`] | would the kernel take a packet from X |
//! | [`neighbour`] | which MAC address has the next hop (the kernel does the ARP or neighbour discovery) |
//! | [`watch`] | has any of that changed |
//! | [`privilege`] | which capabilities are missing |
//!
//! The first kernel that has all of it is Linux 5.0 (single look-ups in the neighbour table); no
//! call needs a daemon, a command or a file outside `/proc`.

pub mod address;
mod error;
mod ethtool;
pub mod link;
pub mod neighbour;
#[doc(hidden)]
pub mod netlink;
pub mod privilege;
mod queues;
pub mod reverse_path;
pub mod route;
pub mod watch;

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use address::InterfaceAddress;
pub use error::{Error, Result};
pub use link::{AttachedProgram, Link, XdpMode};
pub use privilege::Capability;
pub use queues::Queues;
pub use reverse_path::ReversePath;
pub use route::{Route, route_to};
pub use watch::{Changes, Watch};
