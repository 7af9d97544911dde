//! What the program passes on reaches the kernel's own stack while AF_XDP is under full load.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::thread;

use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with};
use xskit_testbed::Host;

use crate::bench::{bench, most_sent, report, start};
use crate::process::PATIENCE;
use crate::scene::{Scene, mixed};
use crate::traces::await_packets;

const LEN: usize = 200_000;
/// RFC 792.
const ECHO_REQUEST: u8 = 8;
const ECHO_REPLY: u8 = 0;

/// Sends a file's worth over the kernel's TCP, and checks what arrives.
fn transfer_by_tcp(from: &Host, to: &Host) {
    let listener = to.run(|| TcpListener::bind((to.ipv4, 0))).unwrap().unwrap();
    let target = listener.local_addr().unwrap();
    let receive = move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut received = Vec::new();
        stream.read_to_end(&mut received).unwrap();
        received
    };
    let connect = || TcpStream::connect_timeout(&target, PATIENCE);
    let stream = from.run(connect).unwrap();
    // Only now: without a connection, nothing would end the wait for one.
    let mut stream = stream.unwrap();
    let receiver = thread::spawn(receive);
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(&mixed(0, LEN)).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(receiver.join().unwrap() == mixed(0, LEN));
}

/// Has the kernel of the other host answer a ping. Some may be lost under a flood.
fn ping(from: &Host, to: &Host) {
    let socket = || {
        // Whoever may ping without a raw socket: any group.
        fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").unwrap();
        let (icmp, flags) = (Some(ipproto::ICMP), SocketFlags::CLOEXEC);
        socket_with(AddressFamily::INET, SocketType::DGRAM, flags, icmp)
    };
    let socket = UdpSocket::from(from.run(socket).unwrap().unwrap());
    socket.connect(SocketAddr::from((to.ipv4, 0))).unwrap();
    socket.set_read_timeout(Some(PATIENCE / 20)).unwrap();
    let mut reply = [0; 64];
    let is_answered = |sequence: u8| {
        // The kernel fills in identifier and checksum.
        socket
            .send(&[ECHO_REQUEST, 0, 0, 0, 0, 0, 0, sequence])
            .unwrap();
        let len = socket.recv(&mut reply);
        len.is_ok_and(|len| len >= 8 && reply[0] == ECHO_REPLY)
    };
    assert!((0..20).any(is_answered), "no ping of twenty was answered");
}

#[test]
fn pings_and_tcp_pass_beside_a_flood() {
    let Some(scene) = Scene::new() else { return };
    let receiver = start(scene.server(), "rx");
    // By copies: a flood by zero-copy leaves its own host's stack no room on a card's TX ring.
    let flood = bench(
        scene.client(),
        "tx --seconds=0 --to=10.77.0.2 --zero-copy refuse",
    )
    .start();
    await_packets(scene.server());
    ping(scene.client(), scene.server());
    transfer_by_tcp(scene.client(), scene.server());
    transfer_by_tcp(scene.server(), scene.client());
    // It has not ended meanwhile.
    await_packets(scene.server());
    let sent = report(&flood.interrupt());
    let received = report(&receiver.interrupt());
    assert!(received["packets"].as_u64().unwrap() <= most_sent(&sent));
    scene.assert_left(&[]);
}

#[test]
fn pings_and_tcp_pass_beside_a_transfer() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.start_server("");
    let download = scene.start_download("");
    ping(scene.client(), scene.server());
    transfer_by_tcp(scene.client(), scene.server());
    transfer_by_tcp(scene.server(), scene.client());
    download.interrupt().refused(&["interrupted"]);
    fs::remove_file(scene.out().join("long.part")).unwrap();
    server.interrupt().json();
    scene.assert_left(&[]);
}
