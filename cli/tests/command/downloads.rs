//! Downloads that fail at the start or in the middle.

use std::fs;

use rcgen::{CertificateParams, KeyPair, SanType};
use xskit_testbed::cards;

use crate::disk::Disk;
use crate::process::Outcome;
use crate::scene::{LONG, PORT, SHORT, Scene};
use crate::traces::{await_program, names_in};

/// Checks that a download that broke off says under which name its beginning is kept, and how much
/// that is.
#[track_caller]
pub(crate) fn assert_partial(scene: &Scene, outcome: &Outcome) {
    let partial = scene.out().join(format!("{}.part", LONG.0));
    let len = fs::metadata(&partial).unwrap().len();
    assert!(len > 0 && len < LONG.1, "{len}");
    let kept = format!(
        "the first {len} bytes are kept in {}; -C continues from there",
        partial.display()
    );
    outcome.refused(&[&kept]);
    fs::remove_file(&partial).unwrap();
}

#[test]
fn nobody_there_is_found_out_in_bounded_time() {
    let Some(scene) = Scene::new() else { return };
    let mute = scene.start_mute();
    let outcome = scene.get(SHORT.0, "--timeout 0.5").run();
    drop(mute);
    outcome.refused(&[
        "10.77.0.2",
        "no answer from the server within",
        "is it running",
        "firewall",
    ]);
    scene
        .fetch("https://10.77.0.99/", "")
        .refused(&["no answer to ARP from 10.77.0.99 on xsk0"]);
    scene.assert_left(&[]);
}

/// Ends long before the time limit: the test would not wait for it.
#[test]
fn a_closed_port_is_told_by_icmp() {
    let Some(scene) = Scene::new() else { return };
    let ipv6 = scene.server().ipv6.unwrap();
    for host in [scene.server().ipv4.to_string(), format!("[{ipv6}]")] {
        let url = format!("https://{host}:{PORT}/x");
        let outcome = scene.fetch(&url, "--timeout 600");
        outcome.refused(&[&host, "nothing listens", "4433", "is the server running"]);
    }
    scene.assert_left(&[]);
}

#[test]
fn a_names_further_addresses_are_tried() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.start_server("");
    let ipv6 = scene.server().ipv6.unwrap().to_string();
    // One with a closed port, one without a route, one that no host has. Packets to the first have
    // another source than those to the server.
    let bad = [ipv6.as_str(), "192.0.2.1", "10.77.0.99"];
    let fetch = |addresses: &[&str]| {
        let url = format!("https://many.test:{PORT}/{}", SHORT.0);
        let resolve: Vec<_> = addresses
            .iter()
            .map(|address| format!("--resolve=many.test:{PORT}:{address}"))
            .collect();
        scene.fetch(&url, &format!("--timeout 6 {}", resolve.join(" ")))
    };
    let good = scene.server().ipv4.to_string();
    let report = fetch(&[&bad[..], &[&good]].concat()).json();
    assert_eq!(report["bytes"], SHORT.1, "{report:#}");
    fetch(&bad).refused(&[
        "none of the 3 addresses of many.test answers",
        &format!("{ipv6}: nothing listens"),
        "no route to 192.0.2.1",
        "no answer to ARP from 10.77.0.99",
    ]);
    server.interrupt().json();
    scene.assert_left(&[]);
}

#[test]
fn answers_other_than_the_file_leave_no_file() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.start_server("");
    scene
        .get("nonesuch", "")
        .run()
        .refused(&["404 Not Found", "/nonesuch"]);
    scene
        .get("", &["-o", "x"])
        .run()
        .refused(&["'--output <FILE>' cannot be used"]);
    let checked = scene.get_checked(&scene.out().join("x"), &scene.url(SHORT.0), "");
    checked.refused(&["certificate of 10.77.0.2", "refused", "--ca", "--insecure"]);
    scene.assert_works();
    let report = server.interrupt().json();
    let counted = (&report["connections"], &report["requests"]);
    assert_eq!(counted, (&2.into(), &2.into()), "{report:#}");
    scene.assert_left(&[]);
}

