//! Writes the packets to one UDP port into a file that tcpdump and Wireshark read, and ends after so many.
//!
//! It takes these packets, it does not listen in: the kernel sees nothing of them.
//!
//! ```sh
//! cargo build --example pcap && sudo target/debug/examples/pcap eth1 7777 100 taken.pcap
//! ```

use std::env;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime};

use xskit::Socket;
use xskit::af_xdp::backend::Interest;
use xskit::bpf::{AttachMode, XdpProgram};
use xskit::net::Link;

/// The longest packet that is written: longer than any frame.
const SNAP_LEN_BYTES: u32 = 65_535;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [interface, port, count, path] = arguments.as_slice() else {
        return Err("usage: pcap INTERFACE PORT COUNT FILE".into());
    };
    let mut left: u32 = count.parse()?;
    let mut file = BufWriter::new(File::create(path)?);
    write_header(&mut file)?;
    let link = Link::by_name(interface)?;
    let mut socket = Socket::builder(link.index).open()?;
    let program = XdpProgram::load(1)?;
    program.register_socket(0, socket.as_fd())?;
    program.take(port.parse()?, None)?;
    let attachment = program.attach(link.index, AttachMode::Auto)?;
    println!("{interface}: {} mode", attachment.mode());

    while left > 0 {
        socket.wait(Interest::RECEIVE, Some(Duration::from_secs(1)))?;
        socket.with(|socket| {
            for packet in socket.receive(left.min(64)) {
                write_packet(&mut file, &packet)?;
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

/// The file's first 24 bytes. The magic number says that times are in nanoseconds, and the byte order.
fn write_header(file: &mut impl Write) -> io::Result<()> {
    file.write_all(&0xa1b2_3c4d_u32.to_ne_bytes())?;
    // Version 2.4, then time zone and accuracy, which are always 0.
    file.write_all(&2_u16.to_ne_bytes())?;
    file.write_all(&4_u16.to_ne_bytes())?;
    // LINKTYPE_ETHERNET is 1.
    for word in [0, 0, SNAP_LEN_BYTES, 1] {
        file.write_all(&word.to_ne_bytes())?;
    }
    Ok(())
}

/// 16 bytes that say when, how much is written and how much there was; then the packet.
fn write_packet(file: &mut impl Write, packet: &[u8]) -> io::Result<()> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.unwrap_or_default();
    let (seconds, nanoseconds) = (now.as_secs() as u32, now.subsec_nanos());
    let len_bytes = packet.len() as u32;
    for word in [seconds, nanoseconds, len_bytes, len_bytes] {
        file.write_all(&word.to_ne_bytes())?;
    }
    file.write_all(packet)
}
