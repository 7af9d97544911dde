//! Interfaces: name, index, MAC, MTU, state, queues, and attached XDP programs.
//!
//! References: rtnetlink(7) RTM_GETLINK, linux/if_link.h.

use netlink_packet_core::DefaultNla;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType, LinkMessage, LinkXdp};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::ethtool;
use crate::netlink::Netlink;

/// `IFNAMSIZ` of linux/if.h, less its closing zero.
const NAME_MAX_LEN_BYTES: usize = 15;
/// `ALTIFNAMSIZ` of linux/if.h (Linux 5.5), less its closing zero.
const ALTERNATIVE_NAME_MAX_LEN_BYTES: usize = 127;
/// `IFLA_ALT_IFNAME` of linux/if_link.h (Linux 5.5).
const ALTERNATIVE_NAME: u16 = 53;

/// An interface, as it was when queried.
///
/// ```
/// use xskit_net::Link;
///
/// let link = Link::by_name("lo")?;
/// assert_eq!(Link::by_index(link.index)?.name, "lo");
/// println!("MTU {}, up: {}, XDP programs: {:?}", link.mtu_bytes, link.is_up, link.xdp);
/// # Ok::<(), xskit_net::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// Its name in its network namespace.
    pub name: String,
    /// Its index in its network namespace (`sxdp_ifindex` of an AF_XDP address).
    pub index: u32,
    /// Its Ethernet address; `None` if it is not an Ethernet interface (loopback is not).
    pub mac: Option<[u8; 6]>,
    /// The largest packet in bytes, without the Ethernet header.
    pub mtu_bytes: u32,
    /// Whether it was brought up (`IFF_UP`).
    pub is_up: bool,
    /// Whether it has a carrier (`IFF_LOWER_UP`).
    pub has_carrier: bool,
    /// Its XDP programs, at most one per mode.
    pub xdp: Vec<XdpAttachment>,
    /// Receive and send queues that the device was created with; fewer may be active.
    pub(crate) possible_queues: (u32, u32),
}

/// An XDP program that is attached to an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct XdpAttachment {
    /// Where it runs.
    pub mode: XdpMode,
    /// Its ID, as `bpftool prog show id` takes it.
    pub id: u32,
}

/// Where an XDP program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum XdpMode {
    /// In the driver (`XDP_FLAGS_DRV_MODE`).
    Native,
    /// In the kernel's stack, on an `sk_buff` (`XDP_FLAGS_SKB_MODE`).
    Generic,
    /// On the NIC (`XDP_FLAGS_HW_MODE`).
    Offloaded,
}

impl std::fmt::Display for XdpMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Generic => "generic",
            Self::Offloaded => "offloaded",
        })
    }
}

impl Link {
    /// RTM_GETLINK: the interface of that name, or alternative name (`ip link property add dev IF
    /// altname NAME`, Linux 5.5). Its [`name`](Self::name) is the proper one either way.
    ///
    /// # Errors
    /// [`Error::NoSuchInterface`] if there is none, with those that exist; those of
    /// [`all`](Self::all).
    pub fn by_name(name: &str) -> Result<Self> {
        let mut netlink = Netlink::open()?;
        match Self::ask_by_name(&mut netlink, name) {
            Err(Error::Refused {
                errno: Errno::NODEV,
                ..
            }) => {
                let present = Self::dump(&mut netlink)?
                    .into_iter()
                    .map(|link| link.name)
                    .collect();
                Err(Error::NoSuchInterface {
                    name: name.to_owned(),
                    present,
                })
            }
            answer => answer,
        }
    }

    /// RTM_GETLINK: the interface of that index.
    ///
    /// # Errors
    /// [`Error::NoSuchIndex`] if there is none; those of [`all`](Self::all).
    pub fn by_index(index: u32) -> Result<Self> {
        // The kernel returns EINVAL for 0 and for what doesn't fit an int, which are no interfaces
        // either.
        if index == 0 || i32::try_from(index).is_err() {
            return Err(Error::NoSuchIndex { index });
        }
        let mut message = LinkMessage::default();
        message.header.index = index;
        let request = format!("RTM_GETLINK index {index}");
        match Self::ask(&mut Netlink::open()?, &request, message) {
            Err(Error::Refused {
                errno: Errno::NODEV,
                ..
            }) => Err(Error::NoSuchIndex { index }),
            answer => answer,
        }
    }

