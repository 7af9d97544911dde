//! Serves the files of a directory over HTTP/3, on QUIC, on one UDP port of an interface.
//!
//! Packets are opened in the frame that they came in, and sealed in the frame that they leave in.
//! The command `xskit serve` does the same and more: it gives up its privileges, and drops packets
//! that the kernel would drop.
//!
//! ```sh
//! cargo build --example quic --features quic
//! sudo target/debug/examples/quic eth1 4433 /srv/www chain.pem key.pem
//! ```

use std::env;
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use xskit::Socket;
use xskit::net::{Link, address};
use xskit::quic::driver::{Driver, DriverConfig};
use xskit::quic::{FileServer, Identity, ServerConfig, udp_payload_for_mtu};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [interface, port, root, chain, key] = arguments.as_slice() else {
        return Err("usage: quic INTERFACE PORT DIRECTORY CHAIN.pem KEY.pem".into());
    };
    let identity = Identity::from_pem_files(Path::new(chain), Path::new(key))?;
    let mut config = ServerConfig::new(identity);
    // A payload that fits an IPv6 packet fits an IPv4 packet as well.
    let mtu_bytes = Link::by_name(interface)?.mtu_bytes as usize;
    config.transport.max_udp_payload_bytes = udp_payload_for_mtu(mtu_bytes, true);
    let mut server = FileServer::of_directory(Path::new(root), &config, Instant::now())?;
    let (mut socket, program) = Socket::builder(interface).open_and_take(port.parse()?)?;
    println!("{interface}: {} mode", program.mode());

    socket.with(|socket| {
        let mut driver = Driver::new(socket, DriverConfig::default());
        // Packets that claim to come from this host itself are forged.
        driver.distrust(address::of_host()?, None);
        loop {
            let moved = driver.turn(&mut server)?;
            driver.rest(&mut server, moved, Duration::from_secs(1))?;
        }
    })
}
