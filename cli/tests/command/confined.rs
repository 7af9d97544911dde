//! What is left of root once `xskit serve` serves: nothing that it needs is missing, and nothing
//! else is left.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::process::{Outcome, Running};
use crate::scene::{SHORT, Scene};

/// Nobody's number.
pub(crate) const NOBODY: u32 = 65534;

/// Each thread's `/proc/PID/task/TID/status`, as names and values; but those of the kernel's own.
fn threads(server: &Running) -> Vec<BTreeMap<String, String>> {
    let tasks = fs::read_dir(server.proc("task")).unwrap();
    let status = |task: fs::DirEntry| {
        let status = fs::read_to_string(task.path().join("status")).unwrap();
        let pairs = status.lines().filter_map(|line| line.split_once(":\t"));
        let pair = |(name, value): (&str, &str)| (name.to_owned(), value.trim().to_owned());
        pairs.map(pair).collect::<BTreeMap<_, _>>()
    };
    let threads = tasks.map(|task| status(task.unwrap()));
    threads
        .filter(|status| !status["Name"].starts_with("iou-"))
        .collect()
}

/// Checks the four numbers each of user and group, and the capabilities of every thread.
#[track_caller]
pub(crate) fn assert_is(server: &Running, uid: u32, capabilities: u64) {
    let threads = threads(server);
    assert!(!threads.is_empty());
    for status in threads {
        for name in ["Uid", "Gid"] {
            let numbers = status[name].split_whitespace();
            let is_uid = |number: &str| number.parse() == Ok(uid);
            assert!(
                numbers.clone().count() == 4 && numbers.clone().all(is_uid),
                "{status:#?}"
            );
        }
        let set = |name: &str| u64::from_str_radix(&status[name], 16).unwrap();
        for name in ["CapEff", "CapPrm"] {
            assert_eq!(set(name), capabilities, "{name} in {status:#?}");
        }
        for name in ["CapInh", "CapBnd", "CapAmb"] {
            assert_eq!(set(name), 0, "{name} in {status:#?}");
        }
        assert_eq!(status["NoNewPrivs"], "1", "{status:#?}");
    }
}

#[track_caller]
pub(crate) fn assert_filtered(server: &Running, mode: &str) {
    for status in threads(server) {
        assert_eq!(status["Seccomp"], mode, "{status:#?}");
    }
}

/// Ends a server that has served one download, and checks that it could still take stock and
/// detach.
#[track_caller]
fn assert_ends_well(scene: &Scene, server: Running) -> Outcome {
    let outcome = server.interrupt();
    assert_eq!(outcome.json()["requests"], 1, "{outcome:#?}");
    assert!(!outcome.said().contains("note"), "{outcome:#?}");
    scene.assert_left(&[]);
    outcome
}

#[test]
fn a_server_serves_as_nobody_without_capabilities() {
    let Some(scene) = Scene::new() else { return };
    for options in [
        "",
        "--backend uring",
        "--backend uring --wait multishot",
        "--backend uring --sqpoll",
    ] {
        let server = scene.start_server(options);
        assert_is(&server, NOBODY, 0);
        assert_filtered(&server, "2");
        scene.assert_works();
        assert_ends_well(&scene, server);
    }
}

#[test]
fn whom_a_server_becomes_is_a_choice() {
    let Some(scene) = Scene::new() else { return };
    let secret = scene.root().join(SHORT.0);
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    // Root may read every file, and nothing else.
    let server = scene.start_server("--user root");
    let dac_read_search = 1 << 2;
    assert_is(&server, 0, dac_read_search);
    scene.assert_works();
    assert_ends_well(&scene, server);
    let server = scene.start_server("--user 4711:4711 --no-sandbox");
    assert_is(&server, 4711, 0);
    assert_filtered(&server, "0");
    scene.get(SHORT.0, "").run().refused(&["403 Forbidden"]);
    server.interrupt().json();
    scene
        .serve("--user nosuch")
        .refused(&["--user nosuch", "no user", "/etc/passwd"]);
    scene
        .serve("--user 4711:0")
        .refused(&["--user 4711:0", "only one of the two is root"]);
    fs::set_permissions(scene.root(), Permissions::from_mode(0o700)).unwrap();
    scene.serve("").refused(&[
        "--root",
        "nobody may not enter it",
        "chmod o+x",
        "--user root",
    ]);
    scene.assert_left(&[]);
}

#[test]
fn what_cannot_be_given_up_is_said_once() {
    let Some(scene) = Scene::new() else { return };
    let wrapper = "setpriv --bounding-set -setuid";
    let server = scene.serve("").through(wrapper).start().ready();
    assert_is(&server, 0, 0);
    scene.assert_works();
    let outcome = server.interrupt();
    assert_eq!(outcome.json()["requests"], 1);
    assert_eq!(
        outcome
            .stderr
            .matches("serve stays root, without capabilities: CAP_SETUID")
            .count(),
        1,
        "{outcome:#?}"
    );
    let chosen = scene.serve("--user 4711").through(wrapper);
    chosen.refused(&["--user 4711", "CAP_SETUID is missing"]);
    scene.assert_left(&[]);
}
