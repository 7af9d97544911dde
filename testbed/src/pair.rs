//! Two hosts joined by a wire: two namespaces and a veth pair, ready to use. They end with the
//! processes that hold them.
//!
//! ```text
//!   Namespace                          Namespace
//!  ┌──────────────────┐    veth      ┌──────────────────┐
//!  │ first       xsk0 ├──────────────┤ xsk1      second │
//!  └──────────────────┘              └──────────────────┘
//!    10.77.0.1/24                        10.77.0.2/24
//!    fd77::1/64, fe80::1/64              fd77::2/64, fe80::2/64
//! ```
//!
//! If the environment names two cards, they replace the veth pair; see [`cards`](crate::cards).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use xskit_net::netlink::Netlink;
use xskit_net::{Link, route_to};

use crate::cards::Cards;
use crate::configure::{self, LinkEnd};
use crate::error::{Error, Result};
use crate::namespace::Namespace;
use crate::privilege::require_net_admin;

/// How long a new pair may take to become operational: veth usually takes less than a millisecond,
/// a card that negotiates its speed seconds.
const UP_TIMEOUT: Duration = Duration::from_secs(30);
const LINK_LOCAL_PREFIX_LEN: u8 = 64;

/// The configuration of a pair of hosts. The default is the picture above, with one queue and an
/// MTU of 1,500 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPairConfig {
    /// One host.
    pub first: HostConfig,
    /// The other.
    pub second: HostConfig,
    /// Receive queues and, as many, send queues of each end, all active.
    pub queues: u32,
    /// The MTU of both ends. With a native XDP program a veth takes at most about 3,500.
    pub mtu_bytes: u32,
}

/// The configuration of one host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostConfig {
    /// The name of its interface, 1 to 15 bytes; both hosts may use the same.
    pub interface: String,
    /// Its IPv4 address.
    pub ipv4: Ipv4Addr,
    /// The length of the IPv4 network's prefix, in bits.
    pub ipv4_prefix_len: u8,
    /// Its IPv6 address and the length of the network's prefix; `None` leaves IPv6 alone.
    pub ipv6: Option<(Ipv6Addr, u8)>,
}

impl Default for HostPairConfig {
    fn default() -> Self {
        let host = |number: u8| HostConfig {
            interface: format!("xsk{}", number - 1),
            ipv4: Ipv4Addr::new(10, 77, 0, number),
            ipv4_prefix_len: 24,
            ipv6: Some((Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, number.into()), 64)),
        };
        Self {
            first: host(1),
            second: host(2),
            queues: 1,
            mtu_bytes: 1500,
        }
    }
}

/// Two hosts, each in a namespace, joined by a wire. Dropping one cuts it.
#[derive(Debug)]
pub struct HostPair {
    /// One host.
    pub first: Host,
    /// The other.
    pub second: Host,
}

/// One of the hosts.
#[derive(Debug)]
pub struct Host {
    /// Where it lives.
    pub namespace: Namespace,
    /// Its end of the wire, up and with a carrier.
    pub link: Link,
    /// Its Ethernet address.
    pub mac: [u8; 6],
    /// Its IPv4 address.
    pub ipv4: Ipv4Addr,
    /// Its IPv6 address, if configured.
    pub ipv6: Option<Ipv6Addr>,
}

impl HostPair {
    /// Two hosts for a test, with this many queues each. `None` without the privileges, after
    /// saying that the test is skipped.
    ///
    /// # Panics
    /// If the hosts can't be made.
    #[must_use]
    pub fn for_test(test: &str, queues: u32) -> Option<Self> {
        let config = HostPairConfig {
            queues,
            ..HostPairConfig::default()
        };
        require_net_admin(test).then(|| Self::new(config).expect("two hosts joined by a wire"))
    }

