//! Key logs and qlogs of connections.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use xskit_quic::KeyLog;

use super::world::Site;

#[test]
fn both_ends_append_the_same_secrets_to_the_key_log() {
    let (dir, mut site) = (tempfile::tempdir().unwrap(), Site::new(&[100]));
    let path = |name: &str| dir.path().join(name);
    fs::write(path("server"), "# from before\n").unwrap();
    site.diagnostics.keylog = Some(KeyLog::open(&path("server")).unwrap());
    let mut config = site.client();
    config.diagnostics.keylog = Some(KeyLog::open(&path("client")).unwrap());
    let mut world = site.world();
    for _ in 0..2 {
        world.connect(&config);
    }
    world.run("handshakes", |world| {
        world.peers.iter().all(|peer| peer.connected)
    });
    // Logging continues after a change of the identity.
    world.server.set_identity(&site.pki.identity).unwrap();
    world.connect(&config);
    world.run("a handshake", |world| world.peers[2].connected);

    let text = |name| fs::read_to_string(path(name)).unwrap();
    let (server, client) = (text("server"), text("client"));
    let server = server.strip_prefix("# from before\n").unwrap();
    let secrets = |text: &str, label: &str| {
        let lines = text.lines().filter(|line| line.starts_with(label));
        let lines: HashSet<String> = lines.map(str::to_owned).collect();
        for line in &lines {
            let words: Vec<&str> = line.split(' ').collect();
            assert!(words.len() == 3 && words[1].len() == 64, "{line}");
        }
        lines
    };
    for label in ["CLIENT_TRAFFIC_SECRET_0 ", "SERVER_TRAFFIC_SECRET_0 "] {
        assert_eq!(secrets(server, label).len(), 3, "{server}");
        assert_eq!(secrets(server, label), secrets(&client, label));
    }
    let mode = fs::metadata(path("client")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_key_log_that_cannot_be_is_an_error() {
    let error = KeyLog::open("/nonexistent/keys".as_ref()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("the key log /nonexistent/keys"), "{text}");
}

#[cfg(feature = "qlog")]
#[test]
fn both_ends_write_a_qlog_by_the_same_id() {
    use xskit_quic::QlogDirectory;

    let dir = tempfile::tempdir().unwrap();
    for retry in [false, true] {
        let qlog = QlogDirectory::open(dir.path()).unwrap();
        let mut site = Site::new(&[50_000]);
        if retry {
            site.retry_above_half_open = 0;
        }
        site.diagnostics.qlog = Some(qlog.clone());
        let mut config = site.client();
        config.diagnostics.qlog = Some(qlog);
        let mut world = site.world();
        world.connect(&config);
        let request = world.peers[0].client.get("/50000", None);
        world.run("a response", |world| {
            world.peers[0].finished.contains(&request)
        });
        drop(world);

        let mut names: Vec<String> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let [client, server] = &names[..] else {
            panic!("{names:?}");
        };
        let id = client.strip_suffix("_client.sqlog").unwrap();
        assert_eq!(server.strip_suffix("_server.sqlog"), Some(id));
        for name in [client, server] {
            let path = dir.path().join(name);
            let events = events(&fs::read_to_string(&path).unwrap());
            for event in ["quic:packet_sent", "quic:packet_received"] {
                let count = events.iter().filter(|name| *name == event).count();
                assert!(count > 3, "{name}: {count} of {event} in {events:?}");
            }
            fs::remove_file(path).unwrap();
        }
    }
}

/// The names of the events of a JSON text sequence (RFC 7464), after its head.
#[cfg(feature = "qlog")]
fn events(text: &str) -> Vec<String> {
    let records = text.strip_prefix('\x1e').expect("a record separator");
    let records = records.split('\x1e').map(|record| {
        assert!(record.ends_with('\n'), "cut short: {record}");
        serde_json::from_str(record).unwrap()
    });
    let mut records: Vec<serde_json::Value> = records.collect();
    assert_eq!(records[0]["serialization_format"], "JSON-SEQ");
    let names = records
        .drain(1..)
        .map(|it| it["name"].as_str().unwrap().to_owned());
    names.collect()
}
