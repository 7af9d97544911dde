//! The errors of this crate: one variant per cause, each text with the remedy, where one is known.

use std::net::IpAddr;
use std::time::Duration;

use rustix::io::Errno;

/// The result of the calls of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What failed, where, and the remedy, where one is known.
///
/// ```
/// use xskit_net::{Error, Link};
///
/// match Link::by_name("eth77") {
///     Err(Error::NoSuchInterface { present, .. }) => assert!(present.contains(&"lo".to_owned())),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A system call other than a netlink request failed.
    #[error("can't {purpose}: {call}: {errno}")]
    Call {
        /// The call, such as `setns(CLONE_NEWNET)`.
        call: &'static str,
        /// The purpose of the call.
        purpose: String,
        /// The kernel's errno.
        errno: Errno,
    },

    /// The kernel refused a netlink request.
    #[error("netlink request {request} failed: {errno}{}", said(reason))]
    Refused {
        /// The message and its subject, such as `RTM_NEWADDR 10.0.0.1/24 on veth0`.
        request: String,
        /// The kernel's errno.
        errno: Errno,
        /// The kernel's own text (extended acknowledgement), if there is one.
        reason: Option<String>,
    },

    /// The kernel's answer to a netlink request can't be read.
    #[error(
        "netlink request {request}: the answer can't be read ({detail}); is this kernel newer than this program?"
    )]
    Malformed {
        /// The message and its subject.
        request: String,
        /// Where reading stopped.
        detail: String,
    },

    /// The process lacks a capability (EPERM).
    #[error(
        "not allowed to {purpose}: this needs {capability}; run as root, or grant it with setcap(8)"
    )]
    MissingCapability {
        /// The capability's name in capabilities(7).
        capability: &'static str,
        /// What needs it.
        purpose: String,
    },

    /// No interface of this network namespace has that name.
    #[error("no such interface {name:?}; those here are {}", list(present))]
    NoSuchInterface {
        /// The name that was asked for.
        name: String,
        /// The names of the interfaces that exist.
        present: Vec<String>,
    },

    /// No interface of this network namespace has that index.
    #[error("no interface has index {index}; it may have been removed meanwhile")]
    NoSuchIndex {
        /// The index that was asked for.
        index: u32,
    },

    /// The interface is administratively down.
    #[error("interface {name} is down; bring it up with: ip link set {name} up")]
    InterfaceDown {
        /// The interface's name.
        name: String,
    },

    /// The interface is up, but has no carrier.
    #[error(
        "interface {name} is up but has no carrier; is its cable plugged in, or its veth peer up?"
    )]
    NoCarrier {
        /// The interface's name.
        name: String,
    },

    /// The interface has no Ethernet (MAC) address.
    #[error(
        "interface {name} has no Ethernet address; AF_XDP here needs an Ethernet interface, such as a NIC or a veth"
    )]
    NotEthernet {
        /// The interface's name.
        name: String,
    },

    /// The queue doesn't exist, or doesn't both receive and send.
    #[error(
        "interface {interface} has no queue {queue}: {rx} receive and {tx} send queues are active, counted from 0{}",
        more_queues(interface, *rx, *tx, *max_rx, *max_tx)
    )]
    NoSuchQueue {
        /// The interface's name.
        interface: String,
        /// The queue that was asked for.
        queue: u32,
        /// Active receive queues.
        rx: u32,
        /// Active send queues.
        tx: u32,
        /// The most receive queues that the device supports.
        max_rx: u32,
        /// The most send queues that the device supports.
        max_tx: u32,
    },

    /// The interface doesn't have the address.
    #[error(
        "{address} is not an address of interface {interface}, which has {}",
        list(present)
    )]
    AddressNotHere {
        /// The address that was asked for.
        address: IpAddr,
        /// The interface's name.
        interface: String,
        /// The addresses that it has.
        present: Vec<IpAddr>,
    },

    /// The interface has the address, but can't use it (yet).
    #[error(
        "{address} on {interface} is not usable: duplicate address detection has not finished, or found another host with it; wait a second and see ip -6 address show {interface}"
    )]
    AddressTentative {
        /// The address that was asked for.
        address: IpAddr,
        /// The interface's name.
        interface: String,
    },

    /// The routing tables have no route to the destination.
    #[error(
        "no route to {destination}{}: {errno}; see ip route get {destination}, and add a route or an address",
        through(interface)
    )]
    NoRoute {
        /// The destination of the packet.
        destination: IpAddr,
        /// The interface that was asked for, if any.
        interface: Option<String>,
        /// The kernel's errno.
        errno: Errno,
    },

    /// The destination is an address of this host itself.
    #[error(
        "{destination} is an address of this host itself: packets to it never reach a wire; try the address of another host"
    )]
    LocalDestination {
        /// The destination of the packet.
        destination: IpAddr,
    },

    /// The destination is a broadcast or multicast address.
    #[error("{destination} is a broadcast or multicast address; name the address of one host")]
    NotUnicast {
        /// The destination of the packet.
        destination: IpAddr,
    },

    /// There is a route, but no source address.
    #[error(
        "no source address to reach {destination}: give the interface an address of the same family"
    )]
    NoSourceAddress {
        /// The destination of the packet.
        destination: IpAddr,
    },

    /// The next hop answered neither ARP nor neighbour discovery in time.
    #[error(
        "no answer to {} from {address} on {interface} within {} s; is that host up, and in the same network?",
        resolution_protocol(*address),
        timeout.as_secs_f64()
    )]
    NoAnswer {
        /// The next hop.
        address: IpAddr,
        /// The interface's name.
        interface: String,
        /// How long the call waited.
        timeout: Duration,
    },
}