    /// RTM_GETLINK: all interfaces of this network namespace.
    ///
    /// # Errors
    /// [`Error::Call`] if the netlink socket fails; [`Error::Refused`] if the kernel refuses;
    /// [`Error::Malformed`] if its answer can't be read.
    pub fn all() -> Result<Vec<Self>> {
        Self::dump(&mut Netlink::open()?)
    }

    /// Checks that packets can leave: it is up and has a carrier.
    ///
    /// # Errors
    /// [`Error::InterfaceDown`] if it is not up; [`Error::NoCarrier`] if it has no carrier.
    pub fn require_up(&self) -> Result<()> {
        if !self.is_up {
            return Err(Error::InterfaceDown {
                name: self.name.clone(),
            });
        }
        if !self.has_carrier {
            return Err(Error::NoCarrier {
                name: self.name.clone(),
            });
        }
        Ok(())
    }

    /// The Ethernet address.
    ///
    /// # Errors
    /// [`Error::NotEthernet`] if it has none.
    pub fn require_mac(&self) -> Result<[u8; 6]> {
        self.mac.ok_or_else(|| Error::NotEthernet {
            name: self.name.clone(),
        })
    }

    /// `ioctl(SIOCETHTOOL, ETHTOOL_GDRVINFO)`: the name of its driver; `None` if it has none, as
    /// loopback.
    ///
    /// # Errors
    /// [`Error::Call`], with ENODEV if the interface has gone or was renamed.
    pub fn driver(&self) -> Result<Option<String>> {
        ethtool::driver(&self.name)
    }

    pub(crate) fn ask_by_name(netlink: &mut Netlink, name: &str) -> Result<Self> {
        let request = format!("RTM_GETLINK {name}");
        // The kernel returns EINVAL or ERANGE for an impossible name; to the user it is a missing
        // interface.
        let no_interface = |request| Error::Refused {
            request,
            errno: Errno::NODEV,
            reason: None,
        };
        let len = name.len();
        if name.is_empty() || len > ALTERNATIVE_NAME_MAX_LEN_BYTES || name.contains('\0') {
            return Err(no_interface(request));
        }
        let mut message = LinkMessage::default();
        // The kernel looks up both attributes among names of both kinds; only their maximum lengths
        // differ.
        message.attributes.push(if len <= NAME_MAX_LEN_BYTES {
            LinkAttribute::IfName(name.to_owned())
        } else {
            let value = [name.as_bytes(), &[0]].concat();
            LinkAttribute::Other(DefaultNla::new(ALTERNATIVE_NAME, value))
        });
        match Self::ask(netlink, &request, message) {
            // Kernels before 5.5 have no alternative names, and see a request without a name.
            Err(Error::Refused {
                errno: Errno::INVAL,
                ..
            }) if len > NAME_MAX_LEN_BYTES => Err(no_interface(request)),
            answer => answer,
        }
    }

    fn ask(netlink: &mut Netlink, request: &str, message: LinkMessage) -> Result<Self> {
        let answers = netlink.get(request, RouteNetlinkMessage::GetLink(message))?;
        answers
            .into_iter()
            .find_map(Self::from_answer)
            .ok_or_else(|| Error::Malformed {
                request: request.to_owned(),
                detail: "an acknowledgement without an interface".to_owned(),
            })
    }

    fn dump(netlink: &mut Netlink) -> Result<Vec<Self>> {
        let answers = netlink.dump(
            "RTM_GETLINK (all)",
            RouteNetlinkMessage::GetLink(LinkMessage::default()),
        )?;
        Ok(answers.into_iter().filter_map(Self::from_answer).collect())
    }

