//! Announcements of the kernel: interfaces, addresses, routes and neighbours that changed.
//!
//! A [`Watch`] reports only what kind of thing changed, not how: the caller queries again, by the
//! same calls as before. So a lost announcement costs one query more, and does no harm.
//!
//! References: rtnetlink(7); netlink(7), ENOBUFS.

use std::fmt;
use std::io::ErrorKind;

use netlink_sys::Socket;
use rustix::io::Errno;

use crate::error::{Error, Result, errno_of};
use crate::link::Link;
use crate::netlink::{HEADER_LEN_BYTES, connect};

/// `RTNLGRP_*` of linux/rtnetlink.h: link, neighbour, and for IPv4 and IPv6 address and route.
const GROUPS: [u32; 6] = [1, 3, 5, 7, 9, 11];
/// The kernel announces nothing in pieces larger than this (`NLMSG_GOODSIZE`).
const RECEIVE_LEN_BYTES: usize = 32 * 1024;
/// Announcements per look, at most.
const ANNOUNCEMENTS_PER_LOOK: u32 = 256;

/// For error texts.
const PURPOSE: &str = "hear of changed addresses, routes and neighbours";

/// Offset of `nlmsg_type` in `struct nlmsghdr`.
const TYPE_AT: usize = 4;
/// Offset of the interface in a message about a link, an address or a neighbour: `ifi_index`,
/// `ifa_index` and `ndm_ifindex` are all four bytes after the header.
const INTERFACE_AT: usize = HEADER_LEN_BYTES + 4;

/// A netlink socket that receives the kernel's announcements about one interface, and about all
/// addresses and routes.
///
/// ```
/// use xskit_net::{Link, Watch};
///
/// let link = Link::by_name("lo")?;
/// let mut watch = Watch::start(&link)?;
/// // Then ask for routes and neighbours; from time to time:
/// if watch.look()?.any() {
///     println!("ask again");
/// }
/// # Ok::<(), xskit_net::Error>(())
/// ```
pub struct Watch {
    socket: Socket,
    interface_index: u32,
    received: Vec<u8>,
}

/// What changed since the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Changes {
    /// The interface itself: its MAC address, its MTU, its state.
    pub link: bool,
    /// The addresses of any interface.
    pub addresses: bool,
    /// Any route.
    pub routes: bool,
    /// The neighbours on the interface.
    pub neighbours: bool,
}

impl Changes {
    /// Everything may have changed.
    pub const ALL: Self = Self {
        link: true,
        addresses: true,
        routes: true,
        neighbours: true,
    };

    /// Whether anything has.
    #[must_use]
    pub const fn any(self) -> bool {
        self.link || self.addresses || self.routes || self.neighbours
    }
}

impl Watch {
    /// Starts to listen, in the network namespace of the calling thread.
    ///
    /// Every change after this call is announced, so query after it.
    ///
    /// # Errors
    /// [`Error::Call`] if the socket can't be set up; [`Error::MissingCapability`] for EPERM.
    pub fn start(link: &Link) -> Result<Self> {
        let socket = connect(PURPOSE)?;
        for group in GROUPS {
            let added = socket.add_membership(group);
            added.map_err(|e| failed("setsockopt(NETLINK_ADD_MEMBERSHIP)", errno_of(&e)))?;
        }
        socket
            .set_non_blocking(true)
            .map_err(|e| failed("fcntl(O_NONBLOCK)", errno_of(&e)))?;
        Ok(Self {
            socket,
            interface_index: link.index,
            received: Vec::with_capacity(RECEIVE_LEN_BYTES),
        })
    }

    /// Returns what was announced since the last look. Never waits; one system call if there was
    /// nothing.
    ///
    /// [`Changes::ALL`] if the kernel had to drop announcements.
    ///
    /// # Errors
    /// [`Error::Call`] for any other failure of the socket.
    pub fn look(&mut self) -> Result<Changes> {
        let mut changes = Changes::default();
        for _ in 0..ANNOUNCEMENTS_PER_LOOK {
            self.received.clear();
            match self.socket.recv(&mut self.received, libc::MSG_TRUNC) {
                Ok(len) if len == self.received.len() => {
                    note(&self.received, self.interface_index, &mut changes);
                }
                Ok(_) => return Ok(Changes::ALL),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => match errno_of(&error) {
                    Errno::NOBUFS => changes = Changes::ALL,
                    errno => return Err(failed("recv(AF_NETLINK)", errno)),
                },
            }
        }
        Ok(changes)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("interface_index", &self.interface_index)
            .finish_non_exhaustive()
    }
}

