//! SIGINT ends everything cleanly, and SIGKILL leaves nothing that is in anybody's way.

use std::fs;

use rustix::process::Signal;
use xskit::quic::cert::{Authority, Validity};

use crate::bench::{bench, report, start};
use crate::downloads::assert_partial;
use crate::scene::{LONG, SHORT, Scene};
use crate::traces::{await_packets, has_program, wait_until};

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
fn certificates_are_read_again_on_sighup() {
    let Some(scene) = Scene::new("certificates_are_read_again_on_sighup") else {
        return;
    };
    let path = |name: &str| scene.dir().join(name).to_str().unwrap().to_owned();
    let (certificate, key) = (path("cert.pem"), path("key.pem"));
    // Writes a certificate of a new authority, whose own is the file returned.
    let renew = |name: &str| {
        let authority = Authority::new().unwrap();
        let names = [scene.server().ipv4.to_string()];
        let pem = authority.issue(&names, Validity::days(1)).unwrap();
        fs::write(&certificate, pem.certificate.as_bytes()).unwrap();
        fs::write(&key, pem.key.as_bytes()).unwrap();
        fs::write(path(name), authority.pem()).unwrap();
        path(name)
    };
    let believes = |ca: &str| scene.get(SHORT.0, &["--ca", ca]).run().status.success();
    let first = renew("first.pem");
    // The scene's directory is closed to everybody else.
    let words = ["--cert", &certificate, "--key", &key, "--user", "root"];
    let server = scene.start_server(&words);
    assert!(believes(&first));
    let second = renew("second.pem");
    server.signal(Signal::HUP);
    wait_until("the new certificate", || believes(&second));
    assert!(!believes(&first));
    fs::write(&key, "no key").unwrap();
    server.signal(Signal::HUP);
    assert!(believes(&second));
    let outcome = server.interrupt();
    outcome.json();
    assert!(
        outcome.stderr.contains("the certificate stays as it was"),
        "{outcome:#?}"
    );
    fs::remove_file(scene.out().join(SHORT.0)).unwrap();
    scene.assert_left(&[]);
}

#[test]
fn an_interrupted_client_keeps_what_it_has() {
    let Some(scene) = Scene::new("an_interrupted_client_keeps_what_it_has") else {
        return;
    };
    let server = scene.start_server(&[]);
    let download = scene.start_download(&[]);
    let second = scene.get(LONG.0, &["-C"]).run();
    second.refused(&["another download is writing", "long.part", "wait for it"]);
    let outcome = download.interrupt();
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
