//! A server over AF_XDP, on one UDP port of an interface: what the examples of QUIC applications have in common.

use std::env;
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use xskit::Socket;
use xskit::net::{Link, address};
use xskit::quic::driver::{Driver, DriverConfig};
use xskit::quic::{Application, Identity, Server, ServerConfig, udp_payload_for_mtu};

pub(crate) type Outcome = Result<(), Box<dyn Error>>;

/// Runs an application as the command line says, with what `change` makes of the defaults.
pub(crate) fn serve<A: Application>(
    application: A,
    change: impl FnOnce(&mut ServerConfig),
) -> Outcome {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [interface, port, chain, key] = arguments.as_slice() else {
        return Err("arguments: INTERFACE PORT CHAIN.pem KEY.pem".into());
    };
    let identity = Identity::from_pem_files(Path::new(chain), Path::new(key))?;
    let mut config = ServerConfig::new(identity);
    // What fits a packet of IPv6 fits one of IPv4 as well.
    let mtu_bytes = Link::by_name(interface)?.mtu_bytes as usize;
    config.transport.max_udp_payload_bytes = udp_payload_for_mtu(mtu_bytes, true);
    change(&mut config);
    let mut server = Server::new(&config, application, Instant::now())?;
    let (mut socket, program) = Socket::builder(interface).open_and_take(port.parse()?)?;
    println!("{interface}: {} mode", program.mode());

    socket.with(|socket| {
        let mut driver = Driver::new(socket, DriverConfig::default());
        // What claims to come from this host itself is forged.
        driver.distrust(address::of_host()?, None);
        loop {
            let moved = driver.turn(&mut server)?;
            driver.rest(&mut server, moved, Duration::from_secs(1))?;
        }
    })
}
