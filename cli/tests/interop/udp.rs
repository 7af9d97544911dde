//! `xskit serve --transport udp`: the kernel's UDP at both ends, with segmentation offload.

use http::Method;
use xskit_testbed::{HostPairConfig, cards, privilege};

use crate::client::run;
use crate::scene::{Family, Scene};
use crate::server::Transport;
use crate::stopping::assert_finishes_first;

#[test]
fn files_of_many_sizes_arrive_and_a_call_moves_many_datagrams() {
    if !privilege::require_net_admin("files_of_many_sizes_arrive_and_a_call_moves_many_datagrams") {
        return;
    }
    for family in [Family::Ipv4, Family::Ipv6] {
        let mut scene = Scene::over(Transport::Udp, family, HostPairConfig::default());
        let long = if cards::are_named() {
            2_000_000
        } else {
            50_000_000
        };
        let files = [0, 1, 1_199, 1_472, 131_073, long].map(|len| scene.site.add(len));
        run(async {
            let connection = scene.client().connect().await.unwrap();
            for file in &files {
                connection.fetch(file).await;
            }
        });
        assert!(!scene.has_xdp_program());
        let summary = scene.server.interrupt();
        assert_eq!((summary.connections, summary.requests), (1, 6));
        assert_eq!(summary.mode, "kernel UDP");
        let (calls, packets) = (summary.syscalls, summary.packets);
        assert!(calls * 2 < packets, "{calls} calls for {packets} packets");
    }
}

#[test]
fn many_clients_at_once() {
    if !privilege::require_net_admin("many_clients_at_once") {
        return;
    }
    let mut scene = Scene::over(Transport::Udp, Family::Ipv4, HostPairConfig::default());
    let file = scene.site.add(300_000);
    let clients = if cards::are_named() { 4 } else { 30 };
    run(async {
        let fetches: Vec<_> = (0..clients)
            .map(|_| {
                let (client, file) = (scene.client(), file.clone());
                tokio::spawn(async move {
                    client.connect().await.unwrap().fetch(&file).await;
                })
            })
            .collect();
        for fetch in fetches {
            fetch.await.unwrap();
        }
    });
    let summary = scene.server.interrupt();
    assert_eq!((summary.connections, summary.requests), (clients, clients));
}

#[test]
fn what_is_under_way_over_kernel_udp_is_finished_first() {
    if privilege::require_net_admin("what_is_under_way_over_kernel_udp_is_finished_first") {
        let hosts = HostPairConfig::default();
        assert_finishes_first(Scene::over(Transport::Udp, Family::Ipv4, hosts));
    }
}

#[test]
fn who_comes_back_is_answered_early() {
    if !privilege::require_net_admin("who_comes_back_is_answered_early") {
        return;
    }
    let mut scene = Scene::over(Transport::Udp, Family::Ipv4, HostPairConfig::default());
    let file = scene.site.add(100_000);
    run(async {
        let client = scene.client();
        client.connect().await.unwrap().fetch(&file).await;
        for method in [Method::GET, Method::POST] {
            let (connection, accepted) = client.connect_early().await.expect("a ticket");
            let path = format!("/{}", file.name);
            // The request may be late, and then the handshake is done.
            let expected: &[u16] = match method {
                Method::GET => &[200],
                _ => &[425, 405],
            };
            let reply = connection.send(method, &path, None).await.unwrap();
            assert!(
                expected.contains(&reply.status.as_u16()),
                "{}",
                reply.status
            );
            assert!(accepted.await);
            connection.fetch(&file).await;
        }
    });
    let summary = scene.server.interrupt();
    assert_eq!((summary.connections, summary.requests), (3, 5));
    assert_eq!(summary.early, 2);
}
