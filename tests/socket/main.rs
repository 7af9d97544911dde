//! The socket that one keeps, on a real kernel.

mod shared;

use std::fs::File;
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use tokio::runtime::Builder;
use tokio::time::timeout;
use xskit::af_xdp::Errno;
use xskit::af_xdp::backend::Interest;
use xskit::backend_uring::{SqPoll, UringConfig};
use xskit::bpf::{self, AttachMode, Attachment, SocketMap, XdpProgram};
use xskit::{
    AsyncSocket, AttachedProgram, Driving, OpenError, Socket, SocketBuilder, Sockets, TakeError,
    backend_rustix, backend_uring,
};
use xskit_testbed::{Host, HostPair, privilege};

const PORT: u16 = 4433;
/// Only to fail rather than hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every way to drive a socket. `Wait::Napi` only where the kernel has it (Linux 6.9).
fn ways() -> impl Iterator<Item = Driving> {
    let direct = [
        backend_rustix::RustixWait::Block,
        backend_rustix::RustixWait::Busy,
    ]
    .map(Driving::Rustix);
    let waits = [
        backend_uring::Wait::Block,
        backend_uring::Wait::Poll,
        backend_uring::Wait::Multishot,
        backend_uring::Wait::Busy,
    ];
    let submitted = waits.into_iter().flat_map(|wait| {
        [None, Some(SqPoll::default())].map(|sqpoll| {
            Driving::Uring(UringConfig {
                wait,
                sqpoll,
                ..UringConfig::default()
            })
        })
    });
    let napi = UringConfig {
        wait: backend_uring::Wait::Napi,
        ..UringConfig::default()
    };
    let napi = backend_uring::UringBackend::new(napi).map(|_| Driving::Uring(napi));
    direct.into_iter().chain(submitted).chain(napi)
}

/// Sends this many packets back to their senders.
fn echo(socket: &mut Socket, packets: u32) -> Result<(), Errno> {
    let mut left = packets;
    while left > 0 {
        socket.wait(Interest::RECEIVE, Some(PATIENCE))?;
        socket.with(|socket| {
            let (mut receiver, mut transmitter) = socket.halves();
            for mut packet in receiver.receive(left) {
                turn_round(&mut packet);
                transmitter.send(packet).expect("room");
                left -= 1;
            }
            socket.recycle();
            socket.flush()
        })?;
    }
    Ok(())
}

/// Makes a UDP datagram over IPv4 go back where it came from.
fn turn_round(packet: &mut [u8]) {
    // Ethernet and IPv4 addresses, and ports.
    packet[..12].rotate_left(6);
    packet[26..34].rotate_left(4);
    packet[34..38].rotate_left(2);
    // The sender left the checksum to its card; none is as good (RFC 768).
    packet[40..42].fill(0);
}

/// Sends datagrams one by one, and waits for each to come back.
fn ping(client: &UdpSocket, numbers: std::ops::Range<u8>) {
    let mut answer = [0; 8];
    for number in numbers {
        client.send(&[number; 8]).expect("sent");
        assert_eq!(client.recv(&mut answer).expect("an answer"), 8);
        assert_eq!(answer, [number; 8]);
    }
}

fn client(from: &Host, to: &Host) -> UdpSocket {
    let socket = from.run(|| UdpSocket::bind((from.ipv4, 0)));
    let socket = socket.expect("in the host").expect("a socket");
    socket.connect((to.ipv4, PORT)).expect("a route");
    let limited = socket.set_read_timeout(Some(PATIENCE));
    limited.map(|()| socket).expect("a time limit")
}

/// A program with room for this many sockets takes the port and is attached.
fn program(on: &Host, queues: u32) -> (XdpProgram, Attachment) {
    let program = XdpProgram::load(queues).expect("the program");
    program.take(PORT, None).expect("the port");
    let attach = || program.attach(on.link.index, AttachMode::Auto);
    let attachment = on.run(attach).expect("in the host").expect("attached");
    (program, attachment)
}

