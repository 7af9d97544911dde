//! SIGINT ends everything cleanly, and SIGKILL leaves nothing that is in anybody's way.

use std::fs;

use crate::bench::{bench, report, start};
use crate::downloads::assert_partial;
use crate::scene::Scene;
use crate::traces::{await_packets, has_program};

#[test]
fn a_killed_client_is_in_nobodys_way() {
    let Some(scene) = Scene::new("a_killed_client_is_in_nobodys_way") else {
        return;
    };
    let mut server = scene.start_server(&[]);
    let download = scene.start_download(&[]);
    assert!(has_program(scene.client()));
    download.kill();
    assert!(!has_program(scene.client()));
    // At once.
    scene.assert_works();
    assert!(server.is_running());
    let report = server.interrupt().json();
    assert_eq!(report["requests"], 2, "{report:#}");
    fs::remove_file(scene.out().join("long.part")).unwrap();
    scene.assert_left(&[]);
}

#[test]
fn a_killed_server_is_in_nobodys_way() {
    let Some(scene) = Scene::new("a_killed_server_is_in_nobodys_way") else {
        return;
    };
    let server = scene.start_server(&[]);
    let download = scene.start_download(&[]);
    assert!(has_program(scene.server()));
    server.kill();
    assert!(!has_program(scene.server()));
    // At once, with the client of the first server still there.
    let server = scene.start_server(&[]);
    assert_partial(&scene, &download.finish());
    scene.assert_works();
    server.interrupt().json();
    scene.assert_left(&[]);
}

#[test]
fn an_interrupted_client_keeps_what_it_has() {
    let Some(scene) = Scene::new("an_interrupted_client_keeps_what_it_has") else {
        return;
    };
    let server = scene.start_server(&[]);
    let outcome = scene.start_download(&[]).interrupt();
    outcome.refused(&["interrupted"]);
    assert_eq!(outcome.stdout, "");
    assert!(!has_program(scene.client()));
    let report = server.interrupt().json();
    assert_eq!(report["connections"], 1, "{report:#}");
    assert_partial(&scene, &outcome);
    scene.assert_left(&[]);
}

#[test]
fn an_interrupted_server_tells_its_clients_and_sums_up() {
    let Some(scene) = Scene::new("an_interrupted_server_tells_its_clients_and_sums_up") else {
        return;
    };
    let server = scene.start_server(&[]);
    let download = scene.start_download(&[]);
    let report = server.interrupt().json();
    assert_eq!(report["requests"], 1, "{report:#}");
    assert!(report["packets"].as_u64() > Some(800), "{report:#}");
    let outcome = download.finish();
    outcome.refused(&["the server closed the connection", "shutting down"]);
    assert_partial(&scene, &outcome);
    scene.assert_left(&[]);
}

#[test]
fn queues_of_killed_benchmarks_are_free_under_a_flood() {
    let Some(scene) = Scene::new("queues_of_killed_benchmarks_are_free_under_a_flood") else {
        return;
    };
    let flood = || {
        bench(
            scene.client(),
            &["tx", "--seconds", "0", "--to", "10.77.0.2"],
        )
        .start()
    };
    let receiver = start(scene.server(), "rx");
    let sender = flood();
    await_packets(scene.server());
    receiver.kill();
    assert!(!has_program(scene.server()));
    // At once, while the flood goes on.
    let receiver = start(scene.server(), "rx");
    await_packets(scene.server());
    sender.kill();
    assert!(!has_program(scene.client()));
    let sender = flood();
    await_packets(scene.server());
    report(&sender.interrupt());
    let received = report(&receiver.interrupt());
    assert!(received["packets"].as_u64() > Some(1_000), "{received:#}");
    scene.assert_left(&[]);
}
