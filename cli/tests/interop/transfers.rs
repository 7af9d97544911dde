//! Files of many sizes arrive byte for byte over one connection, each under keys of its own.

use xskit_testbed::cards;

use crate::client::run;
use crate::scene::{Family, Scene};
use crate::server::Transport;

/// Nothing, one byte, about one packet (of 1,200, and of what fits an MTU of 1,500), about one of
/// the server's chunks, and many.
const SIZES: [u64; 11] = [
    0, 1, 1_199, 1_200, 1_201, 1_452, 1_472, 131_071, 131_072, 131_073, 1_000_000,
];

fn every_size(transport: Transport, longest: u64) {
    for family in [Family::Ipv4, Family::Ipv6] {
        let Some(mut scene) = Scene::over(transport, family, 1) else {
            return;
        };
        let files: Vec<_> = SIZES
            .iter()
            .chain([&longest])
            .map(|&len| scene.site.add(len))
            .collect();
        run(async {
            let connection = scene.client().connect().await.unwrap();
            for file in &files {
                connection.fetch(file).await;
                // Once the current keys have been used both ways (RFC 9001, section 6).
                connection.quic.force_key_update();
            }
        });
        let is_udp = transport == Transport::Udp;
        assert_eq!(scene.has_xdp_program(), !is_udp);
        let summary = scene.server.interrupt();
        assert_eq!((summary.connections, summary.requests), (1, 12));
        assert_eq!(summary.mode == "kernel UDP", is_udp, "{}", summary.mode);
        if is_udp {
            // With segmentation offload.
            let (calls, packets) = (summary.syscalls, summary.packets);
            assert!(calls * 2 < packets, "{calls} calls for {packets} packets");
        }
    }
}

#[test]
fn files_of_every_size() {
    every_size(Transport::AfXdp, 20_000_000);
}

#[test]
fn files_of_every_size_over_kernel_udp() {
    let longest = if cards::are_named() {
        2_000_000
    } else {
        50_000_000
    };
    every_size(Transport::Udp, longest);
}

#[test]
fn a_file_of_500_megabytes() {
    let Some(mut scene) = Scene::new(Family::Ipv4) else {
        return;
    };
    let file = scene.site.add(500_000_000);
    run(async { scene.client().connect().await.unwrap().fetch(&file).await });
    let summary = scene.server.interrupt();
    assert_eq!((summary.connections, summary.requests), (1, 1));
}
