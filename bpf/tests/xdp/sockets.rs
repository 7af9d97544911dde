//! Which socket a datagram is given to, by queue.

use std::fs::File;
use std::net::UdpSocket;
use std::os::fd::{AsFd, OwnedFd};

use libbpf_rs::libbpf_sys::bpf_map_create_opts;
use libbpf_rs::{MapHandle, MapType};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use xskit_bpf::{AttachMode, Error, SocketMap, Strays, XdpProgram};

use crate::dry_run::{Verdict, verdict, verdict_on};
use crate::namespace::{in_namespace, index_of, ip};
use crate::packet::*;
use crate::privilege;

/// An AF_XDP socket. It can be registered before it is bound.
fn xdp_socket() -> OwnedFd {
    let flags = SocketFlags::CLOEXEC;
    socket_with(AddressFamily::XDP, SocketType::RAW, flags, None).unwrap()
}

/// A program that takes the port. `None` without privilege: the test must return.
fn taking_port(queues: u32) -> Option<XdpProgram> {
    let program = privilege::held().then(|| XdpProgram::load(queues).unwrap())?;
    program.take(PORT, None).unwrap();
    Some(program)
}

/// The index of an interface with this many queues.
fn interface(queues: u32) -> u32 {
    let of_each = format!("numrxqueues {queues} numtxqueues {queues}");
    ip(&format!(
        "link add name a {of_each} type veth peer name b {of_each}"
    ));
    ip("link set dev a up");
    ip("link set dev b up");
    index_of("b")
}

#[test]
fn a_registered_socket_is_given_what_matches_and_nothing_else() {
    let Some(program) = taking_port(1) else {
        return;
    };
    let socket = xdp_socket();
    program.register_socket(0, socket.as_fd()).unwrap();
    for (frame, expected) in [
        (udp4(), Verdict::Taken),
        (udp6(), Verdict::Taken),
        (tagged(TAG_C, &udp4()), Verdict::Taken),
        (ipv4(&[], UDP, &udp(PORT + 1, b"")), Verdict::Passed),
        (arp(), Verdict::Passed),
        (udp4()[..40].to_vec(), Verdict::Malformed),
    ] {
        assert_eq!(verdict(&program, &frame), expected, "{frame:02x?}");
    }
    program.unregister_socket(0).unwrap();
    assert_eq!(verdict(&program, &udp4()), Verdict::NoSocket);
    program.unregister_socket(0).unwrap();
}

#[test]
fn a_closed_socket_is_given_nothing() {
    let Some(program) = taking_port(1) else {
        return;
    };
    let socket = xdp_socket();
    program.register_socket(0, socket.as_fd()).unwrap();
    assert_eq!(verdict(&program, &udp4()), Verdict::Taken);
    drop(socket);
    assert_eq!(verdict(&program, &udp4()), Verdict::NoSocket);
    let next = xdp_socket();
    program.register_socket(0, next.as_fd()).unwrap();
    assert_eq!(verdict(&program, &udp4()), Verdict::Taken);
}

#[test]
fn the_queue_chooses_the_socket() {
    in_namespace(|| {
        let b = interface(3);
        let program = taking_port(2).unwrap(); // one fewer than the interface has
        let attachment = program.attach(b, AttachMode::Native).unwrap();
        let socket = xdp_socket();
        program.register_socket(1, socket.as_fd()).unwrap();
        let verdicts = [0, 1, 2].map(|queue| verdict_on(&program, &udp4(), b, queue));
        assert_eq!(
            verdicts,
            [Verdict::NoSocket, Verdict::Taken, Verdict::NoSocket]
        );
        drop(attachment);
    });
}

#[test]
fn datagrams_without_a_socket_are_counted_by_queue() {
    in_namespace(|| {
        let b = interface(80);
        let program = taking_port(2).unwrap();
        // A test run finds only queues of an interface whose program is native.
        let attachment = program.attach(b, AttachMode::Native).unwrap();
        let socket = xdp_socket();
        program.register_socket(1, socket.as_fd()).unwrap();
        assert!(program.strays().unwrap().is_empty());
        let other = ipv4(&[], UDP, &udp(PORT + 1, b""));
        for queue in [0, 1, 1, 3, 3, 63, 64, 79] {
            verdict_on(&program, &udp4(), b, queue);
            verdict_on(&program, &other, b, queue);
        }
        let strays = program.strays().unwrap();
        assert_eq!(strays.by_queue, [(0, 1), (3, 2), (63, 1)]);
        assert_eq!((Strays::FIRST_UNCOUNTED, strays.beyond), (64, 2));
        assert_eq!(strays.total(), program.counters().unwrap().no_socket);
        drop(attachment);
    });
}

#[test]
fn where_all_frames_are_taken_those_without_a_socket_pass_and_are_counted() {
    let Some(program) = privilege::program() else {
        return;
    };
    program.take_all().unwrap();
    let socket = xdp_socket();
    program.register_socket(0, socket.as_fd()).unwrap();
    assert_eq!(verdict(&program, &arp()), Verdict::Taken);
    program.unregister_socket(0).unwrap();
    assert_eq!(verdict(&program, &arp()), Verdict::NoSocket);
    assert_eq!(program.strays().unwrap().by_queue, [(0, 1)]);
}

