//! The socket on a real kernel: two hosts joined by a veth pair, or by two cards if the environment
//! names them.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use xskit_bpf::{AttachMode, AttachedMode};
use xskit_core::backend::{Backend, Interest};
use xskit_core::socket::{Step, ZeroCopy};
use xskit_core::umem::FrameSlot;
use xskit_core::{Errno, Socket, SocketConfig};
use xskit_testbed::{HostPair, cards};
use xskit_wire::{UdpHeaders, swap_addresses};

use crate::RealBackend;
use crate::fixture::{
    self, Bed, FRAMES, MmapUmem, PATIENCE, PORT, drain, headers, headers_to_port, send_datagrams,
    take_port, until, write_datagram,
};

/// Long enough that a card need not pad the frame to 60 bytes.
const TO_THE_PROGRAM: &[u8] = b"to the program, by its port";

/// Of two datagrams, the one to a taken port reaches the socket, the other the kernel.
pub fn a_taken_port_comes_to_the_socket_and_others_to_the_kernel<B: RealBackend>(bed: Bed<'_, B>) {
    let second = &bed.pair.second;
    let config = fixture::config(second.link.index);
    let generic = SocketConfig {
        // A generic program runs on copies.
        zero_copy: ZeroCopy::Refuse,
        ..config
    };
    for (mode, config) in [(AttachMode::Native, config), (AttachMode::Generic, generic)] {
        bed.open(second, &config, |socket, _| {
            take_one(socket, &bed.pair, mode);
        });
    }
}

/// Sends two datagrams from a kernel socket of the first host, one of which is taken in this mode.
fn take_one<B: RealBackend>(socket: &mut Socket<'_, B>, pair: &HostPair, mode: AttachMode) {
    let taken = SocketAddr::from((pair.second.ipv4, PORT));
    let passed = SocketAddr::from((pair.second.ipv4, PORT + 1));
    let kernel = UdpSocket::bind(passed).expect("a kernel socket");
    kernel.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let (program, attachment) = take_port(socket, pair.second.link.index, mode);
    let native = attachment.mode() == AttachedMode::Native;
    assert_eq!(native, mode == AttachMode::Native);

    let send = || {
        let sender = UdpSocket::bind((pair.first.ipv4, 0)).expect("a sender");
        sender.send_to(TO_THE_PROGRAM, taken).expect("sent");
        sender.send_to(b"to the kernel", passed).expect("sent");
    };
    pair.first.run(send).expect("in the first host");

    until(socket, |socket| {
        socket
            .receive(8)
            .any(|packet| packet.ends_with(TO_THE_PROGRAM))
    });
    let mut buffer = [0; 64];
    let len = kernel
        .recv(&mut buffer)
        .expect("what the program passed on");
    assert_eq!(&buffer[..len], b"to the kernel");
    assert!(socket.accounting().is_whole());
    assert_eq!(program.counters().expect("counters").taken, 1);
}

/// A datagram with our headers reaches a kernel socket, by one kick.
pub fn the_kernel_accepts_what_is_sent_checksums_and_all<B: RealBackend>(bed: Bed<'_, B>) {
    let HostPair { first, second } = &bed.pair;
    let [from, to] = [first, second].map(|host| host.ipv6.expect("the pair has IPv6"));
    let addresses: [(IpAddr, IpAddr); 2] = [
        (first.ipv4.into(), second.ipv4.into()),
        (from.into(), to.into()),
    ];
    for (from, to) in addresses {
        let (source, target) = ((from, 9).into(), (to, PORT).into());
        let kernel = second.run(|| UdpSocket::bind(target));
        let kernel = kernel.expect("in the second host").expect("a socket");
        kernel.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let headers = headers(&bed.pair, source, target);
        let config = fixture::config(first.link.index);
        bed.open(first, &config, |socket, umem| {
            let _passes = fixture::pass_all(config.ifindex);
            send_one(socket, umem, &headers);
        });
        let mut buffer = [0; 64];
        let (len, from) = kernel.recv_from(&mut buffer).expect("the datagram");
        assert_eq!((&buffer[..len], from.port()), (&b"an odd number"[..], 9));
    }
}

