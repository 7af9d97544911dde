//! The addresses of interfaces.
//!
//! References: rtnetlink(7) RTM_GETADDR, linux/if_addr.h.

use std::net::IpAddr;

use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};

use crate::error::{Error, Result};
use crate::link::Link;
use crate::netlink::Netlink;

/// An address of an interface.
///
/// ```
/// use xskit_net::Link;
///
/// for own in Link::by_name("lo")?.addresses()? {
///     println!("{}/{}, usable: {}", own.address, own.prefix_len, own.is_usable);
/// }
/// # Ok::<(), xskit_net::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct InterfaceAddress {
    /// The address of this host.
    pub address: IpAddr,
    /// The prefix length of the network, in bits.
    pub prefix_len: u8,
    /// Whether packets may have it as their source: duplicate address detection is not under way,
    /// and did not fail.
    pub is_usable: bool,
}

/// RTM_GETADDR: the addresses of all interfaces in this network namespace.
///
/// # Errors
/// [`Error::Call`] if the netlink socket fails; [`Error::Refused`] if the kernel refuses;
/// [`Error::Malformed`] if its answer can't be read.
pub fn of_host() -> Result<Vec<IpAddr>> {
    Ok(dump("RTM_GETADDR (all)")?
        .iter()
        .filter_map(read)
        .map(|(_, own)| own.address)
        .collect())
}

fn dump(request: &str) -> Result<Vec<RouteNetlinkMessage>> {
    let message = RouteNetlinkMessage::GetAddress(AddressMessage::default());
    Netlink::open()?.dump(request, message)
}

/// The index of the interface and the address in an answer.
fn read(answer: &RouteNetlinkMessage) -> Option<(u32, InterfaceAddress)> {
    let RouteNetlinkMessage::NewAddress(message) = answer else {
        return None;
    };
    // With a point-to-point peer, IFA_ADDRESS is the peer's and IFA_LOCAL is ours. Without one,
    // either may be missing.
    let local = message.attributes.iter().find_map(|it| match it {
        AddressAttribute::Local(address) => Some(*address),
        _ => None,
    });
    let address = local.or_else(|| {
        message.attributes.iter().find_map(|it| match it {
            AddressAttribute::Address(address) => Some(*address),
            _ => None,
        })
    })?;
    let own = InterfaceAddress {
        address,
        prefix_len: message.header.prefix_len,
        is_usable: is_usable(message),
    };
    Some((message.header.index, own))
}

impl Link {
    /// RTM_GETADDR: the IPv4 and IPv6 addresses of this interface, link-local ones included.
    ///
    /// # Errors
    /// As of [`of_host`]. An interface that has gone has no addresses.
    pub fn addresses(&self) -> Result<Vec<InterfaceAddress>> {
        let request = format!("RTM_GETADDR {}", self.name);
        let answers = dump(&request)?;
        Ok(answers
            .iter()
            .filter_map(|answer| self.own_address(answer))
            .collect())
    }

    /// Checks that `address` is a usable address of this interface. The unspecified address
    /// (`0.0.0.0`, `::`) means any of them, and passes.
    ///
    /// # Errors
    /// [`Error::AddressNotHere`] if the interface does not have it, with those that it has;
    /// [`Error::AddressTentative`] if it is not usable; those of [`addresses`](Self::addresses).
    pub fn require_address(&self, address: IpAddr) -> Result<()> {
        if address.is_unspecified() {
            return Ok(());
        }
        let all = self.addresses()?;
        match all.iter().find(|own| own.address == address) {
            Some(own) if own.is_usable => Ok(()),
            Some(_) => Err(Error::AddressTentative {
                address,
                interface: self.name.clone(),
            }),
            None => {
                let present = all.iter().map(|own| own.address).collect();
                Err(Error::AddressNotHere {
                    address,
                    interface: self.name.clone(),
                    present,
                })
            }
        }
    }

    /// The address in an answer, if it is this interface's: the kernel sends those of all
    /// interfaces.
    fn own_address(&self, answer: &RouteNetlinkMessage) -> Option<InterfaceAddress> {
        read(answer)
            .filter(|(index, _)| *index == self.index)
            .map(|(_, own)| own)
    }
}

fn is_usable(message: &AddressMessage) -> bool {
    let flags = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            AddressAttribute::Flags(flags) => Some(*flags),
            _ => None,
        });
    // IFA_FLAGS (Linux 3.14) has all flags. The header has only those of the lowest byte, which are
    // enough here.
    let flags = flags.unwrap_or(AddressFlags::from_bits_retain(
        message.header.flags.bits().into(),
    ));
    let is_pending =
        flags.contains(AddressFlags::Tentative) && !flags.contains(AddressFlags::Optimistic);
    !is_pending && !flags.contains(AddressFlags::Dadfailed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        Link::by_name("lo").unwrap()
    }

    fn answer(index: u32, attributes: Vec<AddressAttribute>) -> RouteNetlinkMessage {
        let mut message = AddressMessage::default();
        message.header.index = index;
        message.header.prefix_len = 24;
        message.attributes = attributes;
        RouteNetlinkMessage::NewAddress(message)
    }

    #[test]
    fn of_a_point_to_point_pair_the_local_address_is_ours() {
        let ours = IpAddr::from([10, 0, 0, 1]);
        let peers = IpAddr::from([10, 0, 0, 2]);
        let both = vec![
            AddressAttribute::Address(peers),
            AddressAttribute::Local(ours),
        ];
        let own = link().own_address(&answer(link().index, both)).unwrap();
        let found = (own.address, own.prefix_len, own.is_usable);
        assert_eq!(found, (ours, 24, true));
    }

    #[test]
    fn addresses_of_other_interfaces_are_left_out() {
        let address = AddressAttribute::Address(IpAddr::from([10, 0, 0, 1]));
        let message = answer(link().index + 1, vec![address]);
        assert_eq!(link().own_address(&message), None);
    }

    #[test]
    fn a_tentative_or_duplicate_address_is_not_usable() {
        let address = AddressAttribute::Address("fd77::1".parse().unwrap());
        let tentative = AddressFlags::Tentative;
        for (flags, expected) in [
            (tentative, false),
            (tentative | AddressFlags::Dadfailed, false),
            (tentative | AddressFlags::Optimistic, true),
            (AddressFlags::Permanent, true),
        ] {
            let attributes = vec![address.clone(), AddressAttribute::Flags(flags)];
            let own = link().own_address(&answer(link().index, attributes));
            assert_eq!(own.unwrap().is_usable, expected, "{flags:?}");
        }
    }
}
