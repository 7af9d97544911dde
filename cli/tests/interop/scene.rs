//! Two hosts joined by a wire, one of which serves.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::thread;

use xskit_testbed::{HostPair, Link, cards};

use crate::authority::Authority;
use crate::client::Client;
use crate::process::ip;
use crate::server::{Server, Transport};
use crate::site::Site;

/// The port that is served, and taken by the XDP program.
const PORT: u16 = 4433;

/// Over which protocol the hosts meet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Family {
    Ipv4,
    Ipv6,
}

/// Several queues: two, where a card's emulation is too slow for more.
pub(crate) fn several_queues() -> u32 {
    if cards::are_named() { 2 } else { 4 }
}

/// The name of the test that runs in this thread.
pub(crate) fn test_name() -> String {
    thread::current().name().unwrap_or("a test").to_owned()
}

/// Where a test takes place. The server is on the first host, clients are on the second.
pub(crate) struct Scene {
    // In this order they go: the server before the hosts that it lives on.
    pub(crate) server: Server,
    pub(crate) site: Site,
    pub(crate) authority: Authority,
    transport: Transport,
    pub(crate) address: SocketAddr,
    identity: [PathBuf; 2],
    pub(crate) pair: HostPair,
}

impl Scene {
    /// One with AF_XDP and one queue. `None` without privilege: the test must return.
    pub(crate) fn new(family: Family) -> Option<Self> {
        Self::over(Transport::AfXdp, family, 1)
    }

    /// One whose server's packets go over these sockets, on a wire of so many queues.
    pub(crate) fn over(transport: Transport, family: Family, queues: u32) -> Option<Self> {
        let pair = HostPair::for_test(&test_name(), queues)?;
        let address: SocketAddr = match family {
            Family::Ipv4 => (pair.first.ipv4, PORT).into(),
            Family::Ipv6 => (pair.first.ipv6.unwrap(), PORT).into(),
        };
        let authority = Authority::new("the authority");
        let site = Site::new();
        let identity = authority.issue(address.ip());
        let server = Server::start(&pair.first, transport, address, &site.root(), &identity);
        Some(Self {
            server,
            site,
            authority,
            transport,
            address,
            identity,
            pair,
        })
    }

    /// A client on the second host, with a UDP port of its own. Only within [`client::run`].
    ///
    /// [`client::run`]: crate::client::run
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.pair.second, self.address, &self.authority)
    }

    /// Gives the second host so many more addresses, for clients that go on from another.
    pub(crate) fn more_addresses(&self) -> Vec<Ipv4Addr> {
        let second = &self.pair.second;
        let [a, b, c, _] = second.ipv4.octets();
        let addresses = (101..=116).map(|last| Ipv4Addr::from([a, b, c, last]));
        let add = |address: Ipv4Addr| {
            let words = format!("address add {address}/24 dev {}", second.link.name);
            ip(&second.namespace, &words);
            address
        };
        addresses.map(add).collect()
    }

    /// Whether an XDP program sits on the server's interface.
    pub(crate) fn has_xdp_program(&self) -> bool {
        let name = &self.pair.first.link.name;
        let link = self.pair.first.run(|| Link::by_name(name));
        !link.unwrap().unwrap().xdp.is_empty()
    }

    /// Starts another server, with the same certificate, instead of the one that has ended.
    pub(crate) fn restart(&mut self) {
        self.server = Server::start(
            &self.pair.first,
            self.transport,
            self.address,
            &self.site.root(),
            &self.identity,
        );
    }
}
