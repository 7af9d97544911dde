//! Sends the UDP datagrams to one port back to their senders, over IPv4 and IPv6.
//!
//! `xskit::wire` parses and writes the headers in the frame that the datagram came in: no byte of
//! the payload is copied. All other packets pass to the kernel.
//!
//! ```sh
//! cargo build --example echo && sudo target/debug/examples/echo eth1 7777
//! ```

use std::env;
use std::error::Error;
use std::time::Duration;

use xskit::Socket;
use xskit::af_xdp::backend::Interest;
use xskit::af_xdp::umem::Frame;
use xskit::wire::{Datagram, UdpChecksum};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [interface, port] = arguments.as_slice() else {
        return Err("usage: echo INTERFACE PORT".into());
    };
    let (mut socket, program) = Socket::builder(interface).open_and_take(port.parse()?)?;
    let (mode, zero_copy) = (program.mode(), socket.obtained().zero_copy);
    println!("{interface}: {mode} mode, zero-copy: {zero_copy}");
    loop {
        socket.with(|socket| {
            let (mut receiver, mut transmitter) = socket.halves();
            // No more than can be sent back.
            let mut reservation = transmitter.reserve(64);
            for mut packet in receiver.receive(reservation.len()) {
                if answer(&mut packet).is_some() {
                    reservation.send(packet).map_err(|refused| refused.kind)?;
                }
            }
            socket.recycle();
            socket.flush()?;
            Ok::<_, Box<dyn Error>>(())
        })?;
        // Bounded: only a wait that ends reports that the interface is gone (ENETDOWN).
        socket.wait(Interest::RECEIVE, Some(Duration::from_secs(1)))?;
    }
}

/// Makes the datagram its own answer, unless it was for a group of hosts.
fn answer(packet: &mut Frame<'_>) -> Option<()> {
    // A local sender leaves the checksum to its card. The answer gets a correct one in any case.
    let datagram = Datagram::parse(packet, UdpChecksum::Ignore).ok()?;
    if datagram.link.destination.is_group() {
        return None;
    }
    let (reply, payload) = (datagram.reply(), datagram.payload_range());
    // Padding and IPv4 options are removed: the new headers end where the payload starts.
    packet.truncate(payload.end);
    let surplus = payload.start.checked_sub(reply.header_len())?;
    packet.shrink_front(surplus).ok()?;
    reply.emit(packet, payload.len()).ok()?;
    Some(())
}