fn failed(call: &'static str, errno: Errno) -> Error {
    Error::call(call, "CAP_NET_ADMIN", PURPOSE, errno)
}

/// Notes each message of a datagram. Bytes that are not a message end it.
fn note(mut datagram: &[u8], interface_index: u32, changes: &mut Changes) {
    while datagram.len() >= HEADER_LEN_BYTES {
        let len = u32_at(datagram, 0).unwrap_or_default() as usize;
        let Some(message) = datagram.get(..len).filter(|_| len >= HEADER_LEN_BYTES) else {
            return;
        };
        let is_ours = u32_at(message, INTERFACE_AT) == Some(interface_index);
        match u16_at(message, TYPE_AT).unwrap_or_default() {
            libc::RTM_NEWLINK | libc::RTM_DELLINK => changes.link |= is_ours,
            libc::RTM_NEWADDR | libc::RTM_DELADDR => changes.addresses = true,
            libc::RTM_NEWNEIGH | libc::RTM_DELNEIGH => changes.neighbours |= is_ours,
            libc::RTM_NEWROUTE | libc::RTM_DELROUTE => changes.routes = true,
            _ => {}
        }
        datagram = datagram.get(len.next_multiple_of(4)..).unwrap_or_default();
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*field))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let field = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_ne_bytes(*field))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, interface: u32) -> Vec<u8> {
        let mut bytes = 24u32.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(INTERFACE_AT, 0);
        bytes.extend(interface.to_ne_bytes());
        bytes
    }

    fn noted(datagram: &[u8]) -> Changes {
        let mut changes = Changes::default();
        note(datagram, 7, &mut changes);
        changes
    }

    #[test]
    fn only_what_is_about_the_interface_counts_and_any_address_or_route() {
        assert_eq!(noted(&message(libc::RTM_NEWNEIGH, 8)), Changes::default());
        assert!(noted(&message(libc::RTM_DELADDR, 8)).addresses);
        assert!(noted(&message(libc::RTM_NEWNEIGH, 7)).neighbours);
        assert!(noted(&message(libc::RTM_DELROUTE, 0)).routes);
        let (foreign, own) = (
            message(libc::RTM_NEWNEIGH, 8),
            message(libc::RTM_NEWLINK, 7),
        );
        let link = Changes {
            link: true,
            ..Changes::default()
        };
        assert_eq!(noted(&own), link);
        assert_eq!(noted(&[foreign, own].concat()), link);
    }

    #[test]
    fn bytes_that_are_no_message_change_nothing() {
        let whole = message(libc::RTM_NEWLINK, 7);
        for len in 0..whole.len() {
            assert_eq!(noted(&whole[..len]), Changes::default(), "{len}");
        }
        assert_eq!(noted(&[0; 64]), Changes::default());
        assert_eq!(noted(&[0xff; 64]), Changes::default());
    }

    #[test]
    fn an_address_that_comes_and_a_link_that_changes_are_noticed() {
        let test = "an_address_that_comes_and_a_link_that_changes_are_noticed";
        let Some(pair) = xskit_testbed::HostPair::for_test(test, 1) else {
            return;
        };
        let seen = pair.first.run(|| {
            let link = Link::by_index(pair.first.link.index).unwrap();
            let mut watch = Watch::start(&link).unwrap();
            let before = watch.look().unwrap();
            crate::ip(&format!("address add 10.77.0.9/24 dev {}", link.name));
            // The kernel has announced it by the time that it has acknowledged it.
            (before, watch.look().unwrap(), watch.look().unwrap())
        });
        let (before, after, later) = seen.unwrap();
        assert!(!before.any() && !later.any(), "{before:?} {later:?}");
        assert!(after.addresses && after.routes && !after.link, "{after:?}");
    }
}
