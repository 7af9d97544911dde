//! Clients that cancel requests: a few, as people do, and far too many.

use quiche::Shutdown;

use super::raw::{Raw, request};
use super::world::Site;

/// H3_REQUEST_CANCELLED and H3_EXCESSIVE_LOAD (RFC 9114, section 8.1).
const CANCELLED: u64 = 0x10c;
const EXCESSIVE_LOAD: u64 = 0x107;

const LARGE: usize = 4 << 20;
/// Requests between exchanges.
const AT_ONCE: usize = 8;

/// A way to open a stream and abandon it.
type Waste = fn(&mut Raw);

fn stop(raw: &mut Raw, stream: u64) {
    raw.quic
        .stream_shutdown(stream, Shutdown::Read, CANCELLED)
        .unwrap();
}

fn reset(raw: &mut Raw, stream: u64) {
    raw.quic
        .stream_shutdown(stream, Shutdown::Write, CANCELLED)
        .unwrap();
}

fn stop_whole(raw: &mut Raw) {
    let stream = raw.send(&request("GET", "/4194304"), true);
    stop(raw, stream);
}

fn stop_when_it_comes(raw: &mut Raw) {
    let stream = raw.send(&request("GET", "/4194304"), true);
    raw.exchange();
    stop(raw, stream);
}

fn reset_unfinished(raw: &mut Raw) {
    let stream = raw.send(&request("GET", "/4194304"), false);
    raw.exchange();
    stop(raw, stream);
    reset(raw, stream);
}

fn reset_at_once(raw: &mut Raw) {
    let stream = raw.send(&request("GET", "/4194304"), false);
    stop(raw, stream);
    reset(raw, stream);
}

/// Resets, but would still take an answer.
fn reset_only(raw: &mut Raw) {
    let stream = raw.send(&request("GET", "/4194304"), false);
    reset(raw, stream);
}

const WASTES: [(&str, Waste); 5] = [
    ("stop_whole", stop_whole),
    ("stop_when_it_comes", stop_when_it_comes),
    ("reset_unfinished", reset_unfinished),
    ("reset_at_once", reset_at_once),
    ("reset_only", reset_only),
];

fn raw(change: impl FnOnce(&mut Site)) -> (tempfile::TempDir, Raw) {
    let mut site = Site::new(&[LARGE, 10]);
    change(&mut site);
    let raw = Raw::connect(&site);
    (site.dir, raw)
}

/// Opens streams until the server closes the connection. Returns how many, at most a thousand.
fn waste(raw: &mut Raw, waste: Waste) -> usize {
    for count in 0..1000 {
        for _ in 0..100 {
            if raw.quic.peer_streams_left_bidi() > 0 || raw.quic.peer_error().is_some() {
                break;
            }
            raw.exchange();
        }
        if raw.quic.peer_error().is_some() {
            return count;
        }
        waste(raw);
        if count % AT_ONCE == 0 {
            raw.exchange();
        }
    }
    1000
}

#[test]
fn a_client_that_gives_up_too_much_is_shut_out() {
    for (name, way) in WASTES {
        let (_dir, mut raw) = raw(|config| {
            config.http.max_requests_given_up = 50;
            config.transport.max_streams = 20;
        });
        let count = waste(&mut raw, way);
        assert!((51..51 + 20 + AT_ONCE).contains(&count), "{name}: {count}");
        let error = raw.quic.peer_error().unwrap();
        assert_eq!(
            (error.is_app, error.error_code),
            (true, EXCESSIVE_LOAD),
            "{name}"
        );
        let counters = raw.server.application().counters();
        assert_eq!(
            (counters.excessive_load, counters.protocol_errors),
            (1, 0),
            "{name}"
        );
    }
}

#[test]
fn a_client_that_takes_as_much_as_it_gives_up_is_served() {
    for (name, way) in WASTES {
        let (_dir, mut raw) = raw(|config| config.http.max_requests_given_up = 5);
        for _ in 0..50 {
            way(&mut raw);
            let stream = raw.send(&request("GET", "/10"), true);
            raw.exchange();
            raw.exchange();
            let mut body = [0; 100];
            let taken = std::iter::from_fn(|| raw.h3.poll(&mut raw.quic).ok())
                .any(|(on, event)| on == stream && event == quiche::h3::Event::Data);
            assert!(taken, "{name}: {:?}", raw.quic.peer_error());
            assert_eq!(raw.h3.recv_body(&mut raw.quic, stream, &mut body), Ok(10));
        }
        assert_eq!(raw.quic.peer_error(), None, "{name}");
        assert_eq!(raw.server.application().counters().completed, 50, "{name}");
    }
}

#[test]
fn each_stream_that_is_given_up_makes_room_for_another() {
    for (name, way) in WASTES {
        let (_dir, mut raw) = raw(|config| config.transport.max_streams = 4);
        let all = raw.quic.peer_streams_left_bidi();
        assert_eq!(all, 4);
        assert_eq!(waste(&mut raw, way), 1000, "{name}");
        for _ in 0..5 {
            raw.exchange();
        }
        assert!(raw.quic.peer_streams_left_bidi() >= 2, "{name}");
        while raw.h3.poll(&mut raw.quic).is_ok() {}
        let answer = raw.ask(&request("GET", "/10"), None);
        assert_eq!(answer.field(":status"), "200", "{name}");
    }
}

#[test]
fn streams_without_a_request_are_aborted_and_count() {
    let (_dir, mut raw) = raw(|config| config.http.max_requests_given_up = 50);
    let mut opened = 0;
    while raw.quic.peer_error().is_none() && opened < 1000 {
        // The next of the client's bidirectional streams, with an end and nothing before it.
        raw.quic.stream_send(4 * opened, b"", true).unwrap();
        opened += 1;
        raw.exchange();
        raw.exchange();
    }
    assert!((51..60).contains(&opened), "{opened}");
    let error = raw.quic.peer_error().unwrap();
    assert_eq!((error.is_app, error.error_code), (true, EXCESSIVE_LOAD));
    assert_eq!(raw.server.application().counters().requests, 0);
}

#[test]
fn unidirectional_streams_without_end_are_too_much() {
    // The bound on cancelled requests must not be what closes it.
    let (_dir, mut raw) = raw(|config| config.http.max_requests_given_up = u32::MAX);
    let mut opened = 10;
    for _ in 0..5000 {
        let stream = 2 + 4 * opened;
        match raw.quic.stream_send(stream, &[0x21], false) {
            Ok(_) => {
                reset(&mut raw, stream);
                opened += 1;
            }
            Err(quiche::Error::StreamLimit) => {}
            Err(error) => panic!("{error}"),
        }
        raw.exchange();
        if raw.quic.peer_error().is_some() {
            break;
        }
    }
    let error = raw.quic.peer_error().expect("shut out");
    assert_eq!((error.is_app, error.error_code), (true, EXCESSIVE_LOAD));
    assert!((1000..1020).contains(&opened), "{opened}");
}