    fn from_answer(answer: RouteNetlinkMessage) -> Option<Self> {
        let RouteNetlinkMessage::NewLink(message) = answer else {
            return None;
        };
        let flags = message.header.flags;
        let mut link = Self {
            name: String::new(),
            index: message.header.index,
            mac: None,
            mtu_bytes: 0,
            is_up: flags.contains(LinkFlags::Up),
            has_carrier: flags.contains(LinkFlags::LowerUp),
            xdp: Vec::new(),
            possible_queues: (1, 1),
        };
        let is_ethernet = message.header.link_layer_type == LinkLayerType::Ether;
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::IfName(name) => link.name = name,
                LinkAttribute::Mtu(mtu) => link.mtu_bytes = mtu,
                LinkAttribute::Address(bytes) if is_ethernet => link.mac = bytes.try_into().ok(),
                LinkAttribute::NumRxQueues(count) => link.possible_queues.0 = count,
                LinkAttribute::NumTxQueues(count) => link.possible_queues.1 = count,
                LinkAttribute::Xdp(parts) => {
                    link.xdp = parts.iter().filter_map(xdp_program).collect()
                }
                _ => {}
            }
        }
        Some(link)
    }
}

/// The kernel reports a program by its mode and, if it is the only one, again without a mode. The
/// former suffices.
fn xdp_program(part: &LinkXdp) -> Option<XdpAttachment> {
    match *part {
        LinkXdp::DrvProgId(id) => Some(XdpAttachment {
            mode: XdpMode::Native,
            id,
        }),
        LinkXdp::SkbProgId(id) => Some(XdpAttachment {
            mode: XdpMode::Generic,
            id,
        }),
        LinkXdp::HwProgId(id) => Some(XdpAttachment {
            mode: XdpMode::Offloaded,
            id,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_route::link::XdpAttached;

    #[test]
    fn a_missing_name_lists_those_that_exist() {
        let long = "n".repeat(128);
        for asked in [
            "xsk-none",
            "",
            "a-name-of-more-than-fifteen-bytes",
            "a\0b",
            &long,
        ] {
            let Err(Error::NoSuchInterface { name, present }) = Link::by_name(asked) else {
                panic!("{asked:?} must not exist");
            };
            assert_eq!(name, asked);
            assert!(present.contains(&"lo".to_owned()), "{present:?}");
        }
    }

    #[test]
    fn a_missing_index_is_named() {
        for index in [0, i32::MAX as u32, u32::MAX] {
            assert_eq!(Link::by_index(index), Err(Error::NoSuchIndex { index }));
        }
    }

    #[test]
    fn loopback_has_no_ethernet_address_and_is_found_by_its_index() {
        let lo = Link::by_name("lo").unwrap();
        assert_eq!(lo.mac, None);
        let name = "lo".to_owned();
        assert_eq!(lo.require_mac(), Err(Error::NotEthernet { name }));
        assert_eq!(Link::by_index(lo.index).unwrap().name, "lo");
        assert!(Link::all().unwrap().iter().any(|link| link.name == "lo"));
    }

    #[test]
    fn xdp_programs_are_read_a_mode_each() {
        let mut message = LinkMessage::default();
        message.header.link_layer_type = LinkLayerType::Ether;
        message.attributes = vec![
            LinkAttribute::Xdp(vec![
                LinkXdp::Attached(XdpAttached::Multiple),
                LinkXdp::DrvProgId(7),
                LinkXdp::SkbProgId(9),
            ]),
            LinkAttribute::Address(vec![1, 2, 3, 4, 5, 6]),
        ];
        let link = Link::from_answer(RouteNetlinkMessage::NewLink(message)).unwrap();
        let expected = [(XdpMode::Native, 7), (XdpMode::Generic, 9)];
        let expected = expected.map(|(mode, id)| XdpAttachment { mode, id });
        assert_eq!(link.xdp, expected);
        assert_eq!(link.mac, Some([1, 2, 3, 4, 5, 6]));
        let name = String::new();
        assert_eq!(link.require_up(), Err(Error::InterfaceDown { name }));
    }
}
