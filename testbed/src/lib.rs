//! Hosts for AF_XDP tests: unnamed network namespaces, joined by a veth pair, or by two cards that
//! the environment names. They end with the processes that hold them.
//!
//! ```no_run
//! use xskit_testbed::{HostPair, HostPairConfig};
//!
//! let pair = HostPair::new(HostPairConfig::default())?; // needs CAP_SYS_ADMIN and CAP_NET_ADMIN
//! let socket = pair.first.run(|| std::net::UdpSocket::bind((pair.first.ipv4, 0)))?;
//! # Ok::<(), xskit_testbed::Error>(())
//! ```
//!
//! | module | is |
//! | --- | --- |
//! | [`namespace`] | a network namespace without a name, and how threads and child processes get into it |
//! | [`pair`] | two hosts joined by a wire, for the demo, tests and benches |
//! | [`chain`] | two hosts with a third between them |
//! | [`cards`] | which two cards, if any, stand in for a veth pair |
//! | [`privilege`] | skips a test without its capabilities, and drops all of a thread's |

pub mod cards;
pub mod chain;
mod configure;
mod error;
pub mod namespace;
pub mod pair;
pub mod privilege;

pub use chain::HostChain;
pub use error::{Error, Result};
pub use namespace::{Namespace, WhenParentDies};
pub use pair::{Host, HostConfig, HostPair, HostPairConfig};
pub use xskit_net::{Capability, Link};
