//! Two hosts with a third between them: three namespaces and two veth pairs.
//!
//! ```text
//!  ┌──────────────┐   veth    ┌──────────────┐   veth    ┌──────────────┐
//!  │ first   xsk0 ├───────────┤ xsk1    xsk2 ├───────────┤ xsk3  second │
//!  └──────────────┘           └──────────────┘           └──────────────┘
//!    10.77.0.1/24                                          10.77.0.2/24
//! ```

use std::os::fd::AsFd;

use xskit_net::Link;
use xskit_net::netlink::Netlink;

use crate::configure;
use crate::error::Result;
use crate::namespace::Namespace;
use crate::pair::{Host, HostConfig, HostPairConfig, wait_until_up};

/// Two hosts of one network, and a host between them with a wire to each and no address: only what
/// it forwards arrives. Dropping one cuts its wires.
#[derive(Debug)]
pub struct HostChain {
    /// One host.
    pub first: Host,
    /// Where the one in the middle lives.
    pub middle: Namespace,
    /// Its ends of the wires to the first and to the second host, up and with a carrier.
    pub links: [Link; 2],
    /// The other.
    pub second: Host,
}

impl HostChain {
    /// Makes the three, without IPv6. Veth pairs only, whatever cards the environment names.
    ///
    /// # Errors
    /// Those of [`HostPair::new`](crate::HostPair::new).
    pub fn new() -> Result<Self> {
        let HostPairConfig { first, second, .. } = HostPairConfig::default();
        let outer = |host: HostConfig, interface: &str| HostConfig {
            interface: interface.to_owned(),
            ipv6: None,
            ..host
        };
        let (first, second) = (outer(first, "xsk0"), outer(second, "xsk3"));
        let middle = Namespace::new()?;
        let first = Self::join(&middle, "xsk1", first)?;
        let second = Self::join(&middle, "xsk2", second)?;
        let up = |interface| middle.run(|| wait_until_up(interface))?;
        let links = [up("xsk1")?, up("xsk2")?];
        Ok(Self {
            first,
            middle,
            links,
            second,
        })
    }

    /// Joins a new host to the one in the middle.
    fn join(middle: &Namespace, interface: &str, host: HostConfig) -> Result<Host> {
        let namespace = Namespace::new()?;
        let config = HostPairConfig::default();
        let (here, there) = (config.end(interface), config.end(&host.interface));
        middle.run(|| -> Result<()> {
            let mut netlink = Netlink::open()?;
            configure::create_veth(&mut netlink, &here, &there, namespace.as_fd())?;
            configure::set_up(&mut netlink, interface)
        })??;
        namespace.run(|| configure::set_up(&mut Netlink::open()?, &host.interface))??;
        Host::settle(namespace, &host, 1)
    }
}
