//! One socket and one thread per queue of an interface. Each answers every UDP datagram to one port
//! that its queue receives, with an empty datagram. SIGINT (Ctrl-C) stops all, and each then
//! reports its count.
//!
//! ```sh
//! cargo build --example worker_per_queue && sudo target/debug/examples/worker_per_queue eth1 7777
//! ```

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use std::{env, io, thread};

use xskit::af_xdp::backend::Interest;
use xskit::net::Link;
use xskit::wire::{Datagram, UdpChecksum};
use xskit::{AttachedProgram, Socket};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [interface, port] = arguments.as_slice() else {
        return Err("usage: worker_per_queue INTERFACE PORT".into());
    };
    let stop = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&stop))?;
    let queues = Link::by_name(interface)?.queues()?.both();
    let open = |queue| Socket::builder(interface).queue(queue).open();
    let sockets: Vec<Socket> = (0..queues).map(open).collect::<Result<_, _>>()?;
    let program = AttachedProgram::take(interface, port.parse()?, (0..).zip(&sockets))?;
    println!("{queues} workers, {} mode", program.mode());
    let start = |socket| {
        let stop = Arc::clone(&stop);
        // A worker that fails stops the others.
        thread::spawn(move || work(socket, &stop).inspect_err(|_| stop.store(true, Relaxed)))
    };
    let workers: Vec<_> = sockets.into_iter().map(start).collect();
    for (queue, worker) in workers.into_iter().enumerate() {
        let count = worker.join().map_err(|_| "a worker panicked")??;
        println!("queue {queue}: {count} packets");
    }
    Ok(())
}

/// Answers until `stop` is set. Returns how many packets were received.
fn work(mut socket: Socket, stop: &AtomicBool) -> io::Result<u64> {
    let mut count = 0;
    while !stop.load(Relaxed) {
        let received = socket.answer(64, |packet| {
            let datagram = Datagram::parse(packet, UdpChecksum::Ignore).ok()?;
            let len_bytes = datagram.reply().emit(packet, 0).ok()?;
            packet.truncate(len_bytes);
            Some(())
        })?;
        count += u64::from(received);
        // The bound is also how long a worker may take to stop.
        socket.wait(Interest::RECEIVE, Some(Duration::from_millis(100)))?;
    }
    Ok(count)
}
