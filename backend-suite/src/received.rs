//! A socket that a process with CAP_NET_RAW created, opened by one without capabilities.

use std::fs::File;
use std::net::UdpSocket;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::mpsc;
use std::thread;

use xskit_bpf::{AttachMode, XdpProgram};
use xskit_core::backend::{Backend, RingKind, SetOption};
use xskit_core::socket::Step;
use xskit_core::umem::FrameSlot;
use xskit_core::{Errno, Socket, SocketConfig};
use xskit_rustix::{DescriptorError, RustixBackend, create_descriptor};
use xskit_testbed::{HostPair, privilege};
use xskit_wire::{Datagram, UdpChecksum};

use crate::RealBackend;
use crate::fixture::{self, Bed, PATIENCE, PORT, drain, umem, until, wait_for_carrier};

/// Few: without CAP_IPC_LOCK those of all concurrent tests count against RLIMIT_MEMLOCK.
const FRAMES: usize = 128;
const PINGS: u8 = 20;

/// How the backend adopts a descriptor.
pub trait Adopt<B: Backend>: Fn(&B, OwnedFd) -> Result<B::Socket, DescriptorError> + Sync {}

impl<B: Backend, F: Fn(&B, OwnedFd) -> Result<B::Socket, DescriptorError> + Sync> Adopt<B> for F {}

/// Datagrams are received and answered by a thread without capabilities, in another network
/// namespace than the socket's.
pub fn a_received_socket_needs_no_capability<B: RealBackend>(
    bed: Bed<'_, B>,
    adopt: impl Adopt<B>,
) {
    let Bed { make, pair } = bed;
    let (near, far) = (&pair.first, &pair.second);
    let descriptor = far.run(create_descriptor).expect("in the second host");
    let descriptor = descriptor.expect("a socket");
    let program = XdpProgram::load(1).expect("the program");
    program.take(PORT, None).expect("taken");
    let duplicate = descriptor.try_clone().expect("a duplicate");
    let (opened, is_open) = mpsc::channel();
    thread::scope(|scope| {
        let answer = || answer_without_capabilities(make, &adopt, &pair, descriptor, opened);
        let plane = scope.spawn(|| near.run(answer));
        if is_open.recv().is_ok() {
            // The map takes a socket once it has a UMEM and rings.
            let registered = program.register_socket(0, duplicate.as_fd());
            registered.expect("registered");
            drop(duplicate);
            let attach = || {
                let attached = program.attach(far.link.index, AttachMode::Auto);
                wait_for_carrier(far.link.index);
                attached.expect("attached")
            };
            let _attached = far.run(attach).expect("in the second host");
            near.run(|| ping(&pair)).expect("in the first host");
        }
        plane.join().expect("no panic").expect("in the first host");
    });
}

fn answer_without_capabilities<B: RealBackend>(
    make: &dyn Fn() -> B,
    adopt: &impl Adopt<B>,
    pair: &HostPair,
    descriptor: OwnedFd,
    opened: mpsc::Sender<()>,
) {
    privilege::drop_all();
    let backend = make();
    let config = fixture::config(pair.second.link.index);
    let mut slots = vec![FrameSlot::new(); FRAMES];
    let umem = umem(&mut slots);
    let refused = Socket::open(&backend, &umem, &config).expect_err("no CAP_NET_RAW");
    assert_eq!((refused.step, refused.errno), (Step::Create, Errno::EPERM));
    assert!(refused.to_string().contains("open_from"), "{refused}");

    let handle = adopt(&backend, descriptor).expect("a socket");
    let socket = Socket::open_from(&backend, &umem, handle, &config);
    let mut socket = socket.unwrap_or_else(|error| panic!("{error}"));
    opened.send(()).expect("somebody who waits");
    let mut left = PINGS;
    until(&mut socket, |socket| {
        let (mut receiver, mut transmitter) = socket.halves();
        for mut packet in receiver.receive(8) {
            let datagram = Datagram::parse(&packet, UdpChecksum::Ignore).expect("a datagram");
            let (reply, payload) = (datagram.reply(), datagram.payload_range());
            packet.truncate(payload.end);
            reply.emit(&mut packet, payload.len()).expect("headers");
            transmitter.send(packet).expect("room");
            left -= 1;
        }
        socket.recycle();
        socket.flush().expect("a kick");
        left == 0
    });
    drain(&mut socket).expect("kicks");
    assert!(socket.accounting().is_whole());
}

