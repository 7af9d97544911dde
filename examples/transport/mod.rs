//! A server over AF_XDP, on one UDP port of an interface, or over the kernel's UDP if an address is
//! given instead: the common part of the examples of QUIC applications.

use std::env;
use std::error::Error;
use std::net::{IpAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use xskit::Socket;
use xskit::net::{Link, address};
use xskit::quic::driver::{Driver, DriverConfig, UdpConfig, UdpDriver};
use xskit::quic::{Application, Identity, Server, ServerConfig, udp_payload_for_mtu};

pub(crate) type Outcome = Result<(), Box<dyn Error>>;
const LONGEST: Duration = Duration::from_secs(1);

/// Runs an application as configured on the command line.
pub(crate) fn serve<A: Application>(app: A, change: impl FnOnce(&mut ServerConfig)) -> Outcome {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [place, port, chain, key] = arguments.as_slice() else {
        return Err("arguments: INTERFACE|ADDRESS PORT CHAIN.pem KEY.pem".into());
    };
    let identity = Identity::from_pem_files(Path::new(chain), Path::new(key))?;
    let (mut config, port) = (ServerConfig::new(identity), port.parse()?);
    change(&mut config);
    match place.parse::<IpAddr>() {
        Ok(address) => over_udp(app, &config, UdpSocket::bind((address, port))?),
        Err(_) => over_af_xdp(app, config, place, port),
    }
}

fn over_af_xdp(app: impl Application, mut config: ServerConfig, name: &str, port: u16) -> Outcome {
    // A payload that fits an IPv6 packet fits an IPv4 packet as well.
    let mtu_bytes = Link::by_name(name)?.mtu_bytes as usize;
    config.transport.max_udp_payload_bytes = udp_payload_for_mtu(mtu_bytes, true);
    let mut server = Server::new(&config, app, Instant::now())?;
    let (mut socket, program) = Socket::builder(name).open_and_take(port)?;
    println!("{name}: {} mode", program.mode());
    socket.with(|socket| {
        let mut driver = Driver::new(socket, DriverConfig::default());
        // Packets that claim to come from this host itself are forged.
        driver.distrust(address::of_host()?, None);
        loop {
            let moved = driver.turn(&mut server)?;
            driver.rest(&mut server, moved, LONGEST)?;
        }
    })
}

fn over_udp(app: impl Application, config: &ServerConfig, socket: UdpSocket) -> Outcome {
    let mut server = Server::new(config, app, Instant::now())?;
    println!("{}: the kernel's UDP", socket.local_addr()?);
    let mut driver = UdpDriver::new(socket, UdpConfig::default())?;
    loop {
        let is_more = driver.turn(&mut server)?;
        driver.rest(&mut server, is_more, LONGEST)?;
    }
}
