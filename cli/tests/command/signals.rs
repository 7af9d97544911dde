//! SIGINT ends everything cleanly, and SIGKILL leaves nothing that blocks a next run.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use rustix::process::Signal;
use xskit::quic::cert::{Authority, Validity};

use crate::bench::{bench, report, start};
use crate::confined::NOBODY;
use crate::downloads::assert_partial;
use crate::scene::{LONG, SHORT, Scene};
use crate::traces::{await_packets, has_program, wait_until};

#[test]
fn a_killed_client_is_in_nobodys_way() {
    let Some(scene) = Scene::new() else { return };
    let mut server = scene.start_server("");
    let download = scene.start_download("");
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

/// A certificate and its key in files, which get another content.
struct Renewed<'a> {
    scene: &'a Scene,
    dir: &'a Path,
}

impl Renewed<'_> {
    fn path(&self, name: &str) -> String {
        self.dir.join(name).to_str().unwrap().to_owned()
    }

    /// The options of `serve` that name the files.
    fn words(&self) -> String {
        let (certificate, key) = (self.path("cert.pem"), self.path("key.pem"));
        format!("--cert {certificate} --key {key}")
    }

    /// Has a new authority make a certificate, which every user can read, and a key, which only
    /// `owner` can. Returns the file of the authority's own certificate.
    fn renew(&self, authority_file: &str, owner: u32) -> String {
        let authority = Authority::new().unwrap();
        let names = [self.scene.server().ipv4.to_string()];
        let pem = authority.issue(&names, Validity::days(1)).unwrap();
        let key = self.path("key.pem");
        fs::write(self.path("cert.pem"), pem.certificate.as_bytes()).unwrap();
        fs::write(&key, pem.key.as_bytes()).unwrap();
        fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        chown(&key, Some(owner), Some(owner)).unwrap();
        fs::write(self.path(authority_file), authority.pem()).unwrap();
        self.path(authority_file)
    }

    /// Whether a client that trusts this authority alone is served.
    fn is_believed(&self, authority: &str) -> bool {
        let get = self.scene.get(SHORT.0, &["--ca", authority]);
        get.run().status.success()
    }
}

#[test]
fn certificates_are_read_again_on_sighup() {
    if let Some(scene) = Scene::new() {
        assert_read_again(&scene, "");
    }
}

/// Checks that a server with these options reads its certificate again.
#[track_caller]
pub(crate) fn assert_read_again(scene: &Scene, options: &str) {
    // The scene's directory is closed to other users, and root may read every file.
    let dir = scene.dir();
    let files = Renewed { scene, dir };
    let first = files.renew("first.pem", NOBODY);
    let words = format!("{} --user root {options}", files.words());
    let server = scene.start_server(&words);
    assert!(files.is_believed(&first));
    let second = files.renew("second.pem", NOBODY);
    server.signal(Signal::HUP);
    wait_until("the new certificate", || files.is_believed(&second));
    assert!(!files.is_believed(&first));
    fs::write(files.path("key.pem"), "no key").unwrap();
    server.signal(Signal::HUP);
    assert!(files.is_believed(&second));
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
fn certificates_are_read_again_as_far_as_nobody_may() {
    let Some(scene) = Scene::new() else { return };
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    let dir = place.path();
    let files = Renewed { scene: &scene, dir };
    let first = files.renew("first.pem", NOBODY);
    let server = scene.start_server(&files.words());
    let mut download = scene.start_download(&["--ca", &first]);
    let second = files.renew("second.pem", NOBODY);
    server.signal(Signal::HUP);
    scene.await_more(&mut download);
    // As a tool that renews certificates, and does not know this program's user, leaves it.
    files.renew("third.pem", 0);
    server.signal(Signal::HUP);
    scene.await_more(&mut download);
    // Readable by the user nobody again, but outside the directories that the server may read.
    let elsewhere = tempfile::tempdir().unwrap();
    fs::set_permissions(elsewhere.path(), Permissions::from_mode(0o755)).unwrap();
    let (key, moved) = (files.path("key.pem"), elsewhere.path().join("key.pem"));
    fs::copy(&key, &moved).unwrap();
    chown(&moved, Some(NOBODY), Some(NOBODY)).unwrap();
    fs::remove_file(&key).unwrap();
    symlink(&moved, &key).unwrap();
    server.signal(Signal::HUP);
    scene.await_more(&mut download);
    download.interrupt().refused(&["interrupted"]);
    assert!(files.is_believed(&second) && !files.is_believed(&first));
    let outcome = server.interrupt();
    outcome.json();
    let refusal = format!("SIGHUP: can't read the private key {key}: Permission denied");
    for (words, count) in [
        ("the certificate was read again", 1),
        (refusal.as_str(), 2),
        (
            "the certificate stays as it was (serve runs as nobody now",
            2,
        ),
    ] {
        let found = outcome.stderr.matches(words).count();
        assert_eq!(found, count, "{words:?} in {outcome:#?}");
    }
    for name in [SHORT.0, "long.part"] {
        fs::remove_file(scene.out().join(name)).unwrap();
    }
    scene.assert_left(&[]);
}

#[test]
fn an_interrupted_client_keeps_what_it_has() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.start_server("");
    let download = scene.start_download("");
    let second = scene.get(LONG.0, "-C").run();
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
    let Some(scene) = Scene::new() else { return };
    let server = scene.start_server("--drain 0.1");
    let download = scene.start_download("");
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
    let Some(scene) = Scene::new() else { return };
    let flood = || bench(scene.client(), "tx --seconds 0 --to 10.77.0.2").start();
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
