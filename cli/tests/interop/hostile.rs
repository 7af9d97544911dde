//! Garbage at the port disturbs nobody.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tokio::task::JoinSet;
use xskit_testbed::{HostPairConfig, privilege};

use crate::client::run;
use crate::scene::{Family, Scene, several_queues};
use crate::server::Transport;

/// At most so many packets are thrown.
const MOST: u64 = 20_000;
/// At least so many are, even if the transfers are through before.
const LEAST: u64 = 2_000;

/// xorshift64.
struct Dice(u64);

impl Dice {
    fn throw(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        std::iter::repeat_with(|| self.throw() as u8)
            .take(len)
            .collect()
    }
}

/// A QUIC long header (RFC 9000, section 17.2) up to its source connection id.
fn long_header(first: u8, version: u32, destination: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    packet.extend(version.to_be_bytes());
    packet.push(destination.len() as u8);
    packet.extend(destination);
    packet.push(0);
    packet
}

/// The packet number `number`: of each kind one after the other, each time with other bytes.
fn garbage(number: u64, dice: &mut Dice) -> Vec<u8> {
    let any_len = (dice.throw() % 1_473) as usize;
    let id = dice.bytes(8);
    let mut packet = match number % 12 {
        // No bytes, one, any.
        0 => return Vec::new(),
        1 => return dice.bytes(1),
        2 => dice.bytes(any_len),
        3 => vec![0; any_len],
        4 => vec![0xff; any_len],
        // A short header with an unknown connection id.
        5 => [&[0x40][..], &dice.bytes(any_len)].concat(),
        // A version that nobody knows, in a packet long enough for an answer and in a short one.
        6 => [long_header(0xc0, 0x1a2a_3a4a, &id), dice.bytes(1_200)].concat(),
        7 => return long_header(0xc0, 0x1a2a_3a4a, &id),
        // An Initial whose connection id says that it is 255 bytes long, and where it ends.
        8 => [&[0xc0, 0, 0, 0, 1, 0xff][..], &dice.bytes(1_194)].concat(),
        // Initials with a token of 2^62 - 1 bytes, a length past the end, a payload of garbage.
        9 => [long_header(0xc0, 1, &id), vec![0xff; 1_200]].concat(),
        10 => [
            long_header(0xc0, 1, &id),
            vec![0, 0x7f, 0xff],
            dice.bytes(1_200),
        ]
        .concat(),
        _ => [
            long_header(0xc3, 1, &id),
            vec![0, 0x44, 0xb0],
            dice.bytes(1_200),
        ]
        .concat(),
    };
    // Some of them, cut off anywhere.
    if dice.throw().is_multiple_of(4) {
        let len = dice.throw() as usize % (packet.len() + 1);
        packet.truncate(len);
    }
    packet
}

/// Throws garbage until told to stop, within the bounds; how many packets. The sockets take turns, so that
/// each of the server's queues gets some.
fn throw_garbage(sockets: &[UdpSocket], server: SocketAddr, stop: &AtomicBool) -> u64 {
    let mut dice = Dice(0x5851_F42D_4C95_7F2D);
    let mut thrown = 0;
    for socket in sockets.iter().cycle() {
        if thrown == MOST || (thrown >= LEAST && stop.load(Ordering::Relaxed)) {
            break;
        }
        // The kernel may be short of buffers for a moment, which is as good as a loss.
        let _ = socket.send_to(&garbage(thrown, &mut dice), server);
        thrown += 1;
        if thrown % 16 == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
    thrown
}

fn garbage_beside_transfers(transport: Transport, family: Family, hosts: HostPairConfig) {
    let mut scene = Scene::over(transport, family, hosts);
    let files = [1_200, 1_000_000, 10_000_000].map(|len| scene.site.add(len));
    let any = match family {
        Family::Ipv4 => "0.0.0.0:0",
        Family::Ipv6 => "[::]:0",
    };
    let throwers = [(); 16].map(|()| {
        let socket = scene.pair.second.run(|| UdpSocket::bind(any));
        socket.unwrap().unwrap()
    });
    let stop = AtomicBool::new(false);
    thread::scope(|threads| {
        let throwing = threads.spawn(|| throw_garbage(&throwers, scene.address, &stop));
        run(async {
            let mut fetching = JoinSet::new();
            for _ in 0..3 {
                let (client, files) = (scene.client(), files.clone());
                fetching.spawn(async move {
                    for file in &files {
                        // A new connection each, so that handshakes meet garbage, too.
                        client.connect().await.unwrap().fetch(file).await;
                    }
                });
            }
            fetching.join_all().await;
        });
        stop.store(true, Ordering::Relaxed);
        assert!(throwing.join().unwrap() >= LEAST);
    });
    assert!(scene.server.is_running());
    run(async {
        scene
            .client()
            .connect()
            .await
            .unwrap()
            .fetch(&files[1])
            .await
    });
    // Nothing but garbage was dropped in such numbers: it did get there.
    assert!(scene.server.interrupt().dropped > LEAST / 2);
}

#[test]
fn garbage_at_the_port_disturbs_no_transfer_over_ipv4() {
    if !privilege::require_net_admin("garbage_at_the_port_disturbs_no_transfer_over_ipv4") {
        return;
    }
    garbage_beside_transfers(Transport::AfXdp, Family::Ipv4, HostPairConfig::default());
}

#[test]
fn garbage_at_the_port_disturbs_no_transfer_over_several_queues() {
    if !privilege::require_net_admin("garbage_at_the_port_disturbs_no_transfer_over_several_queues")
    {
        return;
    }
    garbage_beside_transfers(Transport::AfXdp, Family::Ipv6, several_queues());
}

#[test]
fn garbage_at_the_port_disturbs_no_transfer_over_kernel_udp() {
    if !privilege::require_net_admin("garbage_at_the_port_disturbs_no_transfer_over_kernel_udp") {
        return;
    }
    garbage_beside_transfers(Transport::Udp, Family::Ipv4, HostPairConfig::default());
}