    /// Makes the two hosts. When it returns, both ends are operational and every address is usable.
    /// The caller's own namespace is never changed.
    ///
    /// # Errors
    /// [`Error::Network`] with [`MissingCapability`](xskit_net::Error::MissingCapability)
    /// (CAP_SYS_ADMIN, CAP_NET_ADMIN); [`Error::NoVeth`], [`Error::Ipv6Disabled`];
    /// [`Refused`](xskit_net::Error::Refused) if the kernel does not take a name, count, MTU or
    /// address, [`Error::PairNotUp`]. With cards also [`Error::CardsMalformed`] and
    /// [`Error::NoCard`].
    pub fn new(config: HostPairConfig) -> Result<Self> {
        let (first, second) = (Namespace::new()?, Namespace::new()?);
        let here = config.end(&config.first.interface);
        let there = config.end(&config.second.interface);
        match Cards::from_environment()? {
            Some(cards) => {
                cards.move_to([(&first, &here), (&second, &there)])?;
            }
            None => first.run(|| {
                configure::create_veth(&mut Netlink::open()?, &here, &there, second.as_fd())
            })??,
        }
        // Carrier comes when both ends are up, so both are brought up before either is waited for.
        first.run(|| bring_up(&config.first))??;
        second.run(|| bring_up(&config.second))??;
        Ok(Self {
            first: Host::settle(first, &config.first, 1)?,
            second: Host::settle(second, &config.second, 2)?,
        })
    }
}

impl HostPairConfig {
    /// The configuration of the end of a wire with this name.
    pub(crate) fn end<'a>(&self, interface: &'a str) -> LinkEnd<'a> {
        LinkEnd {
            name: interface,
            mtu_bytes: self.mtu_bytes,
            queues: self.queues,
        }
    }
}

impl Host {
    /// Runs `task` on this host; see [`Namespace::run`].
    ///
    /// # Errors
    /// Those of [`Namespace::run`].
    pub fn run<T: Send>(&self, task: impl FnOnce() -> T + Send) -> Result<T> {
        self.namespace.run(task)
    }

    /// Waits for the wire, then gives the host its addresses.
    pub(crate) fn settle(namespace: Namespace, config: &HostConfig, number: u16) -> Result<Self> {
        let link = namespace.run(|| {
            let link = wait_until_up(&config.interface)?;
            let mut netlink = Netlink::open()?;
            configure::add_address(
                &mut netlink,
                &link,
                config.ipv4.into(),
                config.ipv4_prefix_len,
            )?;
            if let Some((address, prefix_len)) = config.ipv6 {
                let link_local = IpAddr::from([0xfe80, 0, 0, 0, 0, 0, 0, number]);
                configure::add_address(&mut netlink, &link, link_local, LINK_LOCAL_PREFIX_LEN)?;
                configure::add_address(&mut netlink, &link, address.into(), prefix_len)?;
                wait_until_received(link_local, &link)?;
                wait_until_received(address.into(), &link)?;
            }
            Ok::<_, Error>(link)
        })??;
        let mac = link.require_mac()?;
        Ok(Self {
            namespace,
            link,
            mac,
            ipv4: config.ipv4,
            ipv6: config.ipv6.map(|(address, _)| address),
        })
    }
}

fn bring_up(config: &HostConfig) -> Result<()> {
    let mut netlink = Netlink::open()?;
    if config.ipv6.is_some() {
        let link = Link::by_name(&config.interface)?;
        configure::no_generated_address(&mut netlink, &link)?;
    }
    configure::set_up(&mut netlink, &config.interface)
}

/// Waits until the kernel takes packets for `address` to be its own. For IPv6 it lists an address
/// before that: the route is added by deferred work (`addrconf_dad_work`), also where there is no
/// duplicate address detection to do.
fn wait_until_received(address: IpAddr, link: &Link) -> Result<()> {
    wait_for_link(&link.name, || {
        let route = route_to(address, Some(link));
        Ok(matches!(route, Err(xskit_net::Error::LocalDestination { .. })).then_some(()))
    })
}

/// Waits until the interface is up, with a carrier.
pub(crate) fn wait_until_up(interface: &str) -> Result<Link> {
    wait_for_link(interface, || {
        let link = Link::by_name(interface)?;
        Ok(link.require_up().is_ok().then_some(link))
    })
}

fn wait_for_link<T>(interface: &str, attempt: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    wait_for(UP_TIMEOUT, attempt)?.ok_or_else(|| Error::PairNotUp {
        interface: interface.to_owned(),
        timeout: UP_TIMEOUT,
    })
}

/// Tries every millisecond until there is something; `None` if there was nothing in time.
pub(crate) fn wait_for<T>(
    timeout: Duration,
    mut attempt: impl FnMut() -> Result<Option<T>>,
) -> Result<Option<T>> {
    let deadline = Instant::now() + timeout;
    loop {
        let made = attempt()?;
        if made.is_some() || Instant::now() >= deadline {
            return Ok(made);
        }
        thread::sleep(Duration::from_millis(1));
    }
}
