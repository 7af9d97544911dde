//! Many at once: connections, ports, streams.

use std::net::UdpSocket;

use tokio::task::JoinSet;
use xskit_testbed::cards;

use crate::client::run;
use crate::http3::Connection;
use crate::scene::{Family, Scene, several_queues};
use crate::server::Transport;
use crate::site::Content;

/// Fewer than connections, so that some differ only by connection id, others also by port.
const PORTS: usize = 10;

#[test]
fn many_connections_at_once() {
    // The kernel's UDP on an emulated card is slow.
    let over_udp = if cards::are_named() { 4 } else { 50 };
    for (transport, family, count) in [
        (Transport::AfXdp, Family::Ipv4, 50),
        (Transport::AfXdp, Family::Ipv6, 50),
        (Transport::Udp, Family::Ipv4, over_udp),
    ] {
        let Some(mut scene) = Scene::over(transport, family, 1) else {
            return;
        };
        let files = [0, 1, 1_200, 100_000, 1_000_000].map(|len| scene.site.add(len));
        run(async {
            let clients: Vec<_> = (0..PORTS).map(|_| scene.client()).collect();
            let mut opening = JoinSet::new();
            for number in 0..count {
                let client = clients[number % PORTS].clone();
                opening.spawn(async move { client.connect().await.unwrap() });
            }
            // All are connected before the first sends a request.
            let connections = opening.join_all().await;
            let mut fetching = JoinSet::new();
            for (number, connection) in connections.into_iter().enumerate() {
                let mut files = files.clone();
                let shift = number % files.len();
                files.rotate_left(shift);
                fetching.spawn(async move {
                    for file in &files {
                        connection.fetch(file).await;
                    }
                });
            }
            fetching.join_all().await;
        });
        let summary = scene.server.interrupt();
        assert_eq!(
            summary.connections, count as u64,
            "{transport:?} {family:?}"
        );
        assert_eq!(summary.requests, (count * files.len()) as u64);
    }
}

/// The kernel picks a socket's queue by the hash of its addresses and ports, and a veth delivers to
/// the queue of the same number; a card hashes the addresses alone. So clients are spread over the
/// workers, and many of those that move arrive at another.
#[test]
fn two_hundred_clients_that_move_are_served_by_several_queues() {
    const CLIENTS: usize = 200;
    let scene = Scene::over(Transport::AfXdp, Family::Ipv4, several_queues());
    let Some(mut scene) = scene else { return };
    let addresses = scene.more_addresses();
    let (small, large) = (scene.site.add(1_200), scene.site.add(100_000));
    run(async {
        let mut fetching = JoinSet::new();
        for address in addresses.into_iter().cycle().take(CLIENTS) {
            let client = scene.client();
            let elsewhere = scene.pair.second.run(|| UdpSocket::bind((address, 0)));
            let elsewhere = elsewhere.unwrap().unwrap();
            let (small, large) = (small.clone(), large.clone());
            fetching.spawn(async move {
                let connection = client.connect().await.unwrap();
                connection.fetch(&small).await;
                client.move_on(elsewhere);
                connection.fetch(&large).await;
            });
        }
        fetching.join_all().await;
    });
    let summary = scene.server.interrupt();
    assert_eq!(summary.connections, CLIENTS as u64);
    assert_eq!(summary.requests, 2 * CLIENTS as u64);
    assert!(summary.handed_over > 0);
}

/// Requests this many files at once. Takes every other one if `is_taken`, or none; of the rest it
/// takes only the header.
async fn ask_at_once(connection: &Connection, file: &Content, requests: usize, is_taken: bool) {
    let mut asking = JoinSet::new();
    for number in 0..requests {
        let (connection, file) = (connection.clone(), file.clone());
        asking.spawn(async move {
            if is_taken && number % 2 == 0 {
                connection.fetch(&file).await;
            } else {
                // Dropping what is left of the answer stops its stream.
                connection.get(&file.path()).await;
            }
        });
    }
    asking.join_all().await;
}

#[test]
fn requests_given_up_among_many_do_no_harm() {
    let Some(mut scene) = Scene::new(Family::Ipv4) else {
        return;
    };
    let file = scene.site.add(100_000);
    run(async {
        let connection = scene.client().connect().await.unwrap();
        for _ in 0..8 {
            ask_at_once(&connection, &file, 300, true).await;
        }
        connection.fetch(&file).await;
        // One that gives up everything, as a browser does when a page full of pictures is closed.
        let hasty = scene.client().connect().await.unwrap();
        ask_at_once(&hasty, &file, 900, false).await;
        hasty.fetch(&file).await;
    });
    let summary = scene.server.interrupt();
    assert_eq!((summary.connections, summary.requests), (2, 2401 + 901));
}
