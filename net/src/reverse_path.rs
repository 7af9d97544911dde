//! Whether the kernel would take a packet from some host: its check of the way back (`rp_filter`),
//! and whatever else its routing holds against a source.
//!
//! References: rtnetlink(7) RTM_GETROUTE with RTA_IIF; ip-sysctl, `rp_filter`.

use std::net::Ipv4Addr;

use netlink_packet_route::route::{RouteAttribute, RouteMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::link::Link;
use crate::netlink::Netlink;

/// The kernel's check of IPv4 sources at one interface.
///
/// ```no_run
/// use xskit_net::{Link, ReversePath};
///
/// let link = Link::by_name("eth1")?;
/// if let Some(mut check) = ReversePath::of(&link)? {
///     let is_believed = check.accepts([198, 51, 100, 7].into(), [192, 0, 2, 1].into())?;
/// #   let _ = is_believed;
/// }
/// # Ok::<(), xskit_net::Error>(())
/// ```
pub struct ReversePath {
    netlink: Netlink,
    interface_index: u32,
}

impl ReversePath {
    /// The check at `link`; `None` where the kernel makes none, which is so unless `rp_filter` of all
    /// interfaces or of this one is set. It makes none of IPv6.
    ///
    /// # Errors
    /// Those of netlink itself.
    pub fn of(link: &Link) -> Result<Option<Self>> {
        if !is_checked("all") && !is_checked(&link.name) {
            return Ok(None);
        }
        Ok(Some(Self {
            netlink: Netlink::open()?,
            interface_index: link.index,
        }))
    }

    /// Whether the kernel would take a packet from `source` to `destination`, an address of this
    /// host, that came in at the interface.
    ///
    /// # Errors
    /// Those of netlink itself.
    pub fn accepts(&mut self, source: Ipv4Addr, destination: Ipv4Addr) -> Result<bool> {
        let mut message = RouteMessage::default();
        message.header.address_family = AddressFamily::Inet;
        message.header.source_prefix_length = 32;
        message.header.destination_prefix_length = 32;
        message.attributes = vec![
            RouteAttribute::Source(source.into()),
            RouteAttribute::Destination(destination.into()),
            RouteAttribute::Iif(self.interface_index),
        ];
        let request = format!("RTM_GETROUTE {destination} from {source}");
        let answer = self
            .netlink
            .get(&request, RouteNetlinkMessage::GetRoute(message));
        match answer {
            Ok(_) => Ok(true),
            // The way back is another (EXDEV), or this can be no source (EINVAL).
            Err(Error::Refused {
                errno: Errno::XDEV | Errno::INVAL | Errno::HOSTUNREACH | Errno::NETUNREACH,
                ..
            }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl std::fmt::Debug for ReversePath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReversePath")
            .field("interface_index", &self.interface_index)
            .finish_non_exhaustive()
    }
}

/// Of the thread's own network namespace, as netlink is. What can't be read is not set.
fn is_checked(name: &str) -> bool {
    let value = std::fs::read_to_string(format!("/proc/sys/net/ipv4/conf/{name}/rp_filter"));
    value.is_ok_and(|value| value.trim() != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_whose_packets_it_would_take() {
        if !xskit_testbed::privilege::require_net_admin(
            "the_kernel_says_whose_packets_it_would_take",
        ) {
            return;
        }
        let pair = xskit_testbed::HostPair::new(xskit_testbed::HostPairConfig::default()).unwrap();
        let own = pair.first.ipv4;
        let sources = [
            pair.second.ipv4,
            own,
            [127, 0, 0, 1].into(),
            [198, 51, 100, 1].into(),
        ];
        let verdicts = pair.first.run(|| {
            let link = Link::by_index(pair.first.link.index).unwrap();
            let set = |value| {
                for name in ["all", &link.name] {
                    let path = format!("/proc/sys/net/ipv4/conf/{name}/rp_filter");
                    std::fs::write(path, value).unwrap();
                }
                ReversePath::of(&link).unwrap()
            };
            let off = set("0");
            let mut check = set("1").unwrap();
            let verdicts = sources.map(|source| check.accepts(source, own).unwrap());
            (off.is_none(), verdicts)
        });
        assert_eq!(verdicts.unwrap(), (true, [true, false, false, false]));
    }
}
