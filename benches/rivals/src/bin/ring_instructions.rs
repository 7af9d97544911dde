//! Does every job of [`xskit_rivals`] a given number of times, for callgrind to count the
//! instructions of each. Instructions, unlike time, are the same on every run.
//!
//! ```text
//! cargo xtask instructions
//! ```
//!
//! runs it under callgrind and makes a table of what that wrote. The first argument is the batch,
//! the second how many times. One line says by which compiler libxdp's side was built, if it was.

use std::process::ExitCode;

use xskit_benches::loopback::Loopback;
use xskit_benches::ring_view::RingViews;
use xskit_benches::veth;
use xskit_core::ring::RingSize;
use xskit_core::umem::FrameSlot;
use xskit_rivals::bare::BareRings;
use xskit_rivals::kernel::Kernel;
use xskit_rivals::socket::{self, Forwarder};
use xskit_rivals::{Ends, LIBXDP_COMPILER, LIBXDP_MISSING, MAX_BATCH};

/// Descriptors on their way: the fill ring is not empty, the others are not full.
const UNDER_WAY: u32 = 1024;

fn main() -> ExitCode {
    let args: Vec<u32> = std::env::args()
        .skip(1)
        .flat_map(|arg| arg.parse())
        .collect();
    let [batch @ 1..=64, turns] = args[..] else {
        eprintln!("usage: ring_instructions BATCH TURNS, with a BATCH of 1 to {MAX_BATCH}");
        return ExitCode::FAILURE;
    };
    let memory = Loopback::of_rings(RingSize::DEFAULT);
    let rings = memory.views().expect("its rings");
    Kernel::new(rings).start(UNDER_WAY);
    with_ends::<BareRings<'_>>(&rings, batch, turns);
    #[cfg(libxdp)]
    with_ends::<xskit_rivals::libxdp::Libxdp<'_>>(&rings, batch, turns);
    with_socket(batch, turns);
    match LIBXDP_COMPILER {
        Some(compiler) => println!("libxdp: {compiler}"),
        None => println!("{LIBXDP_MISSING}"),
    }
    ExitCode::SUCCESS
}

fn with_ends<'m, E: Ends<'m>>(rings: &RingViews<'m>, batch: u32, turns: u32) {
    let (kernel, mut ends) = (Kernel::new(*rings), E::open(rings));
    repeat(&kernel, batch, turns, || ends.by_parts(batch));
    repeat(&kernel, batch, turns, || ends.round_trip(batch));
    repeat(&kernel, batch, turns, || ends.forward(batch));
}

fn with_socket(batch: u32, turns: u32) {
    let (mut slots, backend) = (
        vec![FrameSlot::new(); socket::FRAMES],
        Loopback::never_kicked(),
    );
    let umem = veth::umem(&mut slots);
    let mut forwarder = Forwarder::open(&backend, &umem, UNDER_WAY);
    let kernel = Kernel::new(backend.views().expect("a socket is open"));
    repeat(&kernel, batch, turns, || forwarder.by_parts(batch));
    repeat(&kernel, batch, turns, || forwarder.forward(batch));
}

/// A job after each of the kernel's batches.
fn repeat(kernel: &Kernel<'_>, batch: u32, turns: u32, mut job: impl FnMut() -> u32) {
    for turn in 0..turns {
        kernel.write_ahead(batch);
        kernel.publish(batch);
        assert_eq!(job(), batch, "not all went round in turn {turn}");
    }
}
