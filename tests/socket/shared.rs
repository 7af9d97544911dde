//! Sockets that share their frames, and go from thread to thread together.

use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

use xskit::af_xdp::Errno;
use xskit::af_xdp::backend::Interest;
use xskit::af_xdp::socket::Step;
use xskit::backend_uring::UringConfig;
use xskit::bpf::SocketMap;
use xskit::{Driving, OpenError, Socket, Sockets};
use xskit_testbed::{Host, HostPair};

use super::{
    client, descriptor, duplicate_of_the_map, ping, program, take, turn_round, ways,
    without_capabilities,
};

/// Sends this many packets back, each by the socket that did not receive it. Both must receive
/// some.
fn echo_crosswise(sockets: &mut Sockets, packets: u32) -> Result<(), Errno> {
    let mut received = [0; 2];
    while received.iter().sum::<u32>() < packets {
        sockets.wait(Interest::RECEIVE, Some(Duration::from_secs(1)))?;
        sockets.with(|sockets| {
            for way in [[0, 1], [1, 0]] {
                let [from, to] = sockets.get_disjoint_mut(way).expect("two sockets");
                for mut packet in from.receive(packets) {
                    turn_round(&mut packet);
                    to.send(packet).expect("room");
                    received[way[0]] += 1;
                }
            }
            for socket in sockets {
                socket.flush()?;
                socket.recycle();
            }
            Ok(())
        })?;
    }
    assert!(received.iter().all(|count| *count > 0), "{received:?}");
    Ok(())
}

/// A flow each, on a queue that the kernel chooses: all on one queue once in 2^31 runs.
fn clients(from: &Host, to: &Host) -> [UdpSocket; 32] {
    [(); 32].map(|()| client(from, to))
}

#[test]
fn sockets_that_share_frames_go_from_thread_to_thread() {
    let Some(pair) = HostPair::for_test("sockets_that_share_frames_go_from_thread_to_thread", 2)
    else {
        return;
    };
    let far = &pair.second;
    let clients = clients(&pair.first, far);
    for way in ways() {
        let name = far.link.name.as_str();
        let first = Socket::builder(name).frames(64).driving(way);
        let open = |queue| {
            let second = Socket::builder(name).queue(queue);
            let open = || Sockets::open(&[first.clone(), second]);
            far.run(open).expect("in the host")
        };
        let taken = open(0).expect_err("the queue is taken");
        let is_refused = matches!(&taken, OpenError::Socket(error)
            if (error.step, error.errno) == (Step::BindShared, Errno::EINVAL));
        assert!(is_refused, "{way:?}: {taken:?}");
        let mut sockets = open(1).expect("two sockets");
        let _attached = take(far, &sockets.fds());
        thread::scope(|scope| {
            let echo = || echo_crosswise(&mut sockets, 32);
            let echo = scope.spawn(echo);
            clients.iter().for_each(|client| ping(client, 0..1));
            echo.join().expect("no panic").expect("packets");
        });
        let (before, after) = sockets.with(|sockets| {
            let before = sockets[0].accounting();
            drop(sockets.remove(0));
            (before, sockets[0].accounting())
        });
        // The frames that the kernel had by the first are out of use; it keeps those of the second.
        assert!(before.elsewhere >= 16, "{before:?}");
        let ours = before.stash + before.application;
        assert_eq!(after.retired, 64 - ours - before.elsewhere, "{before:?}");
        assert_eq!(
            (after.stash + after.application, after.elsewhere),
            (ours, 0)
        );
        thread::spawn(move || drop(sockets)).join().expect("closed");
    }
    let none = Sockets::open(&[]).expect_err("no builder");
    assert_eq!(none, OpenError::NoSocket);
}

#[test]
fn received_sockets_share_frames() {
    let Some(pair) = HostPair::for_test("received_sockets_share_frames", 2) else {
        return;
    };
    let far = &pair.second;
    let clients = clients(&pair.first, far);
    let uring = Driving::Uring(UringConfig::default());
    for way in [Driving::default(), uring] {
        let (program, _attachment) = program(far, 2);
        let map = duplicate_of_the_map(&program);
        let builder = |queue| Socket::builder(far.link.index).queue(queue);
        let first = builder(0).frames(64).driving(way);
        let builders = vec![(first, descriptor(far)), (builder(1), descriptor(far))];
        let mut sockets = without_capabilities(|| {
            let sockets = Sockets::open_from(builders);
            let sockets = sockets.unwrap_or_else(|error| panic!("{way:?}: {error}"));
            let map = SocketMap::from_fd(map).expect("the map");
            for (queue, socket) in (0..).zip(sockets.fds()) {
                map.register(queue, socket).expect("registered");
            }
            sockets
        });
        thread::scope(|scope| {
            let echo = || without_capabilities(|| echo_crosswise(&mut sockets, 32));
            let echo = scope.spawn(echo);
            clients.iter().for_each(|client| ping(client, 0..1));
            echo.join().expect("no panic").expect("packets");
        });
    }
}