/// Sends datagrams one by one, and waits for each to come back.
fn ping(pair: &HostPair) {
    let client = UdpSocket::bind((pair.first.ipv4, 0)).expect("a socket");
    client.set_read_timeout(Some(PATIENCE)).expect("a limit");
    client.connect((pair.second.ipv4, PORT)).expect("a route");
    for number in 0..PINGS {
        let (payload, mut answer) = ([number; 18], [0; 64]);
        client.send(&payload).expect("sent");
        let len = client.recv(&mut answer).expect("an answer");
        assert_eq!(&answer[..len], payload);
    }
}

/// A descriptor that is not an AF_XDP socket, or was used before, is refused, and the error says
/// what it is.
pub fn a_descriptor_of_anything_else_is_refused_and_named<B: RealBackend>(
    bed: Bed<'_, B>,
    adopt: impl Adopt<B>,
) {
    let second = &bed.pair.second;
    let in_second = || refuse(bed.make, &adopt, second.link.index);
    second.run(in_second).expect("in the second host");
}

fn refuse<B: RealBackend>(make: &dyn Fn() -> B, adopt: &impl Adopt<B>, ifindex: u32) {
    let backend = make();
    let refused = |descriptor: OwnedFd, words: &str| {
        let error = adopt(&backend, descriptor).map(drop).expect_err("refused");
        assert!(error.to_string().contains(words), "{error}");
        error
    };
    let file = File::open("/dev/null").expect("a file");
    let errno = Errno(libc::ENOTSOCK);
    let error = refused(file.into(), "not a socket");
    assert_eq!(error, DescriptorError::NotSocket { errno });
    let other = UdpSocket::bind("[::]:0").expect("a socket");
    let error = refused(other.into(), "AF_XDP (44)");
    let family = libc::AF_INET6 as u16;
    assert_eq!(error, DescriptorError::OtherFamily { family });

    let [mut slots, mut others, mut more] = [(); 3].map(|()| vec![FrameSlot::new(); FRAMES]);
    let (umem, other, third) = (umem(&mut slots), umem(&mut others), umem(&mut more));
    let config = fixture::config(ifindex);
    let descriptor = create_descriptor().expect("a socket");
    let duplicate = || descriptor.try_clone().expect("a duplicate");
    let [one, two] = [(); 2].map(|()| adopt(&backend, duplicate()).expect("not used yet"));
    let socket = Socket::open_from(&backend, &umem, one, &config).expect("a socket");
    let error = Socket::open_from(&backend, &other, two, &config).expect_err("used");
    assert_eq!((error.step, error.errno), (Step::Register, Errno::EBUSY));
    assert!(error.to_string().contains("has a UMEM"), "{error}");
    let error = refused(duplicate(), "is bound already");
    assert_eq!(error, DescriptorError::Bound);
    drop((descriptor, socket));

    // After an opening that fails at its last step the duplicate has a UMEM.
    let descriptor = create_descriptor().expect("a socket");
    let handle = descriptor.try_clone().expect("a duplicate");
    let handle = adopt(&backend, handle).expect("not used yet");
    let nowhere = SocketConfig::new(ifindex, 9);
    let error = Socket::open_from(&backend, &other, handle, &nowhere).expect_err("no queue 9");
    assert!(matches!(error.step, Step::Bind { .. }), "{error}");
    let error = refused(descriptor, "has a UMEM already");
    assert_eq!(error, DescriptorError::HasUmem);

    // Rings alone are noticed only when they are sized.
    let descriptor = create_descriptor().expect("a socket");
    let direct = RustixBackend::new();
    let size = SetOption::RingSize(RingKind::Rx, config.rx.slots());
    direct.set_option(&descriptor, size).expect("sized");
    let handle = adopt(&backend, descriptor).expect("no UMEM");
    let error = Socket::open_from(&backend, &third, handle, &config).expect_err("used");
    assert_eq!(error.step, Step::Size(RingKind::Rx));
    assert!(error.to_string().contains("has rings"), "{error}");
    for umem in [other, third] {
        assert_eq!(umem.free() as usize, FRAMES, "{:?}", umem.census());
    }
}
