//! Writes the packets to one UDP port into a file that tcpdump and Wireshark read, and ends after
//! COUNT packets.
//!
//! It takes these packets rather than listening in: the kernel does not see them.
//!
//! ```sh
//! cargo build --example pcap && sudo target/debug/examples/pcap eth1 7777 100 taken.pcap
//! ```

use std::env;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::time::{Duration, SystemTime};

use xskit::Socket;
use xskit::af_xdp::backend::Interest;
use xskit::wire::pcap;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [interface, port, count, path] = arguments.as_slice() else {
        return Err("usage: pcap INTERFACE PORT COUNT FILE".into());
    };
    let mut left: u32 = count.parse()?;
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(&pcap::file_header())?;
    let (mut socket, program) = Socket::builder(interface).open_and_take(port.parse()?)?;
    println!("{interface}: {} mode", program.mode());

    while left > 0 {
        // Bounded: only a wait that ends reports that the interface is gone (ENETDOWN).
        socket.wait(Interest::RECEIVE, Some(Duration::from_secs(1)))?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
        socket.with(|socket| {
            for packet in socket.receive(left.min(64)) {
                file.write_all(&pcap::packet_header(now, packet.len()))?;
                file.write_all(&packet)?;
                left -= 1;
            }
            socket.recycle();
            socket.flush()?;
            io::Result::Ok(())
        })?;
        file.flush()?;
    }
    Ok(())
}