fn send_one<'u, B: RealBackend>(
    socket: &mut Socket<'u, B>,
    umem: &'u MmapUmem<'_>,
    headers: &UdpHeaders,
) {
    let mut frame = umem.alloc().expect("a free frame");
    write_datagram(&mut frame, headers, b"an odd number");
    socket.send(frame).expect("room");
    socket.flush().expect("a kick");
    until(socket, |socket| socket.halves().1.reap() == 1);
    let calls = socket.backend().calls();
    let kicks = calls.kicks + calls.submissions.kicks;
    let wakes = calls.wakes + calls.submissions.wakes;
    // One more after each sleep that brought nothing: with SQPOLL, a kernel thread sends when it
    // gets a core.
    assert!(
        (1..=1 + calls.waits).contains(&kicks),
        "one packet, one kick: {calls:?}"
    );
    // In zero-copy mode a driver may ask for a wake on new frames.
    let asks = u64::from(socket.obtained().zero_copy);
    assert!(wakes <= asks, "{calls:?}");
}

/// A million packets are sent back, and every frame is accounted for at all times.
pub fn a_million_frames_forwarded_stay_accounted_for<B: RealBackend>(bed: Bed<'_, B>) {
    forward_a_flood(&bed, 1_000_000);
}

/// The same for fewer, if kernel threads compete with the test for few cores.
pub fn frames_forwarded_stay_accounted_for<B: RealBackend>(bed: Bed<'_, B>) {
    // An emulated card is a thousand times as slow as a veth.
    let packets = if cards::are_named() { 4_000 } else { 20_000 };
    forward_a_flood(&bed, packets);
}

fn forward_a_flood<B: RealBackend>(bed: &Bed<'_, B>, packets: u64) {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| flood(bed, &done));
        // Also set if the forwarder panics, so that the other thread ends.
        let _done = SetOnDrop(&done);
        forward(bed, packets);
    });
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends packets until told to stop.
fn flood<B: RealBackend>(bed: &Bed<'_, B>, done: &AtomicBool) {
    let ifindex = bed.pair.first.link.index;
    let config = SocketConfig {
        // Returning packets are passed on. An emulated card that cannot receive holds up its
        // sender.
        fill_frames: Some(if cards::are_named() { 64 } else { 0 }),
        ..fixture::config(ifindex)
    };
    bed.open(&bed.pair.first, &config, |socket, umem| {
        let _passes = fixture::pass_all(ifindex);
        let headers = headers_to_port(&bed.pair);
        while !done.load(Ordering::Relaxed) {
            send_datagrams(socket, umem, &headers, 32);
            socket.flush().expect("a kick");
            socket.recycle();
        }
        // Before that, a kernel thread may still be sending, and not have published what it took
        // off the ring.
        drain(socket).expect("a kick");
        assert!(socket.accounting().is_whole());
    });
}

/// Sends `packets` packets back, and accounts for every frame on the way.
fn forward<B: RealBackend>(bed: &Bed<'_, B>, packets: u64) {
    let link = &bed.pair.second.link;
    let config = fixture::config(link.index);
    bed.run(&bed.pair.second, |backend, umem| {
        let mut socket = fixture::open(backend, umem, &config);
        // Attached to the end: without a program, igb refuses the kick for unsent packets.
        let (program, _attachment) = take_port(&socket, link.index, AttachMode::Auto);
        until(&mut socket, |socket| {
            while turn(socket) {
                assert_eq!(umem.census().total() as usize, FRAMES);
            }
            socket.halves().1.sent() >= packets
        });
        program.release(PORT, None).expect("released");
        until(&mut socket, |socket| {
            turn(socket);
            socket.halves().1.in_flight() == 0 && socket.accounting().rx == 0
        });
        let at = socket.accounting();
        assert!(at.is_whole() && at.application == 0, "{at:?}");
        let (receiver, transmitter) = socket.halves();
        // igb returns frames twice when its fill ring runs dry: docs/igb-zero-copy.md.
        if link.driver().expect("its driver").as_deref() != Some("igb") {
            assert_eq!(receiver.bad_descriptors(), 0);
        }
        assert_eq!(transmitter.bad_completions(), 0);
        assert_eq!(transmitter.in_flight(), 0);
        drop(socket);
        let census = umem.census();
        let lent = at.fill + at.receiving;
        assert_eq!(
            (census.retired, census.stash),
            (lent, FRAMES as u32 - lent),
            "after closing"
        );
    });
}

