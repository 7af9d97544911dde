//! Passes descriptors round the four rings a given number of times, for callgrind to count
//! instructions a descriptor. Instructions, unlike time, are the same on every run.
//!
//! ```text
//! cargo build --release -p xskit-benches --example ring_instructions
//! valgrind --tool=callgrind --collect-atstart=no --callgrind-out-file=/dev/null \
//!     --toggle-collect='*socket_turn*' --toggle-collect='*peer_turn*' \
//!     target/release/examples/ring_instructions socket 16 10000
//! ```
//!
//! The first argument is `socket` (frames with owners, by `Socket`) or `bare` (the rings only), the
//! second the batch, the third the turns. For `bare`, toggle at `*bare_turn*` and at nothing else.
//! `Collected`, divided by what this prints, is instructions a descriptor that passes all four
//! rings. Collecting is switched at every entry and exit of the named functions: on in our turn,
//! and off in the peer's, which in `socket` lies inside ours.

use std::process::ExitCode;

use xskit_benches::loopback::Loopback;
use xskit_benches::peer::{Peer, Rings};
use xskit_benches::round_trip::{self, BareRings, FRAMES, RING_SIZE};
use xskit_benches::shared_ring::SharedRing;
use xskit_core::umem::FrameStore;

const USAGE: &str = "usage: ring_instructions socket|bare BATCH TURNS";

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [kind, batch, turns] = args.as_slice() else {
        return fail(USAGE);
    };
    let (Ok(batch), Ok(turns)) = (batch.parse(), turns.parse()) else {
        return fail(USAGE);
    };
    if batch == 0 || batch as usize > FRAMES / 2 {
        return fail(&format!("BATCH: use 1 to {}", FRAMES / 2));
    }
    let passed = match kind.as_str() {
        "socket" => socket(batch, turns),
        "bare" => bare(batch, turns),
        _ => return fail(USAGE),
    };
    println!("{passed} descriptors passed all four rings");
    ExitCode::SUCCESS
}

fn fail(message: &str) -> ExitCode {
    eprintln!("{message}");
    ExitCode::FAILURE
}

fn socket(batch: u32, turns: u32) -> u64 {
    let (mut store, backend) = (FrameStore::new(), Loopback::default());
    let umem = round_trip::umem(&mut store).expect("memory");
    let mut socket = round_trip::socket(&backend, &umem);
    (0..turns)
        .map(|_| u64::from(round_trip::socket_turn(&umem, &mut socket, batch)))
        .sum()
}

fn bare(batch: u32, turns: u32) -> u64 {
    let [fill, completion] = [(); 2].map(|()| SharedRing::new(RING_SIZE));
    let [rx, tx] = [(); 2].map(|()| SharedRing::new(RING_SIZE));
    let rings = Rings {
        fill: fill.memory(),
        completion: completion.memory(),
        rx: rx.memory(),
        tx: tx.memory(),
    };
    let (mut ours, mut peer) = (BareRings::new(&rings, batch), Peer::new(&rings));
    (0..turns)
        .map(|_| {
            peer.peer_turn();
            u64::from(ours.bare_turn(batch))
        })
        .sum()
}