impl Error {
    /// The kernel's errno, if the kernel caused the failure.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Call { errno, .. }
            | Self::Refused { errno, .. }
            | Self::NoRoute { errno, .. } => Some(*errno),
            Self::MissingCapability { .. } => Some(Errno::PERM),
            _ => None,
        }
    }

    /// A failed system call: [`MissingCapability`](Self::MissingCapability) for EPERM, else
    /// [`Call`](Self::Call).
    #[must_use]
    pub fn call(call: &'static str, capability: &'static str, purpose: &str, errno: Errno) -> Self {
        match errno {
            Errno::PERM => Self::MissingCapability {
                capability,
                purpose: format!("{purpose} ({call})"),
            },
            _ => Self::Call {
                call,
                purpose: purpose.to_owned(),
                errno,
            },
        }
    }
}

/// The errno of an [`std::io::Error`]; EIO for those that the standard library makes up.
pub(crate) fn errno_of(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

fn list<T: ToString>(items: &[T]) -> String {
    if items.is_empty() {
        return "none".to_owned();
    }
    items
        .iter()
        .map(T::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

fn said(reason: &Option<String>) -> String {
    reason.as_ref().map_or_else(String::new, |reason| {
        format!(" (the kernel says: {reason})")
    })
}

fn through(interface: &Option<String>) -> String {
    interface
        .as_ref()
        .map_or_else(String::new, |name| format!(" through {name}"))
}

fn more_queues(interface: &str, rx: u32, tx: u32, max_rx: u32, max_tx: u32) -> String {
    if max_rx <= rx && max_tx <= tx {
        return String::new();
    }
    format!("; the device supports {max_rx} and {max_tx}: see ethtool --show-channels {interface}")
}

fn resolution_protocol(address: IpAddr) -> &'static str {
    if address.is_ipv4() {
        "ARP"
    } else {
        "neighbour discovery"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_name_the_cause_and_the_remedy() {
        let no_answer = Error::NoAnswer {
            address: IpAddr::from([10, 0, 0, 2]),
            interface: "veth0".into(),
            timeout: Duration::from_secs(3),
        };
        let missing = Error::NoSuchInterface {
            name: "x9".into(),
            present: vec!["a".into(), "b".into(), "c".into()],
        };
        let refused = Error::Refused {
            request: "RTM_NEWLINK".into(),
            errno: Errno::INVAL,
            reason: Some("Invalid number of queues".into()),
        };
        for (error, words) in [
            (&refused, "Invalid argument"),
            (&refused, "the kernel says: Invalid number of queues"),
        ] {
            let text = error.to_string();
            assert!(text.contains(words), "no {words:?} in {text}");
        }
        let missing = missing.to_string();
        assert_eq!(missing, "no such interface \"x9\"; those here are a, b, c");
        let no_answer = no_answer.to_string();
        let begin = "no answer to ARP from 10.0.0.2 on veth0 within 3 s;";
        assert!(no_answer.starts_with(begin), "{no_answer}");
    }

    #[test]
    fn eperm_names_the_capability() {
        let (call, task) = ("unshare(CLONE_NEWNET)", "make a network namespace");
        let error = Error::call(call, "CAP_SYS_ADMIN", task, Errno::PERM);
        assert!(error.to_string().contains("needs CAP_SYS_ADMIN"), "{error}");
        assert_eq!(error.errno(), Some(Errno::PERM));
    }
}
