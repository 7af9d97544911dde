//! Our own client's request bodies, to a server that echoes or refuses them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use xskit_quic::Endpoint;
use xskit_quic::client::{InvalidRequest, RequestBody, RequestError, RequestId};
use xskit_quic::{
    Fields, Handler, Http, HttpConfig, Incoming, Reply, Request, RequestKey, Response, Server,
    ServerConfig,
};

use super::world::{Faults, Pki, World, content};

const LARGE: usize = 3 << 20;
const LIMIT: Duration = Duration::from_secs(2);

/// Treats a body according to the request's path.
#[derive(Default)]
struct Echo {
    /// Requests received, and exchanges dropped.
    begun: usize,
    dropped: Arc<AtomicUsize>,
    /// Bytes of `/slow` that may be read.
    budget: usize,
    asked: Option<RequestKey>,
}

struct Exchange {
    path: String,
    method: String,
    kind: Option<String>,
    received: Vec<u8>,
    trailer: Option<String>,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

impl Handler for Echo {
    type Exchange = Exchange;

    fn request(&mut self, request: &Request<'_>, reply: &mut Reply<'_>) -> Exchange {
        self.begun += 1;
        self.asked = Some(reply.key());
        if request.path() == "/hints" {
            reply.inform(103, &[("link", "</a>")]);
        }
        if request.path() == "/early-unread" {
            reply.respond(Response::text(413, "too much"));
        }
        Exchange {
            path: request.path().to_owned(),
            method: request.method().to_owned(),
            kind: request.fields().get("x-kind").map(text),
            received: Vec::new(),
            trailer: None,
            dropped: Arc::clone(&self.dropped),
        }
    }

    fn body(&mut self, it: &mut Exchange, body: &mut Incoming<'_>, reply: &mut Reply<'_>) {
        match it.path.as_str() {
            "/never" | "/early-unread" => {}
            "/slow" => self.budget -= body.read_into(&mut it.received, self.budget),
            "/early" => {
                if body.read_into(&mut it.received, 4096) > 0 && !reply.is_begun() {
                    reply.respond(Response::text(413, "too much"));
                    body.refuse();
                }
            }
            _ => while body.read_into(&mut it.received, 16 << 10) > 0 {},
        }
    }

    fn trailers(&mut self, it: &mut Exchange, trailers: Fields<'_>, _: &mut Reply<'_>) {
        it.trailer = trailers.get("digest").map(text);
    }

    fn end(&mut self, it: &mut Exchange, reply: &mut Reply<'_>) {
        if reply.is_begun() {
            return;
        }
        let mut response = Response::new(200).field("x-method", &it.method);
        if let Some(kind) = &it.kind {
            response = response.field("x-kind", kind);
        }
        let body = Bytes::from(std::mem::take(&mut it.received));
        if let Some(trailer) = &it.trailer {
            reply.respond(response.body(xskit_quic::Body::Stream));
            reply.write(body);
            reply.finish_with(&[("x-digest", trailer)]);
        } else {
            reply.respond(response.body(body));
        }
    }
}

type Uploads = World<Http<Echo>>;

/// A server, and a client whose patience is this long.
fn uploads(limit: Duration) -> Uploads {
    let pki = Pki::new();
    let http = Http::new(Echo::default(), &HttpConfig::default()).unwrap();
    let config = ServerConfig::new(pki.identity.clone());
    let mut world = World::of_http(Server::new(&config, http, Instant::now()).unwrap());
    let mut client = pki.client();
    client.progress_timeout = limit;
    world.connect(&client);
    world
}

impl Uploads {
    fn post(&mut self, path: &str, body: impl Into<RequestBody>) -> RequestId {
        let client = &mut self.peers[0].client;
        client.request("POST", path, &[], body).unwrap()
    }

    fn answer(&mut self, id: RequestId) -> (u16, Vec<u8>) {
        self.run("an answer", |world| world.peers[0].finished.contains(&id));
        self.peers[0].take(id)
    }

