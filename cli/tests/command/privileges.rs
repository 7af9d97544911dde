//! Without the privileges that it takes.

use crate::process::{Outcome, Xskit};
use crate::scene::{SHORT, Scene, as_strs};

/// What remains of root without these capabilities.
fn without(capabilities: &str, scene: &Scene, words: &[String]) -> Outcome {
    let wrapper = ["setpriv", "--bounding-set", capabilities];
    let host = if words[0] == "get" {
        scene.client()
    } else {
        scene.server()
    };
    Xskit::through(&wrapper, &as_strs(words)).on(host).run()
}

#[test]
fn missing_capabilities_are_named() {
    let Some(scene) = Scene::new("missing_capabilities_are_named") else {
        return;
    };
    let bench = ["bench", "rx", "--iface", "xsk1", "--seconds", "1"].map(str::to_owned);
    let commands = [
        scene.serve_words(&[]),
        scene.get_words(SHORT.0, &["--timeout", "1"]),
        bench.to_vec(),
    ];
    for words in &commands {
        without("-net_raw", &scene, words).refused(&["socket(AF_XDP)", "EPERM", "CAP_NET_RAW"]);
        without("-bpf,-sys_admin", &scene, words).refused(&["bpf(2)", "CAP_BPF"]);
        without("-perfmon,-sys_admin", &scene, words).refused(&["CAP_PERFMON"]);
        without("-net_admin,-sys_admin", &scene, words).refused(&["CAP_NET_ADMIN"]);
        scene.assert_left(&[]);
    }
    let none = without("-all", &scene, &commands[0]);
    none.refused(&[
        "CAP_NET_RAW",
        "CAP_BPF",
        "CAP_PERFMON",
        "CAP_NET_ADMIN",
        "root",
    ]);
    let port = scene.serve_words(&["--listen", "10.77.0.2:443"]);
    without("-all", &scene, &port).refused(&["bind(2)", "CAP_NET_BIND_SERVICE"]);
    let demo = ["demo", "--size", "1"].map(str::to_owned);
    without("-all", &scene, &demo).refused(&["unshare(CLONE_NEWNET)", "CAP_SYS_ADMIN", "root"]);
    scene.assert_left(&[]);
}
