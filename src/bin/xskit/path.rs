//! The way to a host, as the kernel knows it.

use std::net::IpAddr;
use std::time::Duration;

use xskit::core::wire::MacAddr;
use xskit::net::{Link, neighbour, route_to};

/// How long the kernel may take to find a neighbour's MAC address.
pub(crate) const RESOLUTION_PATIENCE: Duration = Duration::from_secs(3);

/// How packets get to a host.
pub(crate) struct Path {
    /// Our address on the way there.
    pub(crate) source: IpAddr,
    /// The MAC address to send to: the host's or its gateway's.
    pub(crate) next_hop: MacAddr,
    /// The most bytes an IP packet may have on the way.
    pub(crate) mtu_bytes: u32,
}

/// Asks the kernel for the way to `destination` through `link`, neighbour resolution included, which
/// takes `patience` at most.
pub(crate) fn find(link: &Link, destination: IpAddr, patience: Duration) -> anyhow::Result<Path> {
    let route = route_to(destination, Some(link))?;
    let patience = patience.min(RESOLUTION_PATIENCE);
    let next_hop = neighbour::resolve(link, route.next_hop(), patience)?;
    let mtu_bytes = route
        .mtu_bytes
        .map_or(link.mtu_bytes, |mtu| mtu.min(link.mtu_bytes));
    Ok(Path {
        source: route.source,
        next_hop: MacAddr::new(next_hop),
        mtu_bytes,
    })
}
