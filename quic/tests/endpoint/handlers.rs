//! Handlers of every kind, and a client made of quiche's parts.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use quiche::h3;
use xskit_quic::Endpoint;
use xskit_quic::{
    Body, Fields, Handler, Http, HttpConfig, Incoming, Reply, Request, RequestKey, Response,
    Server, ServerConfig,
};

use super::raw::{Raw, request};
use super::world::{Pki, content};

/// Bytes of `/stream`.
const STREAMED: usize = 300_000;

/// Answers according to the request's path.
#[derive(Default)]
pub(crate) struct Paths {
    /// Read request bodies. Otherwise they stay with the transport.
    reads: bool,
    /// Answers to `/later`.
    answers: HashMap<RequestKey, &'static str>,
    /// Requests, in the order received.
    asked: Vec<RequestKey>,
    /// Exchanges that exist.
    alive: Arc<AtomicUsize>,
    /// The most that a streamed body had waiting.
    most_waiting: usize,
}

pub(crate) struct Exchange {
    path: String,
    received: Vec<u8>,
    trailer: Option<String>,
    written: usize,
    alive: Arc<AtomicUsize>,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Handler for Paths {
    type Exchange = Exchange;

    fn request(&mut self, request: &Request<'_>, reply: &mut Reply<'_>) -> Exchange {
        self.alive.fetch_add(1, Ordering::Relaxed);
        self.asked.push(reply.key());
        match request.path() {
            "/echo" => reply.inform(103, &[("link", "</style.css>; rel=preload")]),
            "/stream" => reply.respond(Response::new(200).body(Body::Stream)),
            "/later" | "/once" => {}
            "/broken" => {
                reply.respond(Response::new(200).body(Body::Stream));
                reply.write("half");
            }
            "/early" => reply.respond(Response::text(403, "no")),
            _ => reply.respond(Response::new(404)),
        }
        Exchange {
            path: request.path().to_owned(),
            received: Vec::new(),
            trailer: None,
            written: 0,
            alive: Arc::clone(&self.alive),
        }
    }

    fn body(&mut self, exchange: &mut Exchange, body: &mut Incoming<'_>, _: &mut Reply<'_>) {
        if exchange.path == "/once" {
            body.read(&mut [0; 4096]);
        } else if exchange.path != "/echo" {
            body.refuse();
        } else if self.reads {
            while body.read_into(&mut exchange.received, 1000) > 0 {}
        }
    }

    fn trailers(&mut self, exchange: &mut Exchange, trailers: Fields<'_>, _: &mut Reply<'_>) {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        exchange.trailer = trailers.get("digest").map(text);
    }

    fn end(&mut self, exchange: &mut Exchange, reply: &mut Reply<'_>) {
        if exchange.path == "/echo" {
            let mut response = Response::new(200);
            if let Some(trailer) = &exchange.trailer {
                response = response.field("x-trailer", trailer);
            }
            reply.respond(response.body(std::mem::take(&mut exchange.received)));
        }
    }

    fn resume(&mut self, exchange: &mut Exchange, reply: &mut Reply<'_>) {
        match exchange.path.as_str() {
            "/stream" => {
                let piece = reply.room().min(STREAMED - exchange.written);
                let bytes = content(STREAMED);
                reply.write(bytes[exchange.written..exchange.written + piece].to_vec());
                exchange.written += piece;
                self.most_waiting = self.most_waiting.max(piece);
                if exchange.written == STREAMED {
                    reply.finish_with(&[("x-sum", "42")]);
                }
            }
            "/later" => {
                if let Some(words) = self.answers.get(&reply.key()) {
                    reply.respond(Response::text(200, *words));
                }
            }
            "/broken" => reply.reset(0x102),
            _ => {}
        }
    }
}

pub(crate) fn raw(reads: bool) -> Raw<Http<Paths>> {
    configured(reads, |_| {})
}

fn configured(reads: bool, change: impl FnOnce(&mut ServerConfig)) -> Raw<Http<Paths>> {
    let mut config = ServerConfig::new(Pki::new().identity);
    change(&mut config);
    let handler = Paths {
        reads,
        ..Paths::default()
    };
    let http = Http::new(handler, &HttpConfig::default()).unwrap();
    let now = Instant::now();
    Raw::join(Server::new(&config, http, now).unwrap(), now)
}

impl Raw<Http<Paths>> {
    fn handler(&mut self) -> &mut Paths {
        self.server.application_mut().handler_mut()
    }

    pub(crate) fn events(&mut self) -> Vec<(u64, h3::Event)> {
        std::iter::from_fn(|| self.h3.poll(&mut self.quic).ok()).collect()
    }

    pub(crate) fn alive(&mut self) -> usize {
        self.handler().alive.load(Ordering::Relaxed)
    }

