//! The whole path of packets, measured when asked: the program that `ledger_pairs`
//! runs in two builds.
//!
//! `packet_path memory|tx|rx|fwd` sets up, then reads milliseconds, one number per line, and
//! answers each with nanoseconds per packet. `memory` has no kernel: descriptors go round a
//! forwarder's four rings. The others have two hosts. One thread has both ends and takes turns at
//! them, so that all that is done for a packet, the kernel's part included, is in its time, and
//! nothing waits for another core. `tx` sends to nobody, `rx` has the other host receive, `fwd`
//! send back.

use std::io::{BufRead, Write, stdin, stdout};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use xskit_benches::descriptors::STRETCH;
use xskit_benches::loopback::Loopback;
use xskit_benches::{turns, veth};
use xskit_core::umem::FrameSlot;
use xskit_rivals::kernel::Kernel;
use xskit_rivals::socket::{self, Forwarder};
use xskit_rustix::RustixBackend;
use xskit_testbed::Host;

fn main() -> ExitCode {
    let workload = std::env::args().nth(1).unwrap_or_default();
    if workload == "memory" {
        in_memory();
        return ExitCode::SUCCESS;
    }
    let Some(pair) = veth::hosts("packet_path") else {
        return ExitCode::FAILURE;
    };
    let (here, there) = (&pair.first, &pair.second);
    match workload.as_str() {
        "tx" => transmit(here, there),
        "rx" => deliver(here, there, veth::FRAMES as u32, turns::receive),
        "fwd" => deliver(here, there, veth::FRAMES as u32 / 2, turns::send_back),
        _ => {
            eprintln!("usage: packet_path memory|tx|rx|fwd");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// A forwarder whose kernel only moves descriptors; its time is included.
fn in_memory() {
    let (mut slots, backend) = (
        vec![FrameSlot::new(); socket::FRAMES],
        Loopback::never_kicked(),
    );
    let umem = veth::umem(&mut slots);
    let mut forwarder = Forwarder::open(&backend, &umem, STRETCH);
    let kernel = Kernel::new(backend.views().expect("a socket is open"));
    answer(|| {
        kernel.write_ahead(STRETCH);
        let turns = (0..STRETCH / turns::BATCH).map(|_| {
            kernel.publish(turns::BATCH);
            u64::from(forwarder.forward(turns::BATCH))
        });
        turns.sum()
    });
}

/// Sends packets that the other host drops at once; a packet counts when its frame is back.
fn transmit(here: &Host, there: &Host) {
    let (mut slots, backend) = (vec![FrameSlot::new(); veth::FRAMES], RustixBackend::new());
    let umem = veth::umem(&mut slots);
    veth::write_all(
        &umem,
        &veth::headers_to_nobody(here, there),
        veth::PACKET_LEN,
    );
    here.namespace.enter().expect("in the host");
    let mut socket = veth::socket(here, &backend, &umem, 0);
    let mut completed = 0;
    answer(|| {
        turns::send(&mut socket, veth::PACKET_LEN);
        let before = completed;
        completed = socket.halves().1.completed();
        completed - before
    });
}

/// Sends packets to a socket of the other host, which takes its `turn` after each batch.
fn deliver(
    here: &Host,
    there: &Host,
    fill_frames: u32,
    turn: impl Fn(&mut xskit_core::Socket<'_, RustixBackend>) -> u64,
) {
    let [mut slots, mut their_slots] = [(); 2].map(|()| vec![FrameSlot::new(); veth::FRAMES]);
    let [backend, their_backend] = [(); 2].map(|()| RustixBackend::new());
    let (umem, their_umem) = (veth::umem(&mut slots), veth::umem(&mut their_slots));
    veth::write_all(
        &umem,
        &veth::headers_from_nobody(here, there),
        veth::PACKET_LEN,
    );
    there.namespace.enter().expect("in the host");
    let mut their_socket = veth::socket(there, &their_backend, &their_umem, fill_frames);
    let _attached = veth::attach(there, &their_socket);
    here.namespace.enter().expect("in the host");
    let mut socket = veth::socket(here, &backend, &umem, 0);
    answer(|| {
        turns::send(&mut socket, veth::PACKET_LEN);
        turn(&mut their_socket)
    });
}

/// Answers requests on stdin until it ends. `turn` returns how many packets it passed.
fn answer(mut turn: impl FnMut() -> u64) {
    for line in stdin().lock().lines() {
        let asked = line.ok().and_then(|line| line.parse().ok());
        let wanted = Duration::from_millis(asked.expect("milliseconds"));
        let (started, mut packets) = (Instant::now(), 0);
        while started.elapsed() < wanted {
            packets += turn();
        }
        assert!(packets > 0, "no packet came in {wanted:?}");
        println!("{}", started.elapsed().as_nanos() as f64 / packets as f64);
        stdout().flush().expect("someone reads");
    }
}