    /// Exchanges that the handler has.
    fn alive(&mut self) -> usize {
        let handler = self.server.application_mut().handler_mut();
        let dropped = handler.dropped.load(Ordering::Relaxed);
        handler.begun - dropped
    }

    /// Writes a streamed body as there is room for it, and its end.
    fn stream(&mut self, id: RequestId, body: &Bytes) {
        let mut written = 0;
        while written < body.len() {
            let client = &mut self.peers[0].client;
            let piece = client.room(id).min(body.len() - written);
            if piece == 0 {
                self.peers[0].rooms.clear();
                self.run("room", |world| world.peers[0].rooms.contains(&id));
                continue;
            }
            assert!(client.write_body(id, body.slice(written..written + piece)));
            written += piece;
        }
    }
}

#[test]
fn bodies_come_back_over_a_bad_path() {
    let mut world = uploads(Duration::from_secs(60));
    world.faults = Faults {
        lost: 20,
        doubled: 10,
        delayed: 20,
    };
    let sizes = [0, 1, 64 << 10, LARGE];
    let ids = sizes.map(|size| world.post("/echo", content(size)));
    let streamed = world.post("/echo", RequestBody::Stream);
    world.stream(streamed, &content(300_000).into());
    world.peers[0].client.finish_body(streamed);
    for (id, size) in ids.into_iter().zip(sizes).chain([(streamed, 300_000)]) {
        let (status, body) = world.answer(id);
        assert_eq!(status, 200);
        assert!(body == content(size), "{} of {size} bytes", body.len());
    }
    assert_eq!(world.alive(), 0);
    world.close();
}

#[test]
fn methods_and_fields_arrive_and_others_are_refused() {
    let mut world = uploads(LIMIT);
    let client = &mut world.peers[0].client;
    let fields = [("X-Kind", "a kind of")];
    let id = client.request("PROPFIND", "/echo", &fields, "abc").unwrap();
    let broken = client.request("GET", "/", &[("a", "b\r\nc: d")], RequestBody::Empty);
    assert_eq!(broken, Err(InvalidRequest::FieldValue("a".to_owned())));
    let head = client.request("HEAD", "/echo", &[], RequestBody::Empty);
    let head = head.unwrap();
    assert_eq!(world.answer(id), (200, b"abc".to_vec()));
    let answered = &world.peers[0].heads[&id];
    assert_eq!(answered.field("x-method"), Some("PROPFIND"));
    assert_eq!(answered.field("x-kind"), Some("a kind of"));
    world.run("the others", |world| world.peers[0].finished.len() == 2);
    assert_eq!(world.peers[0].heads[&head].status, 200);
    let spaced = world.peers[0].client.get("/a b", None);
    world.step();
    let error = RequestError::Invalid(InvalidRequest::Path("/a b".to_owned()));
    assert_eq!(world.peers[0].failed, [(spaced, error)]);
    world.close();
}

#[test]
fn interim_responses_and_trailers_are_told_both_ways() {
    let mut world = uploads(LIMIT);
    let id = world.post("/hints", RequestBody::Stream);
    let client = &mut world.peers[0].client;
    // Before the connection is established.
    assert!(client.write_body(id, "some"));
    assert!(client.write_body(id, "thing"));
    let broken = client.finish_body_with(id, &[(":path", "/")]);
    assert!(broken.is_err());
    client.finish_body_with(id, &[("Digest", "123")]).unwrap();
    assert!(!client.write_body(id, "late") && client.room(id) == 0);
    assert_eq!(world.answer(id), (200, b"something".to_vec()));
    let peer = &world.peers[0];
    let [(hinted, hints)] = peer.interim.as_slice() else {
        panic!("{:?}", peer.interim);
    };
    assert_eq!((*hinted, hints.status), (id, 103));
    assert_eq!(hints.field("link"), Some("</a>"));
    let trailers = [("x-digest".to_owned(), "123".to_owned())];
    assert_eq!(peer.trailers[&id], trailers);
    world.close();
}

#[test]
fn a_response_may_come_before_the_body_has_gone() {
    for path in ["/early", "/early-unread"] {
        let mut world = uploads(LIMIT);
        let id = world.post(path, content(LARGE));
        assert_eq!(world.answer(id), (413, b"too much".to_vec()), "{path}");
        let streamed = world.post(path, RequestBody::Stream);
        while world.peers[0].heads.len() < 2 {
            world.peers[0].client.write_body(streamed, vec![0; 1000]);
            world.advance("a response");
        }
        assert_eq!(world.answer(streamed), (413, b"too much".to_vec()));
        assert!(!world.peers[0].client.write_body(streamed, "more"));
        assert_eq!(world.peers[0].refused.len(), 2, "{path}");
        let again = world.post("/echo", "again");
        assert_eq!(world.answer(again).1, b"again");
        world.close();
    }
}

#[test]
fn a_request_may_be_given_up_while_it_is_sent() {
    let mut world = uploads(LIMIT);
    let never_sent = world.post("/echo", content(LARGE));
    world.peers[0].client.cancel(never_sent);
    let id = world.post("/never", content(LARGE));
    let other = world.post("/echo", content(LARGE));
    world.run("the upload", |world| {
        world.server.application().counters().requests == 2
    });
    world.peers[0].client.cancel(id);
    assert_eq!(world.answer(other).1.len(), LARGE);
    world.run("the end", |world| {
        world.server.application().counters().cancelled == 1
    });
    assert_eq!(world.alive(), 0);
    world.peers[0].client.cancel(id);
    let peer = &world.peers[0];
    assert_eq!((peer.heads.len(), peer.finished.len()), (1, 1));
    assert_eq!(world.server.application().counters().requests, 2);
    world.close();
}

#[test]
fn an_upload_that_nobody_reads_ends() {
    let mut world = uploads(Duration::from_millis(60));
    let id = world.post("/never", content(LARGE));
    world.run("the end", |world| !world.peers[0].failed.is_empty());
    let [(failed, RequestError::Stalled { received: 0, .. })] = world.peers[0].failed[..] else {
        panic!("{:?}", world.peers[0].failed);
    };
    assert_eq!(failed, id);
    world.run("the server to hear", |world| {
        world.server.application().counters().cancelled == 1
    });
    assert_eq!(world.alive(), 0);
    world.close();
}

#[test]
fn an_upload_that_is_read_slowly_makes_progress() {
    let mut world = uploads(LIMIT);
    let body = content(500_000);
    let id = world.post("/slow", body.clone());
    for _ in 0..10 {
        while world.step() {}
        world.ahead += LIMIT / 2;
        let handler = world.server.application_mut().handler_mut();
        handler.budget += 50_000;
        if let Some(key) = handler.asked {
            world.server.resume(key.connection(), key.stream());
        }
        let now = Instant::now() + world.ahead;
        world.peers[0].client.handle_timeout(now);
        assert_eq!(world.peers[0].failed, []);
    }
    assert!(world.answer(id).1 == body);
    world.close();
}

#[test]
fn an_application_that_writes_late_is_no_stall() {
    let mut world = uploads(LIMIT);
    let id = world.post("/echo", RequestBody::Stream);
    for piece in ["a", "b", "c"] {
        while world.step() {}
        world.ahead += 2 * LIMIT;
        let now = Instant::now() + world.ahead;
        world.peers[0].client.handle_timeout(now);
        assert_eq!(world.peers[0].failed, []);
        assert!(world.peers[0].client.write_body(id, piece));
    }
    world.peers[0].client.finish_body(id);
    assert_eq!(world.answer(id), (200, b"abc".to_vec()));
    world.close();
}