    /// Sends as much of a body as the server takes. Returns how many bytes.
    fn send_body(&mut self, stream: u64, body: &[u8]) -> usize {
        let mut sent = 0;
        for _ in 0..100 {
            match self
                .h3
                .send_body(&mut self.quic, stream, &body[sent..], false)
            {
                Ok(len) => sent += len,
                Err(h3::Error::Done | h3::Error::StreamBlocked) => {}
                Err(error) => panic!("{error}"),
            }
            if sent == body.len() {
                break;
            }
            self.exchange();
        }
        sent
    }
}

pub(crate) fn post(path: &'static str) -> Vec<(&'static str, &'static str)> {
    request("POST", path)
}

#[test]
fn a_body_comes_back_after_early_hints_and_trailers_are_seen() {
    let mut raw = raw(true);
    let stream = raw.send(&post("/echo"), false);
    let body = content(200_000);
    assert_eq!(raw.send_body(stream, &body), body.len());
    let trailers = [h3::Header::new(b"digest", b"abc")];
    raw.h3
        .send_additional_headers(&mut raw.quic, stream, &trailers, true, true)
        .unwrap();
    let answer = raw.finish(stream);
    assert_eq!(answer.sections.len(), 2);
    assert_eq!(answer.sections[0][":status"], "103");
    assert_eq!(answer.sections[0]["link"], "</style.css>; rel=preload");
    assert_eq!(answer.field(":status"), "200");
    assert_eq!(answer.field("content-length"), "200000");
    assert_eq!(answer.field("x-trailer"), "abc");
    assert!(answer.body == body, "{} bytes", answer.body.len());
    raw.exchange();
    assert_eq!(raw.alive(), 0);
}

#[test]
fn what_a_handler_leaves_unread_holds_the_client_back() {
    let mut raw = raw(false);
    let stream = raw.send(&post("/echo"), false);
    let body = content(200_000);
    let window = 64 << 10;
    let sent = raw.send_body(stream, &body);
    assert!(sent <= window, "{sent} bytes");
    raw.handler().reads = true;
    let key = raw.handler().asked[0];
    assert!(raw.server.resume(key.connection(), key.stream()));
    let sent = sent + raw.send_body(stream, &body[sent..]);
    assert_eq!(sent, body.len());
    raw.h3.send_body(&mut raw.quic, stream, b"", true).unwrap();
    assert!(raw.finish(stream).body == body);
}

#[test]
fn a_streamed_body_is_asked_for_as_the_client_takes_it() {
    let mut raw = raw(true);
    let answer = raw.ask(&request("GET", "/stream"), None);
    assert!(
        answer.body == content(STREAMED),
        "{} bytes",
        answer.body.len()
    );
    assert_eq!(answer.sections.len(), 2);
    assert_eq!(answer.sections[1]["x-sum"], "42");
    let waiting = raw.handler().most_waiting;
    assert!((1..=64 << 10).contains(&waiting), "{waiting}");
    // A HEAD request has the same response, without the body.
    let head = raw.ask(&request("HEAD", "/stream"), None);
    assert_eq!((head.field(":status"), head.body.len()), ("200", 0));
}

#[test]
fn an_answer_may_come_later_and_from_elsewhere() {
    let mut raw = raw(true);
    let first = raw.send(&request("GET", "/later"), true);
    let second = raw.send(&request("GET", "/later"), true);
    raw.exchange();
    let asked = raw.handler().asked.clone();
    assert_eq!(asked.len(), 2);
    for (key, words) in [(asked[1], "second"), (asked[0], "first")] {
        raw.handler().answers.insert(key, words);
        assert!(raw.server.resume(key.connection(), key.stream()));
        let stream = if words == "first" { first } else { second };
        assert_eq!(raw.finish(stream).body, words.as_bytes());
    }
    assert_eq!(raw.alive(), 0);
    raw.quic.close(true, 0, b"").unwrap();
    raw.exchange();
    raw.server
        .handle_timeout(raw.now + Duration::from_secs(3600));
    let key = asked[0];
    assert!(
        !raw.server.resume(key.connection(), key.stream()),
        "it is gone"
    );
}

#[test]
fn who_gives_up_is_forgotten() {
    let mut raw = raw(true);
    let stream = raw.send(&request("GET", "/later"), true);
    raw.exchange();
    assert_eq!(raw.alive(), 1);
    let stop = quiche::Shutdown::Read;
    raw.quic.stream_shutdown(stream, stop, 0x10c).unwrap();
    raw.exchange();
    assert_eq!(raw.alive(), 0);
    assert_eq!(raw.server.application().counters().cancelled, 1);
    // Cancelled while the client sends the body.
    let stream = raw.send(&post("/echo"), false);
    raw.send_body(stream, &[1; 100]);
    raw.exchange();
    assert_eq!(raw.alive(), 1);
    let stop = quiche::Shutdown::Write;
    raw.quic.stream_shutdown(stream, stop, 0x10c).unwrap();
    raw.exchange();
    assert_eq!(raw.alive(), 0);
    raw.events();
    let fine = raw.ask(&request("GET", "/stream"), None);
    assert_eq!(fine.field(":status"), "200");
}

#[test]
fn a_response_that_breaks_off_is_seen_to() {
    let mut raw = raw(true);
    let stream = raw.send(&request("GET", "/broken"), true);
    for _ in 0..5 {
        raw.exchange();
    }
    let events = raw.events();
    assert!(
        events.contains(&(stream, h3::Event::Reset(0x102))),
        "{events:?}"
    );
    assert_eq!(raw.server.application().counters().broken, 1);
    assert_eq!(raw.alive(), 0);
}

#[test]
fn an_answer_that_needs_no_body_refuses_it() {
    let mut raw = raw(true);
    let answer = raw.ask(&post("/early"), Some(&[7; 3000]));
    assert_eq!(
        (answer.field(":status"), answer.body.as_slice()),
        ("403", &b"no"[..])
    );
    let again = raw.ask(&request("GET", "/none"), None);
    assert_eq!(
        (again.field(":status"), again.field("content-length")),
        ("404", "0")
    );
}

#[test]
fn an_application_may_think_and_a_client_may_not() {
    let limit = Duration::from_secs(120);
    let change = |config: &mut ServerConfig| config.response_timeout = limit;
    let mut raw = configured(true, change);
    raw.send(&request("GET", "/later"), true);
    raw.exchange();
    raw.now += 10 * limit;
    raw.server.handle_timeout(raw.now);
    raw.exchange();
    assert_eq!(raw.quic.peer_error(), None);
    assert_eq!(raw.server.stats().connections.response_timeouts, 0);
    // The client must send the rest of its request.
    for path in ["/echo", "/once"] {
        let mut raw = configured(true, change);
        let timeouts = |raw: &Raw<_>| raw.server.stats().connections.response_timeouts;
        let stream = raw.send(&post(path), false);
        raw.send_body(stream, &[1; 100]);
        raw.exchange();
        raw.now += limit / 2;
        raw.send_body(stream, &[1; 100]);
        raw.exchange();
        raw.now += limit / 2;
        raw.server.handle_timeout(raw.now);
        assert_eq!(timeouts(&raw), 0, "{path}: it got on");
        raw.exchange();
        raw.now += limit;
        raw.server.handle_timeout(raw.now);
        assert_eq!(timeouts(&raw), 1, "{path}");
    }
}

#[test]
fn bodies_that_are_given_up_while_they_are_read_count() {
    let mut raw = raw(false);
    let most = HttpConfig::default().max_requests_given_up;
    for _ in 0..=most {
        let stream = raw.send(&post("/echo"), false);
        raw.handler().reads = false;
        assert_eq!(raw.send_body(stream, &[1; 100]), 100);
        raw.exchange();
        raw.handler().reads = true;
        raw.quic
            .stream_shutdown(stream, quiche::Shutdown::Write, 0x10c)
            .unwrap();
        raw.exchange();
        raw.events();
    }
    raw.exchange();
    let excessive = h3::WireErrorCode::ExcessiveLoad as u64;
    let error = raw.quic.peer_error().map(|error| error.error_code);
    assert_eq!(error, Some(excessive));
    assert_eq!(raw.alive(), 0);
}

#[test]
fn what_is_under_way_is_finished_before_the_server_ends() {
    let mut raw = raw(true);
    let stream = raw.send(&post("/echo"), false);
    let body = content(10_000);
    assert_eq!(raw.send_body(stream, &body[..5000]), 5000);
    raw.exchange();
    raw.server.drain();
    raw.exchange();
    // The client has not read the GOAWAY yet.
    let late = raw.send(&request("GET", "/stream"), true);
    raw.exchange();
    let events = raw.events();
    let rejected = h3::WireErrorCode::RequestRejected as u64;
    assert!(events.contains(&(4, h3::Event::GoAway)), "{events:?}");
    assert!(
        events.contains(&(late, h3::Event::Reset(rejected))),
        "{events:?}"
    );
    assert!(!raw.server.is_drained());
    assert_eq!(raw.send_body(stream, &body[5000..]), 5000);
    raw.h3.send_body(&mut raw.quic, stream, b"", true).unwrap();
    assert!(raw.finish(stream).body == body);
    for _ in 0..5 {
        raw.exchange();
    }
    let goodbye = raw.quic.peer_error().expect("closed by the server");
    assert_eq!((goodbye.is_app, goodbye.error_code), (true, 0x100));
    raw.wait_for_the_end();
}
