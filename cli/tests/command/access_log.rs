//! What `xskit serve` writes of its responses, and where that goes on when files are moved.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use xskit::quic::quiche::{self, h3};
use xskit_testbed::HostPairConfig;

use crate::confined::NOBODY;
use crate::process::Outcome;
use crate::scene::{LONG, PORT, SHORT, Scene};
use crate::traces::wait_until;

/// Asks for a path as no well-meaning client would, by quiche over the kernel's UDP, and returns
/// once the answer is there.
fn ask(scene: &Scene, path: &[u8], user_agent: &[u8]) {
    let client = scene.client();
    let socket = client.run(|| UdpSocket::bind((client.ipv4, 0)));
    let socket = socket.unwrap().unwrap();
    let (local, server) = (
        socket.local_addr().unwrap(),
        SocketAddr::from((scene.server().ipv4, PORT)),
    );
    let mut config = quiche::Config::new(quiche::PROTOCOL_VERSION).unwrap();
    config.verify_peer(false);
    config
        .set_application_protos(h3::APPLICATION_PROTOCOL)
        .unwrap();
    config.set_initial_max_data(1 << 20);
    config.set_initial_max_stream_data_bidi_local(1 << 20);
    config.set_initial_max_stream_data_uni(1 << 20);
    config.set_initial_max_streams_uni(3);
    let id = quiche::ConnectionId::from_ref(&[7; 16]);
    let mut quic = quiche::connect(None, &id, local, server, &mut config).unwrap();
    let fields = [
        h3::Header::new(b":method", b"GET"),
        h3::Header::new(b":scheme", b"https"),
        h3::Header::new(b":authority", b"x"),
        h3::Header::new(b":path", path),
        h3::Header::new(b"user-agent", user_agent),
    ];
    let mut http = None;
    let mut buf = [0; 65_535];
    loop {
        while let Ok((len, _)) = quic.send(&mut buf) {
            socket.send_to(&buf[..len], server).unwrap();
        }
        assert!(!quic.is_closed(), "{:?}", quic.peer_error());
        // Zero would be refused.
        let timeout = quic.timeout().map(|it| it.max(Duration::from_millis(1)));
        socket.set_read_timeout(timeout).unwrap();
        match socket.recv_from(&mut buf) {
            Ok((len, from)) => {
                let info = quiche::RecvInfo { from, to: local };
                let _ = quic.recv(&mut buf[..len], info);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => quic.on_timeout(),
            Err(error) => panic!("{error}"),
        }
        if quic.is_established() && http.is_none() {
            let config = h3::Config::new().unwrap();
            let mut h3 = h3::Connection::with_transport(&mut quic, &config).unwrap();
            h3.send_request(&mut quic, &fields, true).unwrap();
            http = Some(h3);
        }
        if let Some(h3) = &mut http
            && let Ok((_, event)) = h3.poll(&mut quic)
            && matches!(event, h3::Event::Headers { .. })
        {
            // A server that ends waits for clients that have not confirmed all.
            quic.close(true, 0x100, b"").unwrap();
            let (len, _) = quic.send(&mut buf).unwrap();
            socket.send_to(&buf[..len], server).unwrap();
            return;
        }
    }
}

pub(crate) fn lines(log: &Path) -> Vec<Value> {
    let text = fs::read_to_string(log).unwrap_or_default();
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
fn responses_are_logged_whatever_they_say_and_the_log_is_moved() {
    let test = "responses_are_logged_whatever_they_say_and_the_log_is_moved";
    if let Some(scene) = Scene::new(test) {
        assert_logged_and_moved(&scene, &[]);
    }
}

/// Checks what a server with these options logs, and where.
#[track_caller]
pub(crate) fn assert_logged_and_moved(scene: &Scene, options: &[&str]) {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    let (log, old) = (place.path().join("log"), place.path().join("log.1"));
    let words = [&["--access-log", log.to_str().unwrap()], options].concat();
    let server = scene.start_server(&words);
    let (path, agent) = (
        "/\u{1b}[2J\"\u{202e}\\".as_bytes(),
        b"a\x07\xff\"\\n{\"forged\":1}",
    );
    ask(scene, path, agent);
    wait_until("a line", || lines(&log).len() == 1);
    let text = fs::read_to_string(&log).unwrap();
    assert!(
        text.bytes().all(|it| matches!(it, b' '..=b'~' | b'\n')),
        "{text:?}"
    );
    let line = &lines(&log)[0];
    assert_eq!(line["path"], "/\u{1b}[2J\"\u{202e}\\", "{line}");
    assert_eq!(line["user_agent"], "a\u{7}\u{fffd}\"\\n{\"forged\":1}");
    assert_eq!(
        (&line["status"], &line["method"]),
        (&404.into(), &"GET".into())
    );
    let client = line["client"].as_str().unwrap();
    assert!(
        client.starts_with(&format!("{}:", scene.client().ipv4)),
        "{line}"
    );

    // Nobody may make a file there: it stays in the one that it has.
    fs::rename(&log, &old).unwrap();
    server.signal(Signal::HUP);
    scene.assert_works();
    wait_until("a second line", || lines(&old).len() == 2);
    let line = &lines(&old)[1];
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
    assert_eq!((lines(&old).len(), lines(&log).len()), (2, 2));
    assert_said(&outcome, "warning: SIGHUP: access log", 1);
    assert_said(&outcome, "the access log was reopened", 1);
    assert_said(&outcome, "certificate", 0);
    scene.assert_left(&[]);
}

#[test]
fn several_workers_write_one_log() {
    let test = "several_workers_write_one_log";
    let hosts = HostPairConfig {
        queues: 2,
        ..HostPairConfig::default()
    };
    let Some(scene) = Scene::with(test, hosts) else {
        return;
    };
    let place = tempfile::tempdir().unwrap();
    chown(place.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let (log, old) = (place.path().join("log"), place.path().join("log.1"));
    let server = scene.start_server(&["--access-log", log.to_str().unwrap()]);
    // From one port each, so from either queue.
    let ask_often = || (0..20).for_each(|_| ask(&scene, b"/x", b"y"));
    ask_often();
    wait_until("20 lines", || lines(&log).len() == 20);
    fs::rename(&log, &old).unwrap();
    server.signal(Signal::HUP);
    wait_until("a new file", || log.exists());
    ask_often();
    wait_until("20 lines more", || lines(&log).len() == 20);
    let report = server.interrupt().json();
    assert_eq!(
        (&report["requests"], &report["log_lines_lost"]),
        (&40.into(), &0.into())
    );
    assert_eq!((lines(&old).len(), lines(&log).len()), (20, 20));
    scene.assert_left(&[]);
}

#[test]
fn a_full_disk_ends_the_log_and_not_the_server() {
    let Some(scene) = Scene::new("a_full_disk_ends_the_log_and_not_the_server") else {
        return;
    };
    let server = scene.start_server(&["--access-log", "/dev/full"]);
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
    let Some(scene) = Scene::new("a_log_on_standard_output_says_what_was_cut_off") else {
        return;
    };
    let server = scene.start_server(&["--access-log", "-"]);
    let download = scene.start_download(&[]);
    download.interrupt().refused(&["interrupted"]);
    scene.assert_works();
    let outcome = server.interrupt();
    let lines: Vec<Value> = outcome
        .stdout
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
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
