//! Whether the kernel would accept a packet from a host: its reverse path filter (`rp_filter`), and
//! whatever else its routing refuses of sources.
//!
//! References: rtnetlink(7) RTM_GETROUTE with RTA_IIF; ip-sysctl, `rp_filter`.

use std::net::Ipv4Addr;

use netlink_packet_route::route::{RouteAttribute, RouteMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::link::Link;
use crate::netlink::Netlink;

/// The kernel's check of IPv4 sources on one interface.
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
    /// The check on `link`. `None` if the kernel makes none: `rp_filter` is set neither for all
    /// interfaces nor for this one. IPv6 has none.
    ///
    /// # Errors
    /// [`Error::Call`] if the netlink socket fails.
    pub fn of(link: &Link) -> Result<Option<Self>> {
        if !is_checked("all") && !is_checked(&link.name) {
            return Ok(None);
        }
        Ok(Some(Self {
            netlink: Netlink::open()?,
            interface_index: link.index,
        }))
    }

    /// RTM_GETROUTE with RTA_IIF: whether the kernel would accept a packet from `source` to
    /// `destination`, an address of this host, that came in on the interface.
    ///
    /// # Errors
    /// [`Error::Refused`] for an errno that is not a verdict; [`Error::Malformed`] if the answer
    /// can't be read.
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
            // The reverse path is another interface (EXDEV), or this can't be a source (EINVAL).
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

/// In the thread's network namespace, as netlink is. What can't be read counts as not set.
fn is_checked(name: &str) -> bool {
    let value = std::fs::read_to_string(format!("/proc/sys/net/ipv4/conf/{name}/rp_filter"));
    value.is_ok_and(|value| value.trim() != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_whose_packets_it_would_take() {
        let test = "the_kernel_says_whose_packets_it_would_take";
        let Some(pair) = xskit_testbed::HostPair::for_test(test, 1) else {
            return;
        };
        let own = pair.first.ipv4;
        let nowhere = [198, 51, 100, 1].into();
        let sources = [pair.second.ipv4, own, [127, 0, 0, 1].into(), nowhere];
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