/// The same, with a socket for each queue.
fn take(on: &Host, sockets: &[BorrowedFd<'_>]) -> (XdpProgram, Attachment) {
    let (program, attachment) = program(on, sockets.len() as u32);
    for (queue, socket) in (0..).zip(sockets) {
        program.register_socket(queue, *socket).expect("the socket");
    }
    (program, attachment)
}

#[test]
fn a_socket_goes_from_thread_to_thread_and_outlives_them() {
    let Some(pair) = HostPair::for_test("a_socket_goes_from_thread_to_thread_and_outlives_them", 1)
    else {
        return;
    };
    let (near, far) = (&pair.first, &pair.second);
    let client = client(near, far);
    for way in ways() {
        // Opened by a thread that ends at once.
        let builder = Socket::builder(far.link.name.as_str()).frames(64);
        let open = || builder.driving(way).open();
        let socket = far.run(open).expect("in the host").expect("a socket");
        let _attached = take(far, &[socket.as_fd()]);
        let mut kept = socket;
        for round in 0..3 {
            let worker = thread::spawn(move || {
                echo(&mut kept, 5).expect("echoes");
                kept
            });
            ping(&client, round * 5..round * 5 + 5);
            kept = worker.join().expect("a worker that ends well");
        }
        let at = kept.accounting();
        assert!(at.is_whole() && at.application == 0, "{way:?}: {at:?}");
        assert_eq!((at.frames, at.retired), (64, 0), "{way:?}");
    }
}

/// Says nothing for a backend that never sleeps.
#[test]
fn a_wait_ends_once_when_another_thread_calls_the_waker() {
    let name = "a_wait_ends_once_when_another_thread_calls_the_waker";
    let Some(pair) = HostPair::for_test(name, 1) else {
        return;
    };
    for driving in ways() {
        pair.second.namespace.enter().expect("the second host");
        let builder = Socket::builder(pair.second.link.index).driving(driving);
        let mut socket = builder.open().expect("a socket");
        let attached = take(&pair.second, &[socket.as_fd()]);
        let waker = socket.waker().expect("an eventfd");
        // Before a wait, several times.
        waker.wake();
        waker.wake();
        assert_eq!(
            socket.wait(Interest::RECEIVE, None),
            Ok(false),
            "{driving:?}"
        );
        // Meanwhile, on another thread.
        let waiting = thread::spawn(move || (socket.wait(Interest::RECEIVE, None), socket));
        waker.wake();
        let (woken, mut socket) = waiting.join().expect("no panic");
        assert_eq!(woken, Ok(false), "{driving:?}");
        // That is all: the next ends for a packet.
        thread::scope(|scope| {
            scope.spawn(|| client(&pair.first, &pair.second).send(&[1]).expect("sent"));
            let ready = loop {
                match socket.wait(Interest::RECEIVE, Some(PATIENCE)) {
                    Ok(false) if is_busy(driving) => thread::yield_now(),
                    ready => break ready,
                }
            };
            assert_eq!(ready, Ok(true), "{driving:?}");
            assert!(socket.has_packets());
        });
        drop(attached);
    }
}

/// A task sleeps, and so has to leave the kernel with nothing to wait for.
#[test]
fn a_task_awaits_sockets_whose_waits_sleep() {
    let Some(pair) = HostPair::for_test("a_task_awaits_sockets_whose_waits_sleep", 1) else {
        return;
    };
    let (near, far) = (&pair.first, &pair.second);
    let client = client(near, far);
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    for way in ways() {
        let builder = Socket::builder(far.link.name.as_str()).driving(way);
        let socket = far.run(|| builder.open()).expect("in the host");
        let socket = socket.expect("a socket");
        let _attached = take(far, &[socket.as_fd()]);
        runtime.block_on(async {
            let registered = AsyncSocket::new(socket);
            if is_busy(way) {
                let refused = registered.map(drop).expect_err("never sleeps");
                assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{refused}");
                return;
            }
            let mut socket = registered.expect("registered");
            client.send(&[1]).expect("sent");
            let readable = timeout(PATIENCE, socket.readable()).await;
            readable.expect("in time").expect("no error");
            assert!(socket.into_inner().has_packets(), "{way:?}");
        });
    }
}

fn is_busy(way: Driving) -> bool {
    match way {
        Driving::Rustix(wait) => wait == backend_rustix::RustixWait::Busy,
        Driving::Uring(config) => config.wait == backend_uring::Wait::Busy,
        _ => false,
    }
}

/// Runs a task on a thread of its own, without any capability.
fn without_capabilities<T: Send>(task: impl FnOnce() -> T + Send) -> T {
    let in_thread = || {
        privilege::drop_all();
        task()
    };
    thread::scope(|scope| scope.spawn(in_thread).join().expect("no panic"))
}

/// The map as a descriptor that can be lent to code without capabilities.
fn duplicate_of_the_map(program: &XdpProgram) -> OwnedFd {
    let duplicate = program.sockets().as_fd().try_clone_to_owned();
    duplicate.expect("a duplicate")
}

fn descriptor(of: &Host) -> OwnedFd {
    let created = of.run(Socket::create_descriptor).expect("in the host");
    created.expect("a socket")
}

#[test]
fn a_received_socket_is_opened_registered_and_used_without_any_capability() {
    let test = "a_received_socket_is_opened_registered_and_used_without_any_capability";
    let Some(pair) = HostPair::for_test(test, 1) else {
        return;
    };
    let (near, far) = (&pair.first, &pair.second);
    let client = client(near, far);
    for way in ways() {
        let (program, _attachment) = program(far, 1);
        let (map, descriptor) = (duplicate_of_the_map(&program), descriptor(far));
        let mut socket = without_capabilities(|| {
            let builder = Socket::builder(far.link.index).frames(64).driving(way);
            let none = builder.open().expect_err("no descriptor").to_string();
            assert!(
                none.contains("CAP_NET_RAW") && none.contains("open_from"),
                "{none}"
            );
            let socket = builder.open_from(descriptor);
            let socket = socket.unwrap_or_else(|error| panic!("{way:?}: {error}"));
            let map = SocketMap::from_fd(map).expect("the map");
            map.register(0, socket.as_fd()).expect("registered");
            socket
        });
        thread::scope(|scope| {
            let echo = scope.spawn(|| without_capabilities(|| echo(&mut socket, 5)));
            ping(&client, 0..5);
            echo.join().expect("no panic").expect("packets");
        });
        let at = socket.accounting();
        assert!(at.is_whole() && at.application == 0, "{way:?}: {at:?}");
    }
}

#[test]
fn a_descriptor_that_can_not_be_opened_says_why() {
    let Some(pair) = HostPair::for_test("a_descriptor_that_can_not_be_opened_says_why", 2) else {
        return;
    };
    let far = &pair.second;
    let builder = |queue| Socket::builder(far.link.index).frames(64).queue(queue);
    let refused = |builder: SocketBuilder, descriptor: OwnedFd, words: &str| {
        let error = builder.open_from(descriptor).expect_err("refused");
        assert!(error.to_string().contains(words), "{error}");
        error
    };
    let file = File::open("/dev/null").expect("a file");
    let error = refused(builder(0), file.into(), "not a socket");
    assert!(matches!(error, OpenError::Descriptor(_)), "{error:?}");

    let first = descriptor(far);
    let again = || first.try_clone().expect("a duplicate");
    let _open = builder(0).open_from(again()).expect("a socket");
    refused(builder(1), again(), "is bound already");
    let both = vec![(builder(1), descriptor(far)), (builder(0), again())];
    let error = Sockets::open_from(both).expect_err("used").to_string();
    assert!(error.contains("is bound already"), "{error}");
    let none = Sockets::open_from(Vec::new()).expect_err("no builder");
    assert_eq!(none, OpenError::NoSocket);
    refused(builder(9), descriptor(far), "queue 9");

    let (frames, size) = (1 << 18, 2048);
    let limit = getrlimit(Resource::Memlock).current;
    if limit.is_some_and(|bytes| bytes < frames * size) {
        let large = builder(1).frames(frames as u32).frame_size(size as u32);
        let descriptor = descriptor(far);
        without_capabilities(|| refused(large, descriptor, "ulimit -l"));
    }
    let error = without_capabilities(Socket::create_descriptor).expect_err("no capability");
    assert!(error.to_string().contains("CAP_NET_RAW"), "{error}");
}

#[test]
fn as_many_frames_as_memory_holds() {
    let Some(pair) = HostPair::for_test("as_many_frames_as_memory_holds", 1) else {
        return;
    };
    let builder = Socket::builder(pair.second.link.index).frames(1 << 18);
    let open = || builder.frame_size(2048).open();
    let opened = pair.second.run(open).expect("in the host");
    let at = opened.expect("a socket").accounting();
    assert_eq!((at.frames, at.fill), (1 << 18, 2048));
    assert!(at.is_whole(), "{at:?}");
}

#[test]
fn what_can_not_be_opened_says_why() {
    let Some(pair) = HostPair::for_test("what_can_not_be_opened_says_why", 1) else {
        return;
    };
    let open = |builder: xskit::SocketBuilder| {
        let opened = pair.second.run(|| builder.open()).expect("in the host");
        opened.map(drop).expect_err("a refusal")
    };
    let name = pair.second.link.name.as_str();
    let cases = [
        (
            Socket::builder("none0"),
            "interface \"none0\" can't be looked up",
        ),
        (Socket::builder(name).ring_size(100), "128"),
        (Socket::builder(name).frame_size(100), "2048"),
        (Socket::builder(name).frames(0), "use"),
        (Socket::builder(name).frames(u32::MAX), "fewer"),
        (Socket::builder(name).queue(9), "queue 9"),
    ];
    for (builder, words) in cases {
        let error = open(builder.clone()).to_string();
        assert!(error.contains(words), "{builder:?}: {error}");
    }
    let taken = pair.second.run(|| Socket::builder(name).open());
    let _taken = taken.expect("in the host").expect("a socket");
    let error = open(Socket::builder(name));
    assert!(matches!(error, OpenError::Socket(error) if error.errno == Errno::EBUSY));
}

#[test]
fn a_socket_takes_a_port_in_one_call() {
    let Some(pair) = HostPair::for_test("a_socket_takes_a_port_in_one_call", 2) else {
        return;
    };
    let (near, far) = (&pair.first, &pair.second);
    let builder = Socket::builder(&far.link.name).queue(1).frames(64);
    far.run(|| {
        let (_socket, program) = builder.open_and_take(PORT).expect("a socket and a program");
        let other = Socket::builder(&far.link.name).frames(64);
        let occupied = other
            .open_and_take(PORT)
            .expect_err("one program an interface");
        let is_occupied = matches!(&occupied, TakeError::Program(bpf::Error::Occupied { .. }));
        assert!(is_occupied, "{occupied:?}");
        // Nothing is left of it: its queue is free.
        let _other = other.open().expect("a socket");
        assert_eq!(program.program().counters().expect("counters").taken, 0);
    })
    .expect("in the host");
    // Both are gone, so the queue and the interface are free.
    let again = far.run(|| builder.open_and_take(PORT));
    drop(again.expect("in the host").expect("once more"));

    let nowhere = Socket::builder("nowhere").open_and_take(PORT);
    let error = nowhere.expect_err("no such interface");
    let is_unknown = matches!(&error, TakeError::Open(OpenError::Interface { .. }));
    assert!(is_unknown, "{error:?}");
    let none = near.run(|| AttachedProgram::take(near.link.index, PORT, [] as [(u32, OwnedFd); 0]));
    let error = none.expect("in the host").expect_err("no socket");
    let has_none = matches!(&error, TakeError::Program(bpf::Error::NoQueues));
    assert!(has_none, "{error:?}");
}
