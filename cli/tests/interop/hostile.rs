//! Garbage at the port disturbs no client.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;

use crate::client::{open_socket, run};
use crate::scene::{Family, Scene, several_queues};
use crate::server::Transport;

/// The most packets that are thrown.
const MOST: u64 = 20_000;
/// The fewest, even if the transfers end before.
const LEAST: u64 = 2_000;

fn random_bytes(rng: &mut Rng, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    rng.fill(&mut bytes);
    bytes
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
fn garbage(number: u64, rng: &mut Rng) -> Vec<u8> {
    let any_len = rng.usize(..1_473);
    let (id, noise) = (random_bytes(rng, 8), random_bytes(rng, 1_200));
    let mut packet = match number % 12 {
        // No bytes, one, any.
        0 => return Vec::new(),
        1 => return random_bytes(rng, 1),
        2 => random_bytes(rng, any_len),
        3 => vec![0; any_len],
        4 => vec![0xff; any_len],
        // A short header with an unknown connection id.
        5 => [&[0x40][..], &random_bytes(rng, any_len)].concat(),
        // An unknown version, in a packet long enough for an answer and in a short one.
        6 => [long_header(0xc0, 0x1a2a_3a4a, &id), noise].concat(),
        7 => return long_header(0xc0, 0x1a2a_3a4a, &id),
        // An Initial whose connection id says that it is 255 bytes long, and where it ends.
        8 => [&[0xc0, 0, 0, 0, 1, 0xff][..], &noise[..1_194]].concat(),
        // Initials with a token of 2^62 - 1 bytes, a length past the end, a payload of garbage.
        9 => [long_header(0xc0, 1, &id), vec![0xff; 1_200]].concat(),
        10 => [long_header(0xc0, 1, &id), vec![0, 0x7f, 0xff], noise].concat(),
        _ => [long_header(0xc3, 1, &id), vec![0, 0x44, 0xb0], noise].concat(),
    };
    // Some of them, cut off anywhere.
    if rng.u8(..4) == 0 {
        packet.truncate(rng.usize(..=packet.len()));
    }
    packet
}

/// Throws garbage until told to stop, within the bounds; how many packets. The sockets take turns,
/// so that each of the server's queues gets some.
fn throw_garbage(sockets: &[UdpSocket], server: SocketAddr, stop: &AtomicBool) -> u64 {
    let mut rng = Rng::with_seed(0x5851_F42D_4C95_7F2D);
    let mut thrown = 0;
    for socket in sockets.iter().cycle() {
        if thrown == MOST || (thrown >= LEAST && stop.load(Ordering::Relaxed)) {
            break;
        }
        // The kernel may be short of buffers for a moment, which is as good as a loss.
        let _ = socket.send_to(&garbage(thrown, &mut rng), server);
        thrown += 1;
        if thrown % 16 == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
    thrown
}

fn garbage_beside_transfers(transport: Transport, family: Family, queues: u32) {
    let Some(mut scene) = Scene::over(transport, family, queues) else {
        return;
    };
    let files = [1_200, 1_000_000, 10_000_000].map(|len| scene.site.add(len));
    let throwers = [(); 16].map(|()| open_socket(&scene.pair.second, scene.address));
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
    let dropped: u64 = scene.server.interrupt().drops.values().sum();
    assert!(dropped > LEAST / 2, "{dropped}");
}

#[test]
fn garbage_at_the_port_disturbs_no_transfer_over_ipv4() {
    garbage_beside_transfers(Transport::AfXdp, Family::Ipv4, 1);
}

#[test]
fn garbage_at_the_port_disturbs_no_transfer_over_several_queues() {
    garbage_beside_transfers(Transport::AfXdp, Family::Ipv6, several_queues());
}

#[test]
fn garbage_at_the_port_disturbs_no_transfer_over_kernel_udp() {
    garbage_beside_transfers(Transport::Udp, Family::Ipv4, 1);
}
