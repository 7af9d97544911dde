//! The MAC address of the next hop, from the kernel's neighbour table.
//!
//! Resolution stays with the kernel: asked to *use* the neighbour, it sends ARP or neighbour
//! solicitations itself, and keeps the entry. References: rtnetlink(7) RTM_GETNEIGH and
//! RTM_NEWNEIGH, linux/neighbour.h (NTF_USE, NUD_*).

use std::net::IpAddr;
use std::time::{Duration, Instant};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::neighbour::{
    NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::RouteType;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::link::Link;
use crate::netlink::Netlink;

/// The table is read again after 1 ms at first (a neighbour on the same wire answers sooner), then
/// after twice the last pause.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// An entry of the neighbour table.
struct Entry {
    state: NeighbourState,
    mac: Option<[u8; 6]>,
}

/// Resolves the MAC address of `address`, a host on the wire of `link`. The kernel asks for it if
/// it is not known.
///
/// Returns at once if the table has it. A stale entry is returned as well, and the kernel is asked
/// to confirm it: AF_XDP traffic bypasses the kernel, which would not do so by itself.
///
/// IPv6: the kernel asks from the interface's link-local address, and can't while that is missing
/// or tentative.
///
/// ```no_run
/// use std::time::Duration;
/// use xskit_net::{Link, neighbour, route_to};
///
/// let link = Link::by_name("eth1")?;
/// let route = route_to([192, 0, 2, 1].into(), Some(&link))?;
/// let mac = neighbour::resolve(&link, route.next_hop(), Duration::from_secs(1))?;
/// # let _ = mac;
/// # Ok::<(), xskit_net::Error>(())
/// ```
///
/// # Errors
/// [`Error::NoAnswer`] after `timeout`; [`Error::NoSuchIndex`] if the interface has gone;
/// [`Error::InterfaceDown`] and [`Error::NoCarrier`] if it can't send; [`Error::NotEthernet`] if it
/// has no MAC address; [`Error::MissingCapability`] (CAP_NET_ADMIN) if the address is not in the
/// table; those of [`Link::all`].
pub fn resolve(link: &Link, address: IpAddr, timeout: Duration) -> Result<[u8; 6]> {
    let link = Link::by_index(link.index)?;
    link.require_up()?;
    link.require_mac()?;
    let deadline = Instant::now().checked_add(timeout);
    let mut netlink = Netlink::open()?;
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(mac) = look_at(&mut netlink, &link, address)? {
            return Ok(mac);
        }
        let left = deadline.map_or(LONGEST_PAUSE, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        });
        if left.is_zero() {
            Link::by_index(link.index)?.require_up()?;
            return Err(Error::NoAnswer {
                address,
                interface: link.name,
                timeout,
            });
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// The MAC address of `address` in the table. `None` if it has none; the kernel is then asked to
/// find it. Never waits.
///
/// # Errors
/// [`Error::MissingCapability`] (CAP_NET_ADMIN) if the kernel has to be asked; those of
/// [`Link::all`].
pub fn known(link: &Link, address: IpAddr) -> Result<Option<[u8; 6]>> {
    look_at(&mut Netlink::open()?, link, address)
}

/// Reads the table once. Asks the kernel to find or confirm the address, unless it is doing so.
fn look_at(netlink: &mut Netlink, link: &Link, address: IpAddr) -> Result<Option<[u8; 6]>> {
    let entry = look_up(netlink, link, address)?;
    let mac = entry.usable_mac();
    if mac.is_some() && entry.state == NeighbourState::Stale {
        // Without the privilege to have it confirmed, the stale address still serves.
        let _ = request_use(netlink, link, address);
    }
    if mac.is_none() && entry.needs_asking() {
        request_use(netlink, link, address)?;
    }
    Ok(mac)
}

impl Entry {
    /// The address, in the states in which the kernel itself would send to it (`NUD_VALID`).
    fn usable_mac(&self) -> Option<[u8; 6]> {
        match self.state {
            NeighbourState::Reachable
            | NeighbourState::Stale
            | NeighbourState::Delay
            | NeighbourState::Probe
            | NeighbourState::Noarp
            | NeighbourState::Permanent => self.mac,
            _ => None,
        }
    }

    /// Whether the kernel is not asking: there is no entry, or it has given up (after three
    /// requests, a second apart).
    fn needs_asking(&self) -> bool {
        matches!(self.state, NeighbourState::None | NeighbourState::Failed)
    }
}

/// RTM_GETNEIGH of one entry (Linux 5.0). A missing entry has the state `None`.
fn look_up(netlink: &mut Netlink, link: &Link, address: IpAddr) -> Result<Entry> {
    let request = format!("RTM_GETNEIGH {address} on {}", link.name);
    let message = RouteNetlinkMessage::GetNeighbour(neighbour(link, address));
    let absent = Entry {
        state: NeighbourState::None,
        mac: None,
    };
    let answers = match netlink.get(&request, message) {
        Err(Error::Refused {
            errno: Errno::NOENT,
            ..
        }) => return Ok(absent),
        answers => answers?,
    };
    Ok(answers.into_iter().find_map(read_entry).unwrap_or(absent))
}

fn read_entry(answer: RouteNetlinkMessage) -> Option<Entry> {
    let RouteNetlinkMessage::NewNeighbour(message) = answer else {
        return None;
    };
    let mac = message
        .attributes
        .into_iter()
        .find_map(|attribute| match attribute {
            NeighbourAttribute::LinkLayerAddress(bytes) => bytes.try_into().ok(),
            _ => None,
        });
    Some(Entry {
        state: message.header.state,
        mac,
    })
}

/// RTM_NEWNEIGH with NTF_USE: the kernel acts as if it had a packet for the neighbour.
fn request_use(netlink: &mut Netlink, link: &Link, address: IpAddr) -> Result<()> {
    let mut message = neighbour(link, address);
    message.header.flags = NeighbourFlags::Use;
    message.header.kind = RouteType::Unicast;
    let request = format!("RTM_NEWNEIGH (use) {address} on {}", link.name);
    netlink.change(
        &request,
        RouteNetlinkMessage::NewNeighbour(message),
        NLM_F_CREATE | NLM_F_REPLACE,
    )
}

fn neighbour(link: &Link, address: IpAddr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = if address.is_ipv4() {
        AddressFamily::Inet
    } else {
        AddressFamily::Inet6
    };
    message.header.ifindex = link.index;
    message
        .attributes
        .push(NeighbourAttribute::Destination(address.into()));
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_states_in_which_the_kernel_would_send_are_usable() {
        use NeighbourState::{Failed, Incomplete, Permanent, Reachable, Stale};
        let mac = Some([2, 0, 0, 0, 0, 1]);
        for state in [NeighbourState::None, Incomplete, Failed] {
            assert_eq!(Entry { state, mac }.usable_mac(), None, "{state:?}");
        }
        for state in [Reachable, Stale, Permanent] {
            assert_eq!(Entry { state, mac }.usable_mac(), mac, "{state:?}");
            assert!(!Entry { state, mac }.needs_asking(), "{state:?}");
        }
        let (state, mac) = (Incomplete, None);
        assert!(!Entry { state, mac }.needs_asking());
    }

    #[test]
    fn an_interface_that_is_down_or_without_carrier_is_not_asked() {
        let test = "an_interface_that_is_down_or_without_carrier_is_not_asked";
        if !xskit_testbed::privilege::require_net_admin(test) {
            return;
        }
        let namespace = xskit_testbed::Namespace::new().unwrap();
        let ask =
            |link: &Link| resolve(link, IpAddr::from([10, 77, 0, 2]), Duration::MAX).unwrap_err();
        let (down, without_carrier) = namespace
            .run(|| {
                crate::ip("link add xsk7 type veth peer name xsk8");
                let link = Link::by_name("xsk7").unwrap();
                let down = ask(&link);
                crate::ip("link set xsk7 up");
                (down, ask(&link))
            })
            .unwrap();
        let name = "xsk7".to_owned();
        assert_eq!(without_carrier, Error::NoCarrier { name: name.clone() });
        assert_eq!(down, Error::InterfaceDown { name });
    }
}
