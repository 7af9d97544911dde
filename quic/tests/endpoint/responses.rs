//! What a server reports of each response at its end.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use xskit_quic::Endpoint;
use xskit_quic::{Ending, Files, Http, HttpConfig, Root, Served, Server, ServerConfig};

use super::raw::{Raw, request};
use super::world::{Pki, files};

/// An owned copy of what is reported.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    peer: SocketAddr,
    request: String,
    user_agent: Option<String>,
    status: Option<u16>,
    bytes: u64,
    duration: Duration,
    ending: Ending,
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Told>>>);

impl Log {
    fn note(&self, served: &Served<'_>) {
        self.0.lock().unwrap().push(Told {
            peer: served.peer(),
            request: format!("{} {}", served.method(), served.path()),
            user_agent: served.user_agent().map(str::to_owned),
            status: served.status(),
            bytes: served.body_bytes(),
            duration: served.duration(),
            ending: served.ending(),
        });
    }

    /// Takes all reports so far.
    fn take(&self) -> Vec<Told> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    #[track_caller]
    fn one(&self) -> Told {
        let told = self.take();
        assert_eq!(told.len(), 1, "{told:#?}");
        told[0].clone()
    }
}

fn connect(root: &Path) -> (Raw, Log) {
    let log = Log::default();
    let told = log.clone();
    let files = Files::new(Root::open(root).unwrap());
    let http = Http::new(files, &HttpConfig::default()).unwrap();
    let http = http.on_response(move |served| told.note(served));
    let config = ServerConfig::new(Pki::new().identity);
    let now = Instant::now();
    (
        Raw::join(Server::new(&config, http, now).unwrap(), now),
        log,
    )
}

/// More than the client's window.
const LARGE: usize = 300_000;

/// Asks for the large file and reads none of it.
fn begin(raw: &mut Raw) -> u64 {
    let stream = raw.send(&request("GET", "/300000"), true);
    for _ in 0..20 {
        raw.exchange();
    }
    stream
}

#[test]
fn whole_responses() {
    let dir = files(&[5000]);
    let (mut raw, log) = connect(dir.path());
    let mut fields = request("GET", "/5000?a=b");
    fields.push(("user-agent", "a\u{1b}[2Jb"));
    raw.ask(&fields, None);
    let told = log.one();
    assert_eq!(
        told,
        Told {
            peer: "198.51.100.7:9".parse().unwrap(),
            request: "GET /5000?a=b".to_owned(),
            user_agent: Some("a\u{1b}[2Jb".to_owned()),
            status: Some(200),
            bytes: 5000,
            // The server's clock stands still.
            duration: Duration::ZERO,
            ending: Ending::Complete,
        }
    );
    let no_path = [&request("GET", "/")[..3]].concat();
    for (fields, asked, status) in [
        (request("HEAD", "/5000"), "HEAD /5000", 200),
        (request("GET", "/none"), "GET /none", 404),
        (request("POST", "/5000"), "POST /5000", 405),
        (no_path, "GET ", 400),
    ] {
        let answer = raw.ask(&fields, None);
        let told = log.one();
        assert_eq!((told.request.as_str(), told.status), (asked, Some(status)));
        assert_eq!(told.bytes, answer.body.len() as u64, "{asked}");
        assert_eq!(told.ending, Ending::Complete);
        assert_eq!(told.user_agent, None);
    }
    raw.quic.close(true, 0, b"").unwrap();
    raw.exchange();
    assert_eq!(log.take(), []);
}

#[test]
fn a_response_that_the_client_gives_up() {
    let dir = files(&[LARGE]);
    let (mut raw, log) = connect(dir.path());
    let stream = begin(&mut raw);
    assert_eq!(log.take(), [], "it is under way");
    raw.now += Duration::from_secs(3);
    let cancelled = 0x10c;
    raw.quic
        .stream_shutdown(stream, quiche::Shutdown::Read, cancelled)
        .unwrap();
    raw.exchange();
    let told = log.one();
    assert_eq!((told.status, told.ending), (Some(200), Ending::GivenUp));
    assert!((1..=100_000).contains(&told.bytes), "{told:?}");
    assert_eq!(told.duration, Duration::from_secs(3));
    assert_eq!(raw.server.application().counters().cancelled, 1);
}

#[test]
fn a_response_whose_connection_ends() {
    let dir = files(&[LARGE]);
    for by_client in [true, false] {
        let (mut raw, log) = connect(dir.path());
        begin(&mut raw);
        begin(&mut raw);
        if by_client {
            raw.quic.close(true, 0x100, b"").unwrap();
        } else {
            raw.server.close_all(raw.now);
        }
        raw.exchange();
        let told = log.take();
        assert_eq!(told.len(), 2, "{told:#?}");
        for told in told {
            assert_eq!(
                (told.status, told.ending),
                (Some(200), Ending::Disconnected)
            );
        }
    }
    // The client falls silent.
    let (mut raw, log) = connect(dir.path());
    begin(&mut raw);
    raw.now += ServerConfig::new(Pki::new().identity).response_timeout * 2;
    raw.server.handle_timeout(raw.now);
    raw.exchange();
    assert_eq!(log.one().ending, Ending::Disconnected);
}

#[test]
fn a_response_that_breaks_off() {
    let dir = files(&[LARGE]);
    let (mut raw, log) = connect(dir.path());
    let stream = begin(&mut raw);
    let file = File::options().write(true).open(dir.path().join("300000"));
    file.unwrap().set_len(10).unwrap();
    let mut buf = [0; 65_536];
    for _ in 0..100 {
        while raw.h3.poll(&mut raw.quic).is_ok() {}
        while raw.h3.recv_body(&mut raw.quic, stream, &mut buf).is_ok() {}
        raw.exchange();
    }
    let told = log.one();
    assert_eq!((told.status, told.ending), (Some(200), Ending::BrokenOff));
    assert!((1..LARGE as u64).contains(&told.bytes), "{told:?}");
}
