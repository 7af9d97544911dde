//! Forwards the UDP datagrams to one port between two interfaces, both ways, without a copy.
//!
//! Both sockets share their frames: a packet leaves in the frame that it came in. It leaves as it
//! came, addresses and all, as through a cable. All other packets go on to the kernel.
//!
//! ```sh
//! cargo build --example forward && sudo target/debug/examples/forward eth1 eth2 7777
//! ```

use std::env;
use std::error::Error;
use std::time::Duration;

use xskit::af_xdp::backend::Interest;
use xskit::bpf::{AttachMode, XdpProgram};
use xskit::net::Link;
use xskit::{Socket, Sockets};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [left, right, port] = arguments.as_slice() else {
        return Err("usage: forward INTERFACE INTERFACE PORT".into());
    };
    let links = [Link::by_name(left)?, Link::by_name(right)?];
    let mut pair = Sockets::open(&links.each_ref().map(|link| Socket::builder(link.index)))?;
    let mut attachments = Vec::new();
    for (link, socket) in links.iter().zip(pair.fds()) {
        let program = XdpProgram::load(1)?;
        program.register_socket(0, socket)?;
        program.take(port.parse()?, None)?;
        let attachment = program.attach(link.index, AttachMode::Auto)?;
        println!("{}: {} mode", link.name, attachment.mode());
        attachments.push((program, attachment));
    }

    loop {
        pair.with(|sockets| {
            for way in [[0, 1], [1, 0]] {
                let [from, to] = sockets.get_disjoint_mut(way)?;
                let (_, mut transmitter) = to.halves();
                // No more than can be sent.
                let mut reservation = transmitter.reserve(64);
                for packet in from.receive(reservation.len()) {
                    reservation.send(packet).map_err(|refused| refused.kind)?;
                }
            }
            for socket in sockets {
                socket.flush()?;
                socket.recycle();
            }
            Ok::<_, Box<dyn Error>>(())
        })?;
        // Bounded: only a wait that ends reports that an interface is gone (ENETDOWN).
        pair.wait(Interest::RECEIVE, Some(Duration::from_secs(1)))?;
    }
}
