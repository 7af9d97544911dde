//! The route of a packet to a host: interface, gateway, source address.
//!
//! The kernel decides, as it would for its own packets. References: rtnetlink(7) RTM_GETROUTE.

use std::net::{IpAddr, Ipv4Addr};

use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteMetric, RouteType, RouteVia,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::error::{Error, Result};
use crate::link::Link;
use crate::netlink::Netlink;

/// The route to one host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// The host.
    pub destination: IpAddr,
    /// The interface by which packets leave.
    pub interface_index: u32,
    /// The router; `None` if the destination is on the same wire. May be an IPv6 address for an
    /// IPv4 destination (RFC 8950).
    pub gateway: Option<IpAddr>,
    /// The address that the kernel would send from.
    pub source: IpAddr,
    /// The MTU of the route in bytes, if it has one (set by hand, or learnt from a router); else
    /// the interface's applies.
    pub mtu_bytes: Option<u32>,
}

impl Route {
    /// The host on the same wire whose MAC address the packets carry: the gateway, or the
    /// destination itself.
    #[must_use]
    pub fn next_hop(&self) -> IpAddr {
        self.gateway.unwrap_or(self.destination)
    }
}

/// RTM_GETROUTE: the route to `destination`; with `interface`, only by that one.
///
/// ```no_run
/// # let destination = std::net::IpAddr::from([192, 0, 2, 1]);
/// let route = xskit_net::route_to(destination, None)?;
/// println!("from {}, by way of {}", route.source, route.next_hop());
/// # Ok::<(), xskit_net::Error>(())
/// ```
///
/// # Errors
/// [`Error::LocalDestination`] if it is an address of this host; [`Error::NotUnicast`] if it is
/// broadcast, multicast or anycast; [`Error::NoRoute`] if the tables have none;
/// [`Error::NoSourceAddress`] if the route has no source; [`Error::Call`] if the netlink socket
/// fails; [`Error::Malformed`] if the answer can't be read.
pub fn route_to(destination: IpAddr, interface: Option<&Link>) -> Result<Route> {
    // If an interface is named, the kernel only reports for these that there is no route.
    if destination.is_loopback() {
        return Err(Error::LocalDestination { destination });
    }
    if destination.is_multicast() || destination == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err(Error::NotUnicast { destination });
    }
    let mut netlink = Netlink::open()?;
    if interface.is_some() && destination.is_ipv4() {
        // With an interface, the kernel takes any IPv4 destination to be on its wire if no route
        // matches. RTM_F_FIB_MATCH asks for the matching entry, and fails if there is none.
        ask(&mut netlink, destination, interface, RouteFlags::FibMatch)?;
    }
    read(
        destination,
        &ask(&mut netlink, destination, interface, RouteFlags::empty())?,
    )
}

fn ask(
    netlink: &mut Netlink,
    destination: IpAddr,
    interface: Option<&Link>,
    flags: RouteFlags,
) -> Result<RouteMessage> {
    let mut message = RouteMessage::default();
    (
        message.header.address_family,
        message.header.destination_prefix_length,
    ) = match destination {
        IpAddr::V4(_) => (AddressFamily::Inet, 32),
        IpAddr::V6(_) => (AddressFamily::Inet6, 128),
    };
    message.header.flags = flags;
    message
        .attributes
        .push(RouteAttribute::Destination(destination.into()));
    message
        .attributes
        .extend(interface.map(|link| RouteAttribute::Oif(link.index)));

    let request = request_name(destination);
    let answers = netlink
        .get(&request, RouteNetlinkMessage::GetRoute(message))
        .map_err(|error| match error {
            // Each kind of missing route has its errno: none, unreachable, prohibited, blackhole.
            Error::Refused { errno, .. } => Error::NoRoute {
                destination,
                interface: interface.map(|link| link.name.clone()),
                errno,
            },
            other => other,
        })?;
    let route = answers.into_iter().find_map(|answer| match answer {
        RouteNetlinkMessage::NewRoute(route) => Some(route),
        _ => None,
    });
    route.ok_or_else(|| Error::Malformed {
        request,
        detail: "an acknowledgement without a route".to_owned(),
    })
}

