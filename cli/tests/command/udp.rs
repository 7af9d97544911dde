//! `xskit serve --transport udp`: the same server over a UDP socket of the kernel.

use std::fs;

use xskit_testbed::{Namespace, privilege};

use crate::access_log::assert_logged_and_moved;
use crate::confined::{NOBODY, assert_filtered, assert_is};
use crate::process::Xskit;
use crate::scene::{LONG, PORT, SHORT, Scene, megabytes, mixed};
use crate::signals::assert_read_again;
use crate::traces::has_program;

const UDP: &str = "--transport udp";

/// The options of a server that listens there.
fn listen(address: &str) -> String {
    format!("{UDP} --listen {address}")
}

#[test]
fn a_server_over_kernel_udp_serves_get_over_af_xdp() {
    let Some(scene) = Scene::new() else { return };
    let len = megabytes(64) as usize * 1_000_000;
    let file = mixed(0, len);
    fs::write(scene.root().join("file"), &file).unwrap();
    let own = scene.server().ipv4;
    for (address, ids) in [
        (format!("{own}:{PORT}"), "random"),
        (format!("0.0.0.0:{PORT}"), "quic-lb:0x0102030405060708"),
    ] {
        let options = format!("{} --cid-format {ids}", listen(&address));
        let server = scene.start_server(&options);
        assert_is(&server, NOBODY, 0);
        assert_filtered(&server, "2");
        assert!(!has_program(scene.server()));
        scene.assert_works();
        let report = scene.get("file", "").run().json();
        assert_eq!(report["bytes"], len, "{report:#}");
        assert!(fs::read(scene.out().join("file")).unwrap() == file);
        fs::remove_file(scene.out().join("file")).unwrap();
        let outcome = server.interrupt();
        let said = outcome.said();
        assert!(
            !said.contains("note") && !said.contains("WARN"),
            "{outcome:#?}"
        );
        let report = outcome.json();
        assert_eq!(report["mode"], "kernel UDP", "{report:#}");
        assert_eq!(report["requests"], 2, "{report:#}");
        let accepted = "quic_accepted_initial_packet_count 2";
        assert_eq!(report["metrics"][1], accepted, "{report:#}");
        let of_calls = ["receive", "send", "wait"].map(|kind| report["calls"][kind].as_u64());
        let sum: u64 = of_calls.iter().flatten().sum();
        assert_eq!(report["syscalls"], sum, "{report:#}");
        // Datagrams leave in batches, by GSO.
        let packets = report["packets"].as_u64().unwrap();
        assert!(packets > len as u64 / 1500, "{report:#}");
        assert!(sum * 2 < packets, "{report:#}");
        assert_eq!(
            report["drops"].get("not sent by the kernel"),
            None,
            "{report:#}"
        );
    }
    scene.assert_left(&[]);
}

#[test]
fn a_server_over_kernel_udp_reads_certificates_again() {
    if let Some(scene) = Scene::new() {
        assert_read_again(&scene, UDP);
    }
}

#[test]
fn a_server_over_kernel_udp_logs_responses() {
    if let Some(scene) = Scene::new() {
        assert_logged_and_moved(&scene, UDP);
    }
}

#[test]
fn a_server_over_kernel_udp_says_farewell() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.start_server(UDP);
    let download = scene.start_download("");
    server.interrupt().json();
    // Not by a timeout.
    download
        .finish()
        .refused(&["the server closed the connection"]);
    fs::remove_file(scene.out().join(format!("{}.part", LONG.0))).unwrap();
    // The port is free again, for the first that takes it.
    let server = scene.start_server(UDP);
    scene
        .serve(UDP)
        .refused(&["bind(2)", "4433", "another program has the port"]);
    scene
        .serve("")
        .refused(&["bind(2)", "4433", "another program has the port"]);
    scene.assert_works();
    server.interrupt().json();
    scene.assert_left(&[]);
}

#[test]
fn a_server_over_kernel_udp_listens_on_any_address_that_there_is() {
    let Some(scene) = Scene::new() else { return };
    scene
        .serve(&listen("192.0.2.1:4433"))
        .refused(&["192.0.2.1:4433", "no interface has this address"]);
    scene
        .serve(&listen("[fe80::2]:4433"))
        .refused(&["[fe80::2]:4433", "needs its zone"]);
    // Link-local, by its zone; and the other family's wildcard beside it, which is of that family
    // alone.
    let (ipv6, name) = (scene.server().ipv6.unwrap(), &scene.server().link.name);
    let local = format!("[fe80::2%{name}]:{PORT}");
    for (address, reached) in [
        (local.as_str(), "fe80::2"),
        ("[::]:4433", &ipv6.to_string()),
    ] {
        let beside = scene.start_server(&listen("0.0.0.0:4433"));
        let server = scene.start_server(&listen(address));
        let url = format!("https://[{reached}]:{PORT}/{}", SHORT.0);
        let report = scene.fetch(&url, "").json();
        assert_eq!(report["bytes"], SHORT.1, "{report:#}");
        scene.assert_works();
        for (server, requests) in [(beside, 1), (server, 1)] {
            assert_eq!(server.interrupt().json()["requests"], requests);
        }
    }
    scene.assert_left(&[]);
}

#[test]
fn a_server_over_kernel_udp_takes_no_capability() {
    let name = "a_server_over_kernel_udp_takes_no_capability";
    if !privilege::require_net_admin(name) {
        return;
    }
    // Loopback is down here: nothing is sent.
    let namespace = Namespace::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_str().unwrap();
    let words = format!("serve --json --listen 127.0.0.1:4433 --self-signed --root {root} {UDP}");
    let server = Xskit::new(&words)
        .through("setpriv --bounding-set=-all --inh-caps=-all")
        .within(&namespace)
        .start()
        .ready();
    let report = server.interrupt().json();
    assert_eq!(report["packets"], 0, "{report:#}");
}