#[test]
fn what_a_server_or_a_name_says_moves_no_terminal() {
    let Some(scene) = Scene::new() else { return };
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([]).unwrap();
    let name = "\x1b]0;title\x07\nxskit: done".try_into().unwrap();
    params.subject_alt_names = vec![SanType::DnsName(name)];
    let certificate = params.self_signed(&key).unwrap().pem();
    let file = |name: &str, text: &str| {
        let path = scene.dir().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (certificate, key) = (
        file("cert.pem", &certificate),
        file("key.pem", &key.serialize_pem()),
    );
    let server = scene.start_server(&["--cert", &certificate, "--key", &key]);
    let outcome = scene.get(SHORT.0, &["--ca", &certificate]).run();
    outcome.refused(&[r"\u{1b}]0;title\u{7}\u{a}xskit: done"]);
    assert!(!outcome.stderr.contains(['\x1b', '\x07']), "{outcome:#?}");
    let output = scene.out().join("\x1b[2J/x");
    let outcome = scene.get_into(&output, SHORT.0, "").run();
    outcome.refused(&[r"\u{1b}[2J/x.part", "No such file"]);
    assert!(!outcome.stderr.contains('\x1b'), "{outcome:#?}");
    server.interrupt().json();
    scene.assert_left(&[]);
}

#[test]
fn a_log_in_a_file_has_no_colours() {
    let Some(scene) = Scene::new() else { return };
    let serve = scene.serve("").env("XSKIT_LOG", "debug");
    let server = serve.start().ready();
    let outcome = server.interrupt();
    assert!(outcome.stderr.contains("DEBUG"), "{outcome:#?}");
    assert!(!outcome.stderr.contains('\x1b'), "{outcome:#?}");
    scene.assert_left(&[]);
}

#[test]
fn a_server_that_dies_leaves_a_partial_file_that_says_so() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.start_server("");
    // An emulated card takes a while for the handshake alone.
    let seconds = if cards::are_named() { "8" } else { "1" };
    let download = scene.start_download(&["--timeout", seconds]);
    server.kill();
    let outcome = download.finish();
    let silence = format!("nothing came from the server for {seconds}s");
    outcome.refused(&["the download of", "broke off", &silence]);
    assert_partial(&scene, &outcome);
    scene.assert_left(&[]);
    // At once, and again.
    let server = scene.start_server("");
    scene.assert_works();
    server.interrupt().json();
    scene.assert_left(&[]);
}

#[test]
fn a_full_disk_leaves_a_partial_file_that_says_so() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.start_server("");
    let disk = Disk::new(1 << 20);
    let output = disk.path().join(LONG.0);
    let outcome = scene.get_into(&output, LONG.0, "").run();
    let kept = format!(
        "the first 1048576 bytes are kept in {}.part",
        output.display()
    );
    outcome.refused(&[
        "write(2)",
        "No space left on device",
        "free some space",
        &kept,
    ]);
    let partial = format!("{}.part", LONG.0);
    let len = fs::metadata(disk.path().join(&partial)).unwrap().len();
    assert_eq!((names_in(&disk.path()), len), (vec![partial], 1 << 20));
    scene.assert_works();
    server.interrupt().json();
    scene.assert_left(&[]);
}

/// The beginning of a command line whose output or errors go to a device that is always full.
fn full(descriptor: u32) -> [String; 3] {
    let script = format!("exec \"$0\" \"$@\" {descriptor}>/dev/full");
    ["sh".to_owned(), "-c".to_owned(), script]
}

#[test]
fn a_report_that_cannot_be_written_is_an_error() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.start_server("");
    let outcome = scene.get(SHORT.0, "").through(&full(1)).run();
    outcome.refused(&["report", "stdout", "No space left on device"]);
    let file = fs::read(scene.out().join(SHORT.0)).unwrap();
    assert_eq!(file.len() as u64, SHORT.1);
    server.interrupt().json();
    scene.assert_left(&[SHORT.0]);
}

#[test]
fn a_server_that_nobody_listens_to_goes_on() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.serve("").through(&full(2)).start();
    await_program(scene.server());
    scene.assert_works();
    let report = server.interrupt().json();
    assert_eq!(report["requests"], 1, "{report:#}");
    scene.assert_left(&[]);
}
