//! The netlink requests that change something: make a veth pair, move a link, bring it up, give it
//! an address.
//!
//! References: rtnetlink(7) RTM_NEWLINK, RTM_SETLINK, RTM_NEWADDR; veth(4).

use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage,
};
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoData, InfoKind, InfoVeth, LinkAttribute,
    LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rustix::io::Errno;
use xskit_net::Error::Refused;
use xskit_net::Link;
use xskit_net::netlink::Netlink;

use crate::error::{Error, Result};

/// The configuration of one end of a wire.
pub(crate) struct LinkEnd<'a> {
    pub(crate) name: &'a str,
    pub(crate) mtu_bytes: u32,
    pub(crate) queues: u32,
}

/// Makes a veth pair: `here` in the namespace of `netlink`, `there` at once in that of
/// `peer_namespace`, so neither ever appears elsewhere.
pub(crate) fn create_veth(
    netlink: &mut Netlink,
    here: &LinkEnd<'_>,
    there: &LinkEnd<'_>,
    peer_namespace: BorrowedFd<'_>,
) -> Result<()> {
    let mut peer = end_message(there);
    peer.attributes
        .push(LinkAttribute::NetNsFd(peer_namespace.as_raw_fd()));
    let mut message = end_message(here);
    message.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
    ]));
    let request = format!("RTM_NEWLINK (veth pair {} and {})", here.name, there.name);
    let made = netlink.change(
        &request,
        RouteNetlinkMessage::NewLink(message),
        NLM_F_CREATE | NLM_F_EXCL,
    );
    made.map_err(|error| match error {
        Refused {
            errno: errno @ Errno::OPNOTSUPP,
            ..
        } => Error::NoVeth { errno },
        other => other.into(),
    })
}

fn end_message(end: &LinkEnd<'_>) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes = vec![
        LinkAttribute::IfName(end.name.to_owned()),
        LinkAttribute::Mtu(end.mtu_bytes),
        // Both counts, always: without them veth makes a queue per CPU and activates one.
        LinkAttribute::NumTxQueues(end.queues),
        LinkAttribute::NumRxQueues(end.queues),
    ];
    message
}

/// Moves `link` into the namespace `into`, where it is named and sized as `end` says. It arrives
/// down, and without an address.
pub(crate) fn move_link(
    netlink: &mut Netlink,
    link: &Link,
    end: &LinkEnd<'_>,
    into: BorrowedFd<'_>,
) -> Result<()> {
    let mut message = LinkMessage::default();
    message.header.index = link.index;
    message.attributes = vec![
        LinkAttribute::NetNsFd(into.as_raw_fd()),
        LinkAttribute::IfName(end.name.to_owned()),
        LinkAttribute::Mtu(end.mtu_bytes),
    ];
    let request = format!("RTM_SETLINK {} (to another namespace)", link.name);
    Ok(netlink.change(&request, RouteNetlinkMessage::SetLink(message), 0)?)
}

/// Brings the link `name` up.
pub(crate) fn set_up(netlink: &mut Netlink, name: &str) -> Result<()> {
    let mut message = LinkMessage::default();
    message.header.index = Link::by_name(name)?.index;
    message.header.flags = LinkFlags::Up;
    message.header.change_mask = LinkFlags::Up;
    let request = format!("RTM_SETLINK {name} up");
    Ok(netlink.change(&request, RouteNetlinkMessage::SetLink(message), 0)?)
}

/// Keeps the kernel from giving `link` a link-local address when it comes up: duplicate address
/// detection would make it unusable for a second or two, in which the kernel resolves no IPv6
/// neighbour.
pub(crate) fn no_generated_address(netlink: &mut Netlink, link: &Link) -> Result<()> {
    let mut message = LinkMessage::default();
    message.header.index = link.index;
    let mode = AfSpecInet6::AddrGenMode(In6AddrGenMode::None);
    message
        .attributes
        .push(LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(
            vec![mode],
        )]));
    let request = format!("RTM_SETLINK {} (no generated IPv6 address)", link.name);
    let set = netlink.change(&request, RouteNetlinkMessage::SetLink(message), 0);
    set.map_err(|error| ipv6_disabled(link, error))
}

/// Gives `link` the address `address`/`prefix_len`; one of IPv6 without duplicate address detection
/// (IFA_F_NODAD): the kernel receives for it as soon as deferred work has added the route.
pub(crate) fn add_address(
    netlink: &mut Netlink,
    link: &Link,
    address: IpAddr,
    prefix_len: u8,
) -> Result<()> {
    let mut message = AddressMessage::default();
    message.header.prefix_len = prefix_len;
    message.header.index = link.index;
    message.attributes = vec![
        AddressAttribute::Local(address),
        AddressAttribute::Address(address),
    ];
    if address.is_ipv4() {
        message.header.family = AddressFamily::Inet;
    } else {
        message.header.family = AddressFamily::Inet6;
        message.header.flags = AddressHeaderFlags::Nodad;
        message
            .attributes
            .push(AddressAttribute::Flags(AddressFlags::Nodad));
    }
    let request = format!("RTM_NEWADDR {address}/{prefix_len} on {}", link.name);
    let added = netlink.change(
        &request,
        RouteNetlinkMessage::NewAddress(message),
        NLM_F_CREATE | NLM_F_EXCL,
    );
    added.map_err(|error| {
        if address.is_ipv6() {
            ipv6_disabled(link, error)
        } else {
            error.into()
        }
    })
}

/// The error of a refused IPv6 address: [`Error::Ipv6Disabled`] if IPv6 is switched off for the
/// device (EACCES), or is switched off altogether or not built in (EAFNOSUPPORT, EOPNOTSUPP).
fn ipv6_disabled(link: &Link, error: xskit_net::Error) -> Error {
    match error {
        Refused {
            errno: errno @ (Errno::ACCESS | Errno::AFNOSUPPORT | Errno::OPNOTSUPP),
            ..
        } => Error::Ipv6Disabled {
            interface: link.name.clone(),
            errno,
        },
        other => other.into(),
    }
}
