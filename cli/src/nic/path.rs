//! The path to a host, as the kernel knows it, followed as it changes.

use std::net::IpAddr;
use std::time::Duration;

use xskit::net::{Changes, Link, neighbour, route_to};
use xskit::wire::{self, MacAddr};

/// How long the kernel may take to resolve a neighbour's MAC address.
pub(crate) const RESOLUTION_PATIENCE: Duration = Duration::from_secs(3);

/// How packets get to a host.
pub(crate) struct Path {
    /// Our address on this path.
    pub(crate) source: IpAddr,
    /// The MAC address to send to: the host's or its gateway's.
    pub(crate) next_hop: MacAddr,
    /// The path MTU that the kernel knows, in bytes of the IP packet.
    pub(crate) mtu_bytes: u32,
}

/// Asks the kernel for the path to `destination` through `link`. Neighbour resolution takes at most
/// `patience`.
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

/// The path to `destination` through `link` as the kernel knows it now; `None` if it has no route
/// or no neighbour entry yet. Never waits.
pub(crate) fn known(link: &Link, destination: IpAddr) -> Option<wire::LinkPath> {
    known_from(link, destination).map(|(link, _)| link)
}

/// The same, with our address on that path.
pub(crate) fn known_from(link: &Link, destination: IpAddr) -> Option<(wire::LinkPath, IpAddr)> {
    let link = Link::by_index(link.index).ok()?;
    let route = route_to(destination, Some(&link)).ok()?;
    let next_hop = neighbour::known(&link, route.next_hop()).ok()??;
    let own = MacAddr::new(link.mac?);
    let way = wire::LinkPath::new(own, MacAddr::new(next_hop));
    Some((way, route.source))
}

/// The path that packets to a host take, followed as it changes.
pub(crate) struct FollowedPath {
    destination: IpAddr,
    current: wire::LinkPath,
    /// It changed, and the kernel has not resolved the new one yet.
    is_pending: bool,
}

impl FollowedPath {
    pub(crate) fn new(destination: IpAddr, current: wire::LinkPath) -> Self {
        Self {
            destination,
            current,
            is_pending: false,
        }
    }

    /// Returns the path if `changes` made it another. While the kernel knows none, the old one
    /// stays.
    pub(crate) fn follow(&mut self, link: &Link, changes: Changes) -> Option<wire::LinkPath> {
        if !(self.is_pending || changes.link || changes.routes || changes.neighbours) {
            return None;
        }
        let known = known(link, self.destination);
        self.is_pending = known.is_none();
        let new = known.filter(|known| *known != self.current)?;
        tracing::info!("the way to {} is another now: {new:?}", self.destination);
        self.current = new;
        Some(new)
    }
}
