//! A custom backend, without privilege and without a kernel: packets come in from one pcap file and
//! go out into another. The program above it uses a socket like any other, and sends each packet
//! back.
//!
//! `Backend` itself is unsafe to implement, since it vouches for memory that a kernel writes to. So
//! this backend has two parts: the simulated kernel (feature `sim` of `xskit-core`) moves frames
//! and rings, and a `Device`, which is safe to implement, supplies and accepts the packets.
//!
//! ```sh
//! cargo run --example own_backend came-in.pcap went-out.pcap
//! ```

use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::time::{Duration, SystemTime};
use std::{env, process};

use xskit::af_xdp::backend::Interest;
use xskit::af_xdp::sim::{Device, HeapMemory, SimBackend};
use xskit::af_xdp::umem::{FrameSize, FrameSlot, Umem};
use xskit::af_xdp::{Errno, Socket, SocketConfig};
use xskit::wire::{pcap, swap_addresses};

const FRAMES: usize = 256;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [came_in, went_out] = arguments.as_slice() else {
        return Err("usage: own_backend FILE.pcap NEW.pcap".into());
    };
    let backend = SimBackend::over_device(Files::open(came_in, went_out)?);
    let memory = HeapMemory::new(FRAMES * FrameSize::DEFAULT.bytes() as usize);
    let mut slots = vec![FrameSlot::new(); FRAMES];
    let umem = Umem::new(memory, &mut slots, FrameSize::DEFAULT)?;
    let mut socket = Socket::open(&backend, &umem, &SocketConfig::new(1, 0))?;

    let mut sent = 0;
    // A file never blocks: if there is no packet now, it is at its end.
    while socket.wait(Interest::RECEIVE, Some(Duration::ZERO))? {
        let (mut receiver, mut transmitter) = socket.halves();
        let mut reservation = transmitter.reserve(64);
        for mut packet in receiver.receive(reservation.len()) {
            if swap_addresses(&mut packet).is_ok() {
                reservation.send(packet).map_err(|refused| refused.kind)?;
                sent += 1;
            }
        }
        socket.recycle();
        socket.flush()?;
    }
    println!("{sent} packets sent back");
    if let dropped @ 1.. = socket.statistics()?.rx_dropped {
        eprintln!("{dropped} packets were longer than a frame");
        process::exit(1);
    }
    Ok(())
}

/// The files that packets come from and go to.
struct Files {
    came_in: BufReader<File>,
    went_out: File,
}

impl Files {
    fn open(came_in: &str, went_out: &str) -> io::Result<Self> {
        let mut came_in = BufReader::new(File::open(came_in)?);
        let mut header = [0; pcap::FILE_HEADER_LEN];
        came_in.read_exact(&mut header)?;
        // The magic numbers of files with nanoseconds and with microseconds, then that of Ethernet.
        let is_known = matches!(word(&header, 0), 0xa1b2_3c4d | 0xa1b2_c3d4);
        if !is_known || word(&header, 20) != 1 {
            let error = "not a pcap file of Ethernet packets in this machine's byte order";
            return Err(io::Error::new(ErrorKind::InvalidData, error));
        }
        let mut went_out = File::create_new(went_out)?;
        went_out.write_all(&pcap::file_header())?;
        Ok(Self { came_in, went_out })
    }
}

impl Device for Files {
    /// The next packet of the file, unless the file is at its end or is truncated.
    fn receive(&mut self) -> Option<Vec<u8>> {
        let mut header = [0; pcap::PACKET_HEADER_LEN];
        self.came_in.read_exact(&mut header).ok()?;
        let mut packet = Vec::new();
        // By `take`, so that an impossible length allocates no memory.
        let len = u64::from(word(&header, 8));
        let read = self.came_in.by_ref().take(len).read_to_end(&mut packet);
        (read.ok()? as u64 == len).then_some(packet)
    }

    fn send(&mut self, packet: &[u8]) -> Result<(), Errno> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let header = pcap::packet_header(now.unwrap_or_default(), packet.len());
        let written = self.went_out.write_all(&[&header[..], packet].concat());
        // The error fails the kick, and so the flush.
        written.map_err(|error| Errno(error.raw_os_error().unwrap_or(Errno::EINVAL.0)))
    }
}

/// The 32 bits at this offset of a header; 0 beyond its end.
fn word(header: &[u8], at: usize) -> u32 {
    let bytes = header.get(at..).and_then(<[u8]>::first_chunk);
    bytes.copied().map_or(0, u32::from_ne_bytes)
}
