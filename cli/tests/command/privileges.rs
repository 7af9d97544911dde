//! Without the privileges that it takes.

use crate::bench::bench;
use crate::process::Xskit;
use crate::scene::{SHORT, Scene};

/// What remains of root without these capabilities.
fn without<'a>(capabilities: &str, command: Xskit<'a>) -> Xskit<'a> {
    command.through(&["setpriv", "--bounding-set", capabilities])
}

#[test]
fn missing_capabilities_are_named() {
    let Some(scene) = Scene::new() else { return };
    for command in ["serve", "get", "bench"] {
        let without = |capabilities| {
            let command = match command {
                "serve" => scene.serve(""),
                "get" => scene.get(SHORT.0, "--timeout 1"),
                _ => bench(scene.server(), "rx --seconds 1"),
            };
            without(capabilities, command)
        };
        without("-net_raw").refused(&["socket(AF_XDP)", "EPERM", "CAP_NET_RAW"]);
        without("-bpf,-sys_admin").refused(&["bpf(2)", "CAP_BPF"]);
        without("-perfmon,-sys_admin").refused(&["CAP_PERFMON"]);
        without("-net_admin,-sys_admin").refused(&["CAP_NET_ADMIN"]);
        scene.assert_left(&[]);
    }
    let none = without("-all", scene.serve(""));
    none.refused(&[
        "CAP_NET_RAW",
        "CAP_BPF",
        "CAP_PERFMON",
        "CAP_NET_ADMIN",
        "root",
    ]);
    let port = scene.serve("--listen 10.77.0.2:443");
    without("-all", port).refused(&["bind(2)", "CAP_NET_BIND_SERVICE"]);
    let demo = Xskit::new("demo --size 1").on(scene.server());
    without("-all", demo).refused(&["unshare(CLONE_NEWNET)", "CAP_SYS_ADMIN", "root"]);
    scene.assert_left(&[]);
}
