//! TLS secrets and qlogs, of a server that has given up its files and of a download.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::scene::{SHORT, Scene};

const UDP: &str = "--transport udp";
const KEYLOG: &str = "SSLKEYLOGFILE";

/// The secrets of both directions, in order.
fn secrets(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let of_data = |line: &&str| line.contains("_TRAFFIC_SECRET_0 ");
    let mut lines: Vec<_> = text.lines().filter(of_data).map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn secrets_are_appended_where_the_environment_says() {
    let Some(scene) = Scene::new() else { return };
    let served = scene.root().join("keys");
    scene
        .serve(UDP)
        .env(KEYLOG, &served)
        .refused(&[KEYLOG, "is under --root"]);
    assert!(!served.exists());

    let (server_keys, client_keys) = (scene.dir().join("server"), scene.dir().join("client"));
    let serve = scene.serve(UDP).env(KEYLOG, &server_keys);
    let server = serve.start().ready();
    let outcome = scene.get(SHORT.0, "").env(KEYLOG, &client_keys).run();
    outcome.json();
    assert!(
        outcome.said().contains("TLS secrets are appended"),
        "{outcome:#?}"
    );
    // Before it ends, too, although it runs as nobody by now.
    let keys = secrets(&server_keys);
    assert_eq!(keys.len(), 2, "{keys:?}");
    assert_eq!(keys, secrets(&client_keys));
    let outcome = server.interrupt();
    outcome.json();
    assert_eq!(outcome.said().matches("TLS secrets").count(), 1);
    scene.assert_left(&[SHORT.0]);
}

#[cfg(feature = "qlog")]
#[test]
fn each_connection_has_a_qlog() {
    let Some(scene) = Scene::new() else { return };
    let place = tempfile::tempdir().unwrap();
    // The server runs as nobody by then.
    fs::set_permissions(place.path(), Permissions::from_mode(0o777)).unwrap();
    let directory = place.path().to_str().unwrap();
    let server = scene.start_server(&format!("{UDP} --qlog {directory}"));
    let get = scene.get(SHORT.0, "").env("QLOGDIR", directory);
    get.run().json();
    server.interrupt().json();
    let mut names = crate::traces::names_in(place.path());
    names.sort();
    let [client, server] = &names[..] else {
        panic!("{names:?}");
    };
    let id = client.strip_suffix("_client.sqlog");
    assert!(id.is_some() && id == server.strip_suffix("_server.sqlog"));
    for name in &names {
        let text = fs::read_to_string(place.path().join(name)).unwrap();
        assert!(text.contains("packet_received"), "{name}: {text}");
    }
    scene.assert_left(&[SHORT.0]);
}
