//! Garbage at the port disturbs no client.

use std::iter;
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

/// How packets of garbage begin. Dashes are another connection id each time.
const BEGINNINGS: [&[u8]; 7] = [
    b"",
    // A short header (RFC 9000, section 17.3) with an unknown connection id.
    b"\x40",
    // An unknown version.
    b"\xc0\x1a\x2a\x3a\x4a\x08--------\0",
    // An Initial whose connection id says that it is 255 bytes long.
    b"\xc0\0\0\0\x01\xff",
    // Initials with a token of 2^62 - 1 bytes, a length past the end, a payload of garbage.
    b"\xc0\0\0\0\x01\x08--------\0\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xc0\0\0\0\x01\x08--------\0\0\x7f\xff",
    b"\xc3\0\0\0\x01\x08--------\0\0\x44\xb0",
];

/// A packet of each kind one after the other, with random bytes: none, one, any number, or enough
/// for an answer.
fn garbage(number: u64, rng: &mut Rng) -> Vec<u8> {
    let mut packet = BEGINNINGS[number as usize % BEGINNINGS.len()].to_vec();
    if packet.len() > 14 {
        rng.fill(&mut packet[6..14]);
    }
    let more = [0, 1, rng.usize(..1_450), 1_200][rng.usize(..4)];
    packet.extend(iter::repeat_with(|| rng.u8(..)).take(more));
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
