//! A duplicate of a socket's descriptor, which safe code can make (`pidfd_getfd(2)`), outlives a
//! failed opening. Alone in its process, because it guesses the descriptor's number.

use std::fs::File;
use std::net::UdpSocket;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::thread;
use std::time::Instant;

use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use xskit_bpf::{AttachMode, XdpProgram};
use xskit_core::abi::{AF_XDP, SockaddrXdp};
use xskit_core::backend::{Backend, RingKind, SetOption};
use xskit_core::socket::Step;
use xskit_core::umem::FrameSlot;
use xskit_core::{Errno, Socket, SocketConfig};
use xskit_rustix::RustixBackend;
use xskit_testbed::HostPair;

use crate::RealBackend;
use crate::fixture::{MmapUmem, PATIENCE, PORT, umem};

const FRAMES: usize = 64;
const STAMP: u8 = 0x5a;

/// An opening fails and its frames are free again; the socket, bound by the duplicate, then
/// receives into none of them.
pub(crate) fn a_duplicate_finds_no_free_frame<B: RealBackend>(make: &(dyn Fn() -> B + Sync)) {
    if let Some(pair) = HostPair::for_test("a_duplicate_finds_no_free_frame", 1) {
        let in_first = || open_and_bind_the_duplicate(make, &pair);
        pair.first.run(in_first).expect("in the first host");
    }
}

fn open_and_bind_the_duplicate<B: RealBackend>(make: &dyn Fn() -> B, pair: &HostPair) {
    let ifindex = pair.first.link.index;
    let backend = make();
    let (mut slots, mut other) = (
        vec![FrameSlot::new(); FRAMES],
        vec![FrameSlot::new(); FRAMES],
    );
    let (umem, other) = (umem(&mut slots), umem(&mut other));
    stamp_all(&umem);
    let config = SocketConfig::new(ifindex, 0);
    let holder = Socket::open(&backend, &other, &config).expect("a free queue");

    let own = pidfd_open(getpid(), PidfdFlags::empty()).expect("this process");
    // The number that the kernel gives to the next descriptor.
    let next = File::open("/dev/null").expect("a descriptor").as_raw_fd();
    let duplicate = thread::scope(|scope| {
        let duplicate = scope.spawn(|| take_duplicate(&own, next));
        let refused = Socket::open(&backend, &umem, &config).map(drop);
        let refused = refused.expect_err("the queue is taken");
        assert!(matches!(refused.step, Step::Bind { .. }), "{refused}");
        duplicate.join().expect("a duplicate")
    });
    assert_eq!(umem.free() as usize, FRAMES, "{:?}", umem.census());

    // The core relies on this: the kernel reports whether a socket is unbound.
    let direct = RustixBackend::new();
    let size_again = SetOption::RingSize(RingKind::Rx, config.rx.slots());
    let is_bound = || direct.set_option(&duplicate, size_again);
    assert_eq!(is_bound(), Err(Errno::EINVAL));
    drop(holder);
    let address = SockaddrXdp {
        family: AF_XDP,
        flags: 0,
        ifindex,
        queue_id: 0,
        shared_umem_fd: 0,
    };
    direct.bind(&duplicate, &address).expect("bound late");
    assert_eq!(is_bound(), Err(Errno::EBUSY));
    receive_nothing(pair, &direct, &duplicate, &umem);
}

/// A duplicate of this process's descriptor with that number, once it exists.
fn take_duplicate(own: &OwnedFd, number: i32) -> OwnedFd {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match pidfd_getfd(own, number, PidfdGetfdFlags::empty()) {
            Ok(duplicate) => return duplicate,
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
        thread::yield_now();
    }
}

/// Sends datagrams to the bound duplicate until one finds no frame.
fn receive_nothing(pair: &HostPair, direct: &RustixBackend, socket: &OwnedFd, umem: &MmapUmem<'_>) {
    let program = XdpProgram::load(1).expect("the program");
    program
        .register_socket(0, socket.as_fd())
        .expect("registered");
    program.take(PORT, None).expect("taken");
    let attached = program.attach(pair.first.link.index, AttachMode::Auto);
    let _attached = attached.expect("attached");
    let target = (pair.first.ipv4, PORT);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let send = || {
            let sender = UdpSocket::bind((pair.second.ipv4, 0)).expect("a sender");
            sender.send_to(&[0; 64], target).expect("sent");
        };
        pair.second.run(send).expect("in the second host");
        let counted = direct.statistics(socket).expect("statistics");
        assert!(are_stamped(umem), "a free frame was received into");
        if counted.rx_fill_ring_empty_descs > 0 {
            return;
        }
        assert!(Instant::now() < deadline, "nothing came: {counted:?}");
    }
}

/// Writes every frame; all must be free.
fn stamp_all(umem: &MmapUmem<'_>) {
    let mut frames: Vec<_> = std::iter::from_fn(|| umem.alloc()).collect();
    assert_eq!(frames.len(), FRAMES);
    frames
        .iter_mut()
        .for_each(|frame| frame.buffer_mut().fill(STAMP));
}

fn are_stamped(umem: &MmapUmem<'_>) -> bool {
    let mut frames: Vec<_> = std::iter::from_fn(|| umem.alloc()).collect();
    frames
        .iter_mut()
        .all(|frame| frame.buffer_mut().iter().all(|byte| *byte == STAMP))
}
