//! Hosts with a router between them, behind which packets must be smaller.
//!
//! ```text
//!   client       MTU 1500 │ 1300   router   1500 │ 1500       server
//!  ┌───────────────┐ xsk0 │ xsk1 ┌────────┐ xsk2 │ xsk3 ┌───────────────┐
//!  │ 10.77.0.1     ├──────┴──────┤        ├──────┴──────┤     10.78.0.2 │
//!  └───────────────┘             └────────┘             └───────────────┘
//! ```

use std::fs;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd};

use rustix::process::Signal;
use xskit_testbed::{HostConfig, HostPair, HostPairConfig, Namespace};

use crate::process::{Running, ip};
use crate::resumption::hash;
use crate::scene::{LONG, Scene, may_run, mixed};
use crate::traces::{await_program, wait_until};

/// Some megabytes: many packets of any size.
const LEN: usize = 3_000_000;

/// Two hosts, and the router between them, which goes when it is dropped.
#[track_caller]
fn routed() -> Option<(Scene, Namespace)> {
    if !may_run() {
        return None;
    }
    let near = HostPair::new(HostPairConfig::default()).unwrap();
    let host = |number: u8| HostConfig {
        interface: format!("xsk{}", number + 1),
        ipv4: Ipv4Addr::new(10, 78, 0, number),
        ipv4_prefix_len: 24,
        ipv6: None,
    };
    let far = HostPair::new(HostPairConfig {
        first: host(1),
        second: host(2),
        ..HostPairConfig::default()
    });
    let (far, router) = (far.unwrap(), near.second.namespace);
    let fd = router.as_fd().as_raw_fd();
    let there = format!("/proc/{}/fd/{fd}", std::process::id());
    ip(
        &far.first.namespace,
        &format!("link set xsk2 netns {there}"),
    );
    ip(&router, "address add 10.78.0.1/24 dev xsk2");
    ip(&router, "link set xsk2 up");
    ip(&router, "link set xsk1 mtu 1300");
    let forward = || fs::write("/proc/sys/net/ipv4/ip_forward", "1");
    router.run(forward).unwrap().unwrap();
    let (client, server) = (near.first, far.second);
    ip(
        &client.namespace,
        "route add 10.78.0.0/24 via 10.77.0.2 dev xsk0",
    );
    ip(
        &server.namespace,
        "route add 10.77.0.0/24 via 10.78.0.1 dev xsk3",
    );
    let hosts = HostPair {
        first: client,
        second: server,
    };
    Some((Scene::on(hosts), router))
}

#[test]
fn a_file_gets_through_where_the_path_takes_less_than_either_interface() {
    let Some((scene, _router)) = routed() else {
        return;
    };
    assert_eq!(
        (
            scene.pair.first.link.mtu_bytes,
            scene.pair.second.link.mtu_bytes
        ),
        (1500, 1500)
    );
    let file = mixed(0, LEN);
    fs::write(scene.root().join("mixed"), &file).unwrap();
    let server = scene.start_server("");
    let report = scene.get("mixed", "").run().json();
    assert_eq!(report["bytes"], LEN, "{report:#}");
    assert!(fs::read(scene.out().join("mixed")).unwrap() == file);
    // Packets of 1,500 bytes would not have got here, and no fragments do.
    let least = LEN / 1_300;
    assert!(
        report["packets"].as_u64() > Some(least as u64),
        "{report:#}"
    );
    server.interrupt().json();
    scene.assert_left(&["mixed"]);
}

/// Ends a download that has gone on for long enough.
fn end(scene: &Scene, download: Running, server: Running) {
    download.interrupt().refused(&["interrupted"]);
    fs::remove_file(scene.out().join("long.part")).unwrap();
    server.interrupt().json();
    scene.assert_left(&[]);
}

#[test]
fn a_download_goes_on_when_the_gateways_of_both_ends_change_their_mac_addresses() {
    let Some((scene, router)) = routed() else {
        return;
    };
    let server = scene.start_server("");
    let mut download = scene.start_download("");
    for (number, interface) in ["xsk1", "xsk2"].into_iter().enumerate() {
        ip(
            &router,
            &format!("link set {interface} address 02:00:00:00:be:0{number}"),
        );
        scene.await_more(&mut download);
    }
    end(&scene, download, server);
}

#[test]
fn a_download_goes_on_when_both_ends_change_their_own_mac_addresses() {
    let Some((scene, router)) = routed() else {
        return;
    };
    let server = scene.start_server("");
    let mut download = scene.start_download("");
    for (host, beside, number) in [(scene.client(), "xsk1", 2), (scene.server(), "xsk2", 3)] {
        let interface = &host.link.name;
        ip(
            &host.namespace,
            &format!("link set {interface} address 02:00:00:00:be:0{number}"),
        );
        // The router would find out by itself, some seconds later.
        ip(&router, &format!("neigh flush dev {beside}"));
        scene.await_more(&mut download);
    }
    end(&scene, download, server);
}

/// A file that is large enough for something to happen in the middle of it.
fn large(scene: &Scene, name: &str) -> Vec<u8> {
    let mut bytes = vec![0; 64 << 20];
    for (number, at) in (0..bytes.len()).step_by(1 << 20).enumerate() {
        bytes[at] = number as u8;
    }
    fs::write(scene.root().join(name), &bytes).unwrap();
    bytes
}

#[test]
fn a_download_goes_on_from_another_address_when_its_own_is_lost() {
    let Some((scene, _router)) = routed() else {
        return;
    };
    let client = &scene.client().namespace;
    let file = large(&scene, "large");
    let server = scene.start_server("");
    let download = scene.get("large", &["--timeout", "30"]).start();
    wait_until("the download", || scene.fetched("large") > 1_000_000);
    // So that it is in the middle still when the address is gone.
    download.signal(Signal::STOP);
    ip(client, "address del 10.77.0.1/24 dev xsk0");
    ip(client, "address add 10.77.0.9/24 dev xsk0");
    ip(client, "route add 10.78.0.0/24 via 10.77.0.2 dev xsk0");
    let before = scene.fetched("large");
    assert!(before > 0 && before < file.len() as u64, "{before}");
    download.signal(Signal::CONT);
    let report = download.finish().json();
    assert_eq!(report["bytes"], file.len(), "{report:#}");
    assert_eq!(report["sha256"], hash(&file), "{report:#}");
    assert!(fs::read(scene.out().join("large")).unwrap() == file);
    server.interrupt().json();
    scene.assert_left(&["large"]);
}

#[test]
fn an_address_that_is_lost_for_good_is_why_nothing_comes() {
    let Some((scene, _router)) = routed() else {
        return;
    };
    let client = &scene.client().namespace;
    let server = scene.start_server("");
    let download = scene.start_download("--timeout 1");
    ip(client, "address del 10.77.0.1/24 dev xsk0");
    let lost = "xsk0 has lost the address 10.77.0.1";
    download
        .finish()
        .refused(&[lost, "no other that leads to 10.78.0.2"]);
    fs::remove_file(scene.out().join("long.part")).unwrap();
    server.interrupt().json();

    // Before the server has answered: at once, and not when the time is over.
    ip(client, "address add 10.77.0.1/24 dev xsk0");
    ip(client, "route add 10.78.0.0/24 via 10.77.0.2 dev xsk0");
    let mute = scene.start_mute();
    let download = scene.get(LONG.0, "--timeout 600").start();
    await_program(scene.client());
    ip(client, "address del 10.77.0.1/24 dev xsk0");
    download.finish().refused(&[lost]);
    drop(mute);
    scene.assert_left(&[]);
}
