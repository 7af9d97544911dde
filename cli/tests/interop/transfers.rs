//! Files of many sizes arrive byte for byte over one connection, each under keys of its own.

use xskit_testbed::privilege;

use crate::client::run;
use crate::scene::{Family, Scene};

/// Nothing, one byte, about one packet (of 1,200, and of what fits an MTU of 1,500), about one of
/// the server's chunks, and many.
const SIZES: [u64; 12] = [
    0, 1, 1_199, 1_200, 1_201, 1_452, 1_472, 131_071, 131_072, 131_073, 1_000_000, 20_000_000,
];

fn every_size(family: Family) {
    let mut scene = Scene::new(family);
    let files = SIZES.map(|len| scene.site.add(len));
    run(async {
        let connection = scene.client().connect().await.unwrap();
        for file in &files {
            connection.fetch(file).await;
            connection.update_keys();
        }
    });
    let summary = scene.server.interrupt();
    assert_eq!((summary.connections, summary.requests), (1, 12));
}

#[test]
fn files_of_every_size_over_ipv4() {
    if !privilege::require_net_admin("files_of_every_size_over_ipv4") {
        return;
    }
    every_size(Family::Ipv4);
}

#[test]
fn files_of_every_size_over_ipv6() {
    if !privilege::require_net_admin("files_of_every_size_over_ipv6") {
        return;
    }
    every_size(Family::Ipv6);
}

#[test]
fn a_file_of_500_megabytes() {
    if !privilege::require_net_admin("a_file_of_500_megabytes") {
        return;
    }
    let mut scene = Scene::new(Family::Ipv4);
    let file = scene.site.add(500_000_000);
    run(async { scene.client().connect().await.unwrap().fetch(&file).await });
    let summary = scene.server.interrupt();
    assert_eq!((summary.connections, summary.requests), (1, 1));
}
