//! Writes the counters of a socket and of its XDP program into a file once a second, in the text
//! format of Prometheus: the textfile collector of its node exporter serves such files.
//!
//! ```sh
//! cargo build --example statistics
//! sudo target/debug/examples/statistics eth1 7777 /var/lib/prometheus/node-exporter/xskit.prom
//! ```

use std::error::Error;
use std::time::{Duration, Instant};
use std::{env, fs};

use xskit::af_xdp::backend::Interest;
use xskit::{AttachedProgram, Socket};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [interface, port, path] = arguments.as_slice() else {
        return Err("usage: statistics INTERFACE PORT FILE.prom".into());
    };
    let (mut socket, program) = Socket::builder(interface).open_and_take(port.parse()?)?;
    println!("{interface}: {} mode", program.mode());
    let period = Duration::from_secs(1);
    let mut written = Instant::now();
    loop {
        socket.with(|socket| {
            socket.receive(64).for_each(drop);
            socket.recycle();
            socket.flush()
        })?;
        // Waits for the rest of the second, so that the file is written even if nothing arrives.
        let left = period.saturating_sub(written.elapsed());
        if left.is_zero() {
            let unfinished = format!("{path}.new");
            fs::write(&unfinished, render(&socket, &program)?)?;
            // A concurrent reader finds the whole old text or the whole new one.
            fs::rename(unfinished, path)?;
            written = Instant::now();
        }
        socket.wait(Interest::RECEIVE, Some(left))?;
    }
}

/// Two lines per counter: its type and its value.
fn render(socket: &Socket, xdp: &AttachedProgram) -> Result<String, Box<dyn Error>> {
    let (kernel, program) = (socket.statistics()?, xdp.program().counters()?);
    let counters = [
        ("received", socket.traffic().received),
        ("dropped_ring_full", kernel.rx_ring_full),
        ("dropped_no_frame", kernel.rx_fill_ring_empty_descs),
        ("dropped_otherwise", kernel.rx_dropped_otherwise()),
        ("program_taken", program.taken),
        ("program_passed", program.passed),
        ("program_no_socket", program.no_socket),
    ];
    let lines =
        |(name, value)| format!("# TYPE xskit_{name}_total counter\nxskit_{name}_total {value}\n");
    Ok(counters.map(lines).concat())
}
