//! Links, addresses, routes and neighbours by netlink, as far as xskit needs them.
//!
//! Everything here is synchronous, and applies to the network namespace of the *calling thread*: a
//! netlink socket belongs to the namespace in which it was opened, and each call opens its own.
//! `Namespace::run` of the crate `xskit-testbed` runs a call in another namespace.
//!
//! | module | answers |
//! | --- | --- |
//! | [`link`] | which interface is this, is it up, how many of its queues are active, does it have an XDP program |
//! | [`address`] | which addresses does an interface have |
//! | [`route`] | through which interface, gateway and source address does a packet to X leave |
//! | [`reverse_path`] | would the kernel accept a packet from X |
//! | [`neighbour`] | which MAC address does the next hop have (the kernel does ARP or neighbour discovery) |
//! | [`watch`] | has any of that changed |
//! | [`privilege`] | which capabilities are missing |
//!
//! All of it needs Linux 5.0 (single look-ups in the neighbour table). No call needs a daemon, a
//! command or a file outside `/proc`.

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
pub use link::{Link, XdpAttachment, XdpMode};
pub use privilege::Capability;
pub use queues::Queues;
pub use reverse_path::ReversePath;
pub use route::{Route, route_to};
pub use watch::{Changes, Watch};

/// Runs `ip` (iproute2) in the calling thread's network namespace.
#[cfg(test)]
fn ip(words: &str) {
    let mut ip = std::process::Command::new("ip");
    let status = ip.args(words.split(' ')).status();
    assert!(status.is_ok_and(|status| status.success()), "ip {words}");
}