fn read(destination: IpAddr, message: &RouteMessage) -> Result<Route> {
    match message.header.kind {
        RouteType::Local => return Err(Error::LocalDestination { destination }),
        RouteType::Broadcast | RouteType::Multicast | RouteType::Anycast => {
            return Err(Error::NotUnicast { destination });
        }
        _ => {}
    }
    let (mut interface_index, mut gateway, mut source, mut mtu_bytes) = (None, None, None, None);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Oif(index) => interface_index = Some(*index),
            RouteAttribute::Gateway(address) => gateway = ip(address),
            RouteAttribute::Via(RouteVia::Inet(address)) => gateway = Some((*address).into()),
            RouteAttribute::Via(RouteVia::Inet6(address)) => gateway = Some((*address).into()),
            RouteAttribute::PrefSource(address) => source = ip(address),
            RouteAttribute::Metrics(metrics) => mtu_bytes = metrics.iter().find_map(mtu),
            _ => {}
        }
    }
    let interface_index = interface_index.ok_or_else(|| Error::Malformed {
        request: request_name(destination),
        detail: "a route without an interface".to_owned(),
    })?;
    let source = source.ok_or(Error::NoSourceAddress { destination })?;
    Ok(Route {
        destination,
        interface_index,
        gateway,
        source,
        mtu_bytes,
    })
}

fn request_name(destination: IpAddr) -> String {
    format!("RTM_GETROUTE {destination}")
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some((*address).into()),
        RouteAddress::Inet6(address) => Some((*address).into()),
        _ => None,
    }
}

/// The kernel reports 0 for a metric that is not set.
fn mtu(metric: &RouteMetric) -> Option<u32> {
    match metric {
        RouteMetric::Mtu(mtu) if *mtu != 0 => Some(*mtu),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: RouteType, attributes: Vec<RouteAttribute>) -> RouteMessage {
        let mut message = RouteMessage::default();
        message.header.kind = kind;
        message.attributes = attributes;
        message
    }

    #[test]
    fn an_ipv4_destination_may_have_an_ipv6_gateway() {
        let destination = IpAddr::from([192, 0, 2, 1]);
        let source = IpAddr::from([10, 0, 0, 1]);
        let gateway: IpAddr = "fe80::1".parse().unwrap();
        let IpAddr::V6(via) = gateway else {
            unreachable!()
        };
        let attributes = vec![
            RouteAttribute::Oif(4),
            RouteAttribute::Via(RouteVia::Inet6(via)),
            RouteAttribute::PrefSource(source.into()),
            RouteAttribute::Metrics(vec![RouteMetric::Hoplimit(3), RouteMetric::Mtu(1400)]),
        ];
        let route = read(destination, &message(RouteType::Unicast, attributes)).unwrap();
        assert_eq!(route.next_hop(), gateway);
        assert_eq!(
            (route.interface_index, route.source, route.mtu_bytes),
            (4, source, Some(1400))
        );
    }

    #[test]
    fn a_gateway_and_an_mtu_are_read_from_the_kernels_answer() {
        let test = "a_gateway_and_an_mtu_are_read_from_the_kernels_answer";
        let Some(pair) = xskit_testbed::HostPair::for_test(test, 1) else {
            return;
        };
        let gateway = IpAddr::from(pair.second.ipv4);
        let destination = IpAddr::from([192, 0, 2, 1]);
        let route = pair.first.run(|| {
            crate::ip(&format!("route add default via {gateway} mtu 1400"));
            let link = Link::by_index(pair.first.link.index).unwrap();
            route_to(destination, Some(&link)).unwrap()
        });
        let expected = Route {
            destination,
            interface_index: pair.first.link.index,
            gateway: Some(gateway),
            source: pair.first.ipv4.into(),
            mtu_bytes: Some(1400),
        };
        assert_eq!(route.unwrap(), expected);
    }

    #[test]
    fn what_is_missing_is_named() {
        let destination = IpAddr::from([192, 0, 2, 1]);
        let read = |kind, attributes| read(destination, &message(kind, attributes));
        let without_source = read(RouteType::Unicast, vec![RouteAttribute::Oif(4)]);
        assert_eq!(without_source, Err(Error::NoSourceAddress { destination }));
        let empty = read(RouteType::Unicast, vec![]);
        assert!(matches!(empty, Err(Error::Malformed { .. })), "{empty:?}");
        let multicast = read(RouteType::Multicast, vec![]);
        assert_eq!(multicast, Err(Error::NotUnicast { destination }));
    }
}