/// One turn of forwarding; returns whether there was anything to forward.
fn turn<B: Backend>(socket: &mut Socket<'_, B>) -> bool {
    let (mut receiver, mut transmitter) = socket.halves();
    let before = transmitter.sent();
    let mut reservation = transmitter.reserve(256);
    for mut packet in receiver.receive(reservation.len()) {
        swap_addresses(&mut packet).expect("an Ethernet frame");
        reservation.send(packet).expect("a slot");
    }
    let forwarded = transmitter.sent() > before;
    socket.flush().expect("a kick");
    socket.recycle();
    forwarded
}

/// Taken queues, wrong queues, wrong interfaces and missing modes have different errors.
pub fn what_the_kernel_refuses_is_named<B: RealBackend>(bed: Bed<'_, B>) {
    let first = &bed.pair.first;
    let good = SocketConfig {
        fill_frames: Some(1),
        ..fixture::config(first.link.index)
    };
    let refuse = |config: SocketConfig, errno, text| {
        bed.run(first, |backend, umem| {
            let error = Socket::open(backend, umem, &config).expect_err("refused");
            assert!(matches!(error.step, Step::Bind { .. }), "{error}");
            assert_eq!(error.errno, errno, "{error}");
            assert!(error.to_string().contains(text), "{error}");
            assert_eq!(umem.census().total() as usize, FRAMES);
        });
    };
    bed.open(first, &good, |_held, _| {
        refuse(good, Errno::EBUSY, "already bound by another socket");
    });
    let [mut queue, mut interface, mut forced] = [good; 3];
    queue.queue = 7;
    refuse(queue, Errno::EINVAL, "queue 7 is not active");
    interface.ifindex = 9999;
    refuse(interface, Errno::ENODEV, "no such interface");
    if !cards::are_named() {
        forced.zero_copy = ZeroCopy::Force;
        refuse(forced, Errno::EOPNOTSUPP, "no zero-copy mode");
    }
}

/// A wait leaves nothing behind that keeps a closed socket's queue.
pub fn a_queue_is_free_again_after_a_wait<B: RealBackend>(bed: Bed<'_, B>) {
    let first = &bed.pair.first;
    let config = fixture::config(first.link.index);
    bed.run(first, |shared, _| {
        for round in 0..6 {
            let own = (bed.make)();
            let backend = if round % 2 == 0 { shared } else { &own };
            let mut slots = vec![FrameSlot::new(); FRAMES];
            let umem = fixture::umem(&mut slots);
            let mut socket = Socket::open(backend, &umem, &config).expect("a free queue");
            let soon = Some(Duration::from_millis(1));
            assert_eq!(socket.wait(Interest::RECEIVE, soon), Ok(false));
            let room = Interest {
                receive: true,
                transmit: true,
            };
            let ready = socket.wait(room, soon);
            assert!(ready.is_ok(), "{ready:?}");
        }
    });
}

/// A wait on a socket whose interface was removed returns ENETDOWN.
pub fn a_wait_says_that_the_interface_is_gone<B: RealBackend>(bed: Bed<'_, B>) {
    let Bed { make, pair } = bed;
    let HostPair { first, second } = pair;
    let config = SocketConfig::new(first.link.index, 0);
    let wait = || {
        fixture::with_umem(make, |backend, umem| {
            let mut socket = Socket::open(backend, umem, &config).expect("a socket");
            let mut look = || socket.wait(Interest::RECEIVE, Some(Duration::from_millis(10)));
            assert_eq!(look(), Ok(false));
            // A veth goes with its peer, and the peer with its host.
            drop(second);
            let deadline = Instant::now() + PATIENCE;
            while look() != Err(Errno::ENETDOWN) {
                assert!(Instant::now() < deadline, "the wait says nothing");
            }
        });
    };
    first.run(wait).expect("in the first host");
}
