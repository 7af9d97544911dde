//! Forwards the UDP datagrams to one port between two interfaces, both ways, without a copy.
//!
//! Both sockets share their frames: a packet leaves in the frame that it came in, unchanged, as
//! through a cable. All other packets pass to the kernel.
//!
//! ```sh
//! cargo build --example forward && sudo target/debug/examples/forward eth1 eth2 7777
//! ```

use std::env;
use std::error::Error;
use std::time::Duration;

use xskit::af_xdp::backend::Interest;
use xskit::{AttachedProgram, Socket, Sockets};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [left, right, port] = arguments.as_slice() else {
        return Err("usage: forward INTERFACE INTERFACE PORT".into());
    };
    let interfaces = [left, right];
    let mut pair = Sockets::open(&interfaces.map(Socket::builder))?;
    let mut programs = Vec::new();
    for (interface, socket) in interfaces.into_iter().zip(pair.fds()) {
        let program = AttachedProgram::take(interface, port.parse()?, [(0, socket)])?;
        println!("{interface}: {} mode", program.mode());
        programs.push(program);
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