/// Errors are compared by what they say of themselves.
fn said(error: &Error) -> String {
    format!("{error:?}")
}

#[test]
fn registering_checks_queue_and_socket() {
    let Some(program) = taking_port(2) else {
        return;
    };
    let socket = xdp_socket();
    let refused = program.register_socket(2, socket.as_fd()).unwrap_err();
    let (queue, queues) = (2, 2);
    assert_eq!(
        said(&refused),
        said(&Error::QueueOutOfRange { queue, queues })
    );
    let refused = program.unregister_socket(u32::MAX).unwrap_err();
    let queue = u32::MAX;
    assert_eq!(
        said(&refused),
        said(&Error::QueueOutOfRange { queue, queues })
    );

    program.register_socket(1, socket.as_fd()).unwrap();
    let refused = program.register_socket(1, xdp_socket().as_fd());
    assert_eq!(
        said(&refused.unwrap_err()),
        said(&Error::QueueTaken { queue: 1 })
    );

    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let file = File::open("/dev/null").unwrap();
    for other in [udp.as_fd(), file.as_fd(), program.as_fd()] {
        let refused = program.register_socket(0, other).unwrap_err();
        assert_eq!(said(&refused), said(&Error::NotXdpSocket { queue: 0 }));
    }
}

#[test]
fn zero_queues_are_refused() {
    assert!(matches!(XdpProgram::load(0), Err(Error::NoQueues)));
}

#[test]
fn absurdly_many_queues_are_an_error_not_a_crash() {
    if !privilege::held() {
        return;
    }
    let refused = XdpProgram::load(u32::MAX).unwrap_err();
    assert!(matches!(refused, Error::Load { .. }), "{refused}");
}

/// The map by a descriptor, as from another loader: it is the one that the program reads.
#[test]
fn a_received_map_is_the_programs_own() {
    let Some(program) = taking_port(2) else {
        return;
    };
    let received = program.sockets().as_fd().try_clone_to_owned().unwrap();
    let map = SocketMap::from_fd(received).unwrap();
    assert_eq!(map.queues(), 2);
    let socket = xdp_socket();
    map.register(0, socket.as_fd()).unwrap();
    assert_eq!(verdict(&program, &udp4()), Verdict::Taken);
    let refused = map.register(0, xdp_socket().as_fd()).unwrap_err();
    assert_eq!(said(&refused), said(&Error::QueueTaken { queue: 0 }));
    let refused = map.register(2, socket.as_fd()).unwrap_err();
    let (queue, queues) = (2, 2);
    assert_eq!(
        said(&refused),
        said(&Error::QueueOutOfRange { queue, queues })
    );
    map.unregister(0).unwrap();
    map.unregister(0).unwrap();
    assert_eq!(verdict(&program, &udp4()), Verdict::NoSocket);
}

#[test]
fn what_is_no_map_of_sockets_is_refused() {
    let Some(program) = taking_port(1) else {
        return;
    };
    let file = File::open("/dev/null").unwrap();
    for other in [file.as_fd(), program.as_fd(), xdp_socket().as_fd()] {
        let refused = SocketMap::from_fd(other.try_clone_to_owned().unwrap()).unwrap_err();
        assert!(matches!(refused, Error::NotSocketMap { .. }), "{refused}");
    }
    let options = bpf_map_create_opts {
        sz: size_of::<bpf_map_create_opts>() as u64,
        ..Default::default()
    };
    let array = MapHandle::create(MapType::Array, Some("other"), 4, 4, 1, &options).unwrap();
    let array = array.as_fd().try_clone_to_owned().unwrap();
    let refused = SocketMap::from_fd(array).unwrap_err();
    assert!(refused.to_string().contains("of type Array"), "{refused}");
    let refused = SocketMap::open_pinned("/nowhere").unwrap_err();
    assert!(matches!(refused, Error::Pin { .. }), "{refused}");
    assert!(SocketMap::open_pinned("/no\0where").is_err());
}

/// In a BPF file system of the test's own, which ends with its mount namespace.
#[test]
fn a_pinned_map_is_opened_by_path() {
    in_namespace(|| {
        let Some(folder) = crate::namespace::bpf_file_system() else {
            return;
        };
        let program = taking_port(1).unwrap();
        let path = folder.join("sockets");
        program.sockets().pin(&path).unwrap();
        let map = SocketMap::open_pinned(&path).unwrap();
        let socket = xdp_socket();
        map.register(0, socket.as_fd()).unwrap();
        assert_eq!(verdict(&program, &udp4()), Verdict::Taken);
        let refused = program.sockets().pin(&path).unwrap_err();
        assert!(matches!(refused, Error::Pin { .. }), "{refused}");
    });
}
