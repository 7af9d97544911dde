//! What `xskit serve` writes of its responses, and where that goes on when files are moved.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use crate::confined::NOBODY;
use crate::process::Outcome;
use crate::scene::{LONG, SHORT, Scene};
use crate::traces::wait_until;

pub(crate) fn lines(log: &Path) -> Vec<Value> {
    objects(&fs::read_to_string(log).unwrap_or_default())
}

/// The objects in a text, one per line.
fn objects(text: &str) -> Vec<Value> {
    text.lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect()
}

#[track_caller]
fn assert_said(outcome: &Outcome, words: &str, count: usize) {
    let found = outcome.stderr.matches(words).count();
    assert_eq!(found, count, "{words:?} in {outcome:#?}");
}

#[test]
fn responses_are_logged_and_the_log_is_moved() {
    if let Some(scene) = Scene::new() {
        assert_logged_and_moved(&scene, "");
    }
}

/// Checks what a server with these options logs, and where.
#[track_caller]
pub(crate) fn assert_logged_and_moved(scene: &Scene, options: &str) {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    let (log, old) = (place.path().join("log"), place.path().join("log.1"));
    fs::write(&log, "\"before\"\n").unwrap();
    let words = format!("--access-log {} {options}", log.display());
    let server = scene.start_server(&words);
    scene.get("nonesuch", "").refused(&["404 Not Found"]);
    wait_until("a line", || lines(&log).len() == 2);
    let line = &lines(&log)[1];
    let [method, path, status, agent] =
        ["method", "path", "status", "user_agent"].map(|name| &line[name]);
    assert_eq!((method, path), (&"GET".into(), &"/nonesuch".into()));
    assert_eq!(status, 404, "{line}");
    assert!(agent.as_str().unwrap().starts_with("xskit"), "{line}");
    let client = line["client"].as_str().unwrap();
    assert!(
        client.starts_with(&format!("{}:", scene.client().ipv4)),
        "{line}"
    );

    // Nobody may make a file there: it stays in the one that it has.
    fs::rename(&log, &old).unwrap();
    server.signal(Signal::HUP);
    scene.assert_works();
    wait_until("a second line", || lines(&old).len() == 3);
    assert_eq!(lines(&old)[0], "before");
    let line = &lines(&old)[2];
    assert_eq!(
        (&line["bytes"], &line["cut_off"]),
        (&SHORT.1.into(), &Value::Null)
    );
    assert_eq!(line["path"], format!("/{}", SHORT.0));
    assert!(!log.exists());
    chown(place.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    server.signal(Signal::HUP);
    wait_until("a new file", || log.exists());
    assert_eq!(fs::metadata(&log).unwrap().permissions().mode() & 0o7137, 0);
    scene.assert_works();
    wait_until("a line there", || lines(&log).len() == 1);
    // It has the name.
    server.signal(Signal::HUP);
    scene.assert_works();
    let outcome = server.interrupt();
    assert_eq!(outcome.json()["log_lines_lost"], 0);
    assert_eq!((lines(&old).len(), lines(&log).len()), (3, 2));
    let text = fs::read_to_string(&log).unwrap();
    let is_plain = |it: u8| matches!(it, b' '..=b'~' | b'\n');
    assert!(text.bytes().all(is_plain), "{text:?}");
    assert_said(&outcome, "warning: SIGHUP: access log", 1);
    assert_said(&outcome, "the access log was reopened", 1);
    assert_said(&outcome, "certificate", 0);
    scene.assert_left(&[]);
}

#[test]
fn several_workers_write_one_log() {
    let Some(scene) = Scene::with_two_queues() else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    chown(place.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let (log, old) = (place.path().join("log"), place.path().join("log.1"));
    let server = scene.start_server(&["--access-log", log.to_str().unwrap()]);
    let ask = || {
        for queue in ["--queue 0", "--queue 1"].repeat(3) {
            scene.get("nonesuch", queue).refused(&["404 Not Found"]);
        }
    };
    ask();
    wait_until("6 lines", || lines(&log).len() == 6);
    fs::rename(&log, &old).unwrap();
    server.signal(Signal::HUP);
    wait_until("a new file", || log.exists());
    ask();
    wait_until("6 lines more", || lines(&log).len() == 6);
    let report = server.interrupt().json();
    assert_eq!(
        (&report["requests"], &report["log_lines_lost"]),
        (&12.into(), &0.into())
    );
    assert_eq!((lines(&old).len(), lines(&log).len()), (6, 6));
    scene.assert_left(&[]);
}

#[test]
fn a_full_disk_ends_the_log_and_not_the_server() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.start_server("--access-log /dev/full");
    scene.assert_works();
    scene.assert_works();
    let outcome = server.interrupt();
    let report = outcome.json();
    assert_eq!(
        (&report["requests"], &report["log_lines_lost"]),
        (&2.into(), &2.into())
    );
    assert_said(&outcome, "warning: access log /dev/full: write(2)", 1);
    scene.assert_left(&[]);
}

#[test]
fn a_log_on_standard_output_says_what_was_cut_off() {
    let Some(scene) = Scene::new() else { return };
    let server = scene.start_server("--access-log -");
    let download = scene.start_download("");
    download.interrupt().refused(&["interrupted"]);
    scene.assert_works();
    let outcome = server.interrupt();
    let lines = objects(&outcome.stdout);
    let [long, short, report] = &lines[..] else {
        panic!("{outcome:#?}");
    };
    assert_eq!(long["path"], format!("/{}", LONG.0));
    assert!(long["cut_off"].is_string(), "{long}");
    assert!(long["bytes"].as_u64() > Some(1_000_000), "{long}");
    assert!(long["seconds"].as_f64() > Some(0.0), "{long}");
    assert_eq!(
        (&short["bytes"], &short["cut_off"]),
        (&SHORT.1.into(), &Value::Null)
    );
    assert_eq!(report["requests"], 2);
    fs::remove_file(scene.out().join("long.part")).unwrap();
    scene.assert_left(&[]);
}
