//! Writes the counters of a socket and of its XDP program into a file once a second, in the text format of
//! Prometheus: the textfile collector of its node exporter serves such files.
//!
//! ```sh
//! cargo build --example statistics
//! sudo target/debug/examples/statistics eth1 7777 /var/lib/prometheus/node-exporter/xskit.prom
//! ```

use std::env;
use std::error::Error;
use std::fs;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use xskit::Socket;
use xskit::af_xdp::backend::Interest;
use xskit::bpf::{AttachMode, XdpProgram};
use xskit::net::Link;

const SECOND: Duration = Duration::from_secs(1);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [interface, port, path] = arguments.as_slice() else {
        return Err("usage: statistics INTERFACE PORT FILE.prom".into());
    };
    let link = Link::by_name(interface)?;
    let mut socket = Socket::builder(link.index).open()?;
    let program = XdpProgram::load(1)?;
    program.register_socket(0, socket.as_fd())?;
    program.take(port.parse()?, None)?;
    let attachment = program.attach(link.index, AttachMode::Auto)?;
    println!("{interface}: {} mode", attachment.mode());

    let mut received = 0;
    let mut written = Instant::now();
    loop {
        received += socket.with(|socket| {
            let count = socket.receive(64).count();
            socket.recycle();
            socket.flush().map(|()| count as u64)
        })?;
        // The wait is as long as is left, so that the file is written where nothing comes, too.
        let left = SECOND.saturating_sub(written.elapsed());
        if left.is_zero() {
            let unfinished = format!("{path}.new");
            fs::write(&unfinished, render(received, &socket, &program)?)?;
            // Whoever reads it meanwhile finds the old text or the new one, whole.
            fs::rename(unfinished, path)?;
            written = Instant::now();
        }
        socket.wait(Interest::RECEIVE, Some(left))?;
    }
}

/// Two lines per counter: its type and its value.
fn render(received: u64, socket: &Socket, program: &XdpProgram) -> Result<String, Box<dyn Error>> {
    let (kernel, program) = (socket.statistics()?, program.counters()?);
    let counters = [
        ("received", received),
        ("dropped_ring_full", kernel.rx_ring_full),
        ("dropped_no_frame", kernel.rx_fill_ring_empty_descs),
        ("dropped_otherwise", kernel.rx_dropped_otherwise()),
        ("program_taken", program.taken),
        ("program_passed", program.passed),
        ("program_no_socket", program.no_socket),
    ];
    let render =
        |(name, value)| format!("# TYPE xskit_{name}_total counter\nxskit_{name}_total {value}\n");
    Ok(counters.map(render).concat())
}
