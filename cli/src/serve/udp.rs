//! `serve` over a kernel UDP socket: one worker, and its packets.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, ipproto, socket_with, sockopt};
use xskit::net::Link;
use xskit::quic::driver::{UdpConfig, UdpDriver};
use xskit::quic::{FileServer, Server};

use super::confine::Confinement;
use super::overflow::Overflow;
use super::serving::{Serving, Way};
use super::summary::{ServeSummary, Served};
use super::tcp::Tcp;
use super::team::Team;
use crate::args::ServeArgs;
use crate::nic::drops::Drops;
use crate::nic::port;
use crate::nic::usage::Usage;

/// How reports name it.
const MODE: &str = "kernel UDP";

/// The MTU assumed if no interface has the address.
const USUAL_MTU: u32 = 1500;

pub(super) fn run(args: &ServeArgs) -> anyhow::Result<ServeSummary> {
    let confinement = Confinement::plan(&args.confinement)?;
    let socket = open(args.listen).map_err(|error| port::refused(args.listen, &error))?;
    let tcp = Tcp::open(args, args.listen)?;
    let driver = UdpDriver::new(socket, UdpConfig::default())?;
    let overflow = Overflow::of(driver.socket());
    let mtu_bytes = largest_mtu(args.listen.ip())?;
    let team = Team::new(args, confinement, None, mtu_bytes, 1)?;
    let work = || serve(&team, driver, overflow);
    let (summary, by_tcp) = Tcp::beside(tcp, &team, work)?;
    Ok(summary.with_rest(by_tcp, team.log_lines_lost()))
}

fn serve(
    team: &Team<'_>,
    driver: UdpDriver,
    overflow: io::Result<Overflow>,
) -> anyhow::Result<ServeSummary> {
    let server = Server::new(&team.config, team.http()?, Instant::now())?;
    team.confine(|| true)?;
    let offload = match driver.segments() {
        1 => "without GSO",
        _ => "with GSO",
    };
    team.say_ready(format_args!("({MODE}, {offload})"));
    let mut serving = Serving::new(team, server, driver);
    serving.run()?;
    let driver = &serving.way;
    let served = Served::new(driver.counters(), &serving.server);
    let mut drops = Drops::of_kernel(&served.driver);
    match overflow.and_then(|mut it| it.count()) {
        Ok(datagrams) => drops.count("receive buffer full", datagrams),
        Err(error) => {
            tracing::warn!("datagrams that had no room can't be counted: /proc/net: {error}")
        }
    }
    let usage = Usage::of_kernel(&driver.calls(), served.packets());
    Ok(ServeSummary::new(MODE.to_owned(), usage, drops, &served))
}

/// A socket for the addresses of one family, as an AF_XDP server has them.
fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::DGRAM, flags, Some(ipproto::UDP))?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    bind(&socket, &address)?;
    Ok(socket.into())
}

/// The MTU of the interface that has the address, or the largest one for a wildcard: each
/// connection discovers the MTU of its path.
fn largest_mtu(listen: IpAddr) -> anyhow::Result<u32> {
    let links = Link::all().context("the interfaces' MTUs")?;
    if listen.is_unspecified() {
        // Loopback doesn't count.
        let wires = links.iter().filter(|link| link.is_up && link.mac.is_some());
        let largest = wires.map(|link| link.mtu_bytes).max();
        return Ok(largest.unwrap_or(USUAL_MTU));
    }
    for link in &links {
        if link.addresses()?.iter().any(|own| own.address == listen) {
            return Ok(link.mtu_bytes);
        }
    }
    Ok(USUAL_MTU)
}

impl Way for UdpDriver {
    type LinkPath = ();

    fn turn(&mut self, server: &mut FileServer<()>) -> anyhow::Result<bool> {
        Ok(self.turn(server)?)
    }

    fn rest(
        &mut self,
        server: &mut FileServer<()>,
        is_more: bool,
        longest: Duration,
    ) -> anyhow::Result<bool> {
        Ok(self.rest(server, is_more, longest)?)
    }

    fn look_after(&mut self, team: &Team<'_>, _rested: bool) {
        team.reload();
    }

    /// The kernel follows addresses, routes and neighbours by itself.
    fn follow_addresses(&mut self) {}
}
