//! A forwarder's turn by the core's socket and by `xskit::Socket`, over a veth pair, so that
//! callgrind counts the instructions of each: `cargo xtask instructions` runs it.
//!
//! The argument is the number of packets to send to each. The kernel's work isn't counted, and the
//! system calls are the same. The last turn is by `xskit::Socket` with packets of 1,400 bytes: only
//! headers are read.

use std::process::ExitCode;

use xskit_benches::{turns, veth};
use xskit_core::Socket;
use xskit_core::umem::FrameSlot;
use xskit_rustix::RustixBackend;
use xskit_testbed::Host;

const LARGE: usize = 1400;

fn main() -> ExitCode {
    let packets = std::env::args().nth(1).and_then(|arg| arg.parse().ok());
    let Some(packets) = packets else {
        eprintln!("usage: face_path PACKETS");
        return ExitCode::FAILURE;
    };
    let Some(pair) = veth::hosts("face_path") else {
        return ExitCode::FAILURE;
    };
    let (here, there) = (&pair.first, &pair.second);
    by_core(here, there, packets);
    by_face(here, there, (packets, veth::PACKET_LEN), face_turn);
    by_face(here, there, (packets, LARGE), large_turn);
    ExitCode::SUCCESS
}

fn by_core(here: &Host, there: &Host, packets: u64) {
    let (mut slots, backend) = (vec![FrameSlot::new(); veth::FRAMES], RustixBackend::new());
    let umem = veth::umem(&mut slots);
    there.namespace.enter().expect("in the host");
    let mut socket = veth::socket(there, &backend, &umem, veth::FRAMES as u32 / 2);
    let _attached = veth::attach(there, &socket);
    send_to(here, there, (packets, veth::PACKET_LEN), || {
        core_turn(&mut socket)
    });
}

fn by_face(
    here: &Host,
    there: &Host,
    packets: (u64, usize),
    turn: impl Fn(&mut xskit::Socket) -> u64,
) {
    there.namespace.enter().expect("in the host");
    let builder = xskit::Socket::builder(there.link.index).frames(veth::FRAMES as u32);
    let opened = builder.open_and_take(veth::PORT);
    let (mut socket, _attached) = opened.unwrap_or_else(|error| panic!("{error}"));
    send_to(here, there, packets, || turn(&mut socket));
}

/// Sends batches of packets of `len_bytes` from here until the turns there have forwarded `packets`
/// of them.
fn send_to(
    here: &Host,
    there: &Host,
    (packets, len_bytes): (u64, usize),
    mut turn: impl FnMut() -> u64,
) {
    let (mut slots, backend) = (vec![FrameSlot::new(); veth::FRAMES], RustixBackend::new());
    let umem = veth::umem(&mut slots);
    veth::write_all(&umem, &veth::headers_from_nobody(here, there), len_bytes);
    here.namespace.enter().expect("in the host");
    let mut socket = veth::socket(here, &backend, &umem, 0);
    let mut turned = 0;
    while turned < packets {
        turns::send(&mut socket, len_bytes);
        turned += turn();
    }
}

#[inline(never)]
fn core_turn(socket: &mut Socket<'_, RustixBackend>) -> u64 {
    turns::send_back(socket)
}

#[inline(never)]
fn face_turn(socket: &mut xskit::Socket) -> u64 {
    socket.with(turns::send_back)
}

/// Differs from `face_turn`, so that the compiler doesn't merge the two.
#[inline(never)]
fn large_turn(socket: &mut xskit::Socket) -> u64 {
    std::hint::black_box(socket).with(turns::send_back)
}
