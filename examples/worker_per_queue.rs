//! One socket and one thread per queue of an interface: each answers the UDP datagrams to one port that
//! its queue receives with an empty one. SIGINT (Ctrl-C) stops all, and each then reports its count.
//!
//! ```sh
//! cargo build --example worker_per_queue && sudo target/debug/examples/worker_per_queue eth1 7777
//! ```

use std::error::Error;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use std::{env, io, thread};

use xskit::Socket;
use xskit::af_xdp::backend::Interest;
use xskit::bpf::{AttachMode, XdpProgram};
use xskit::net::Link;
use xskit::wire::{Datagram, UdpChecksum};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [interface, port] = arguments.as_slice() else {
        return Err("usage: worker_per_queue INTERFACE PORT".into());
    };
    let stop = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&stop))?;
    let link = Link::by_name(interface)?;
    let queues = link.queues()?.both();
    let program = XdpProgram::load(queues)?;
    program.take(port.parse()?, None)?;
    let mut workers = Vec::new();
    for queue in 0..queues {
        let socket = Socket::builder(link.index).queue(queue).open()?;
        program.register_socket(queue, socket.as_fd())?;
        let stop = Arc::clone(&stop);
        workers.push(thread::spawn(move || {
            // One that fails stops the others.
            work(socket, &stop).inspect_err(|_| stop.store(true, Relaxed))
        }));
    }
    let attachment = program.attach(link.index, AttachMode::Auto)?;
    println!("{queues} workers, {} mode", attachment.mode());
    for (queue, worker) in workers.into_iter().enumerate() {
        let count = worker.join().map_err(|_| "a worker panicked")??;
        println!("queue {queue}: {count} packets");
    }
    Ok(())
}

/// Answers until it is to stop. Returns how many packets there were.
fn work(mut socket: Socket, stop: &AtomicBool) -> io::Result<u64> {
    let mut count = 0;
    while !stop.load(Relaxed) {
        socket.with(|socket| {
            let (mut receiver, mut transmitter) = socket.halves();
            let mut reservation = transmitter.reserve(64);
            for mut packet in receiver.receive(reservation.len()) {
                count += 1;
                if let Ok(datagram) = Datagram::parse(&packet, UdpChecksum::Ignore)
                    && let Ok(len_bytes) = datagram.reply().emit(&mut packet, 0)
                {
                    packet.truncate(len_bytes);
                    // There is room: were there none, the frame would be free again.
                    let _ = reservation.send(packet);
                }
            }
            socket.recycle();
            socket.flush()
        })?;
        // The bound is also how long a worker may take to stop.
        socket.wait(Interest::RECEIVE, Some(Duration::from_millis(100)))?;
    }
    Ok(count)
}
