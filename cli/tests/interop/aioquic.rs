//! aioquic, an HTTP/3 client in Python, where it is installed.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use xskit_testbed::{WhenParentDies, cards};

use crate::scene::{Family, Scene, test_name};
use crate::site::Content;

/// A Python interpreter that has aioquic, or `None` after saying so past the test harness.
///
/// One that is named by the environment, or that `cargo xtask setup --interop` has made, is
/// believed to have it: a broken one fails the test.
fn python() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("XSKIT_AIOQUIC_PYTHON") {
        return Some(named.into());
    }
    // Cargo's directory for tests is `tmp` in its target directory.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?;
    let made = target.join("aioquic");
    if made.join("installed").exists() {
        return Some(made.join("bin/python"));
    }
    // If even the error stream is closed, there is no way to say so.
    let _ = writeln!(
        std::io::stderr().lock(),
        "skipped: needs aioquic (cargo xtask setup --interop) (test {})",
        test_name()
    );
    None
}

/// The client of `cargo xtask interop`.
const ENDPOINT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../interop/src/aioquic_endpoint.py"
);

/// Runs this many clients at once. Each fetches all files over one connection, and every byte is
/// checked.
fn fetch(python: &Path, scene: &mut Scene, clients: u64, files: &[Content]) {
    let url = |file: &Content| format!("https://{}/{}", scene.address, file.name);
    let urls: Vec<String> = files.iter().map(url).collect();
    let start = |_| {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut command = Command::new(python);
        command
            .arg(ENDPOINT)
            .env("ROLE", "client")
            .env("TESTCASE", "http3")
            .env("REQUESTS", urls.join(" "))
            .env("CERTS", scene.authority.path())
            .env("DOWNLOADS", folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let host = &scene.pair.second.namespace;
        host.enter_command(&mut command, WhenParentDies::Kill)
            .unwrap();
        (command.spawn().unwrap(), folder)
    };
    let started: Vec<_> = (0..clients).map(start).collect();
    for (client, folder) in started {
        let output = client.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{python:?} said:\n{said}");
        for file in files {
            let content = fs::read(folder.path().join(&file.name)).unwrap();
            assert_eq!(content.len() as u64, file.len, "{file:?}");
            file.check(0, &content);
        }
    }
    let summary = scene.server.interrupt();
    assert_eq!(summary.connections, clients);
    assert_eq!(summary.requests, clients * files.len() as u64);
}

/// Over both families. Every connection is a process; more of them are `crowd`'s.
fn fetch_at_once(connections: u64, sizes: &[u64]) {
    let Some(python) = python() else { return };
    for family in [Family::Ipv4, Family::Ipv6] {
        let Some(mut scene) = Scene::new(family) else {
            return;
        };
        let files: Vec<_> = sizes.iter().map(|len| scene.site.add(*len)).collect();
        fetch(&python, &mut scene, connections, &files);
    }
}

#[test]
fn aioquic_fetches_files_of_every_size() {
    let sizes = [0, 1, 1_199, 1_200, 1_201, 131_072, 1_000_000, 10_000_000];
    // The last would take Python on an emulated processor minutes.
    fetch_at_once(1, &sizes[..sizes.len() - usize::from(cards::are_named())]);
}

#[test]
fn aioquic_fetches_over_several_connections_at_once() {
    let connections = if cards::are_named() { 4 } else { 10 };
    fetch_at_once(connections, &[0, 1, 1_200, 100_000]);
}

#[test]
fn aioquic_fetches_a_file_of_500_megabytes() {
    let Some(python) = python() else { return };
    let Some(mut scene) = Scene::new(Family::Ipv6) else {
        return;
    };
    let files = [scene.site.add(500_000_000)];
    fetch(&python, &mut scene, 1, &files);
}
