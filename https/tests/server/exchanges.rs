//! Requests and their responses.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt;
use http_body_util::channel::Channel;
use tokio::net::TcpStream;
use xskit_https::Runtime;
use xskit_quic::{Body, Fields, Handler, Reply};

use crate::{Client, PATIENCE, Site, bytes, files, run, site};

fn files_come_by_either_protocol(runtime: Runtime) {
    let (_dir, files) = files();
    let site = site(runtime, files, |_| {});
    let received = std::cell::Cell::new(0);
    for is_http2 in [false, true] {
        run(async {
            let mut client = Client::new(&site, is_http2).await;
            let mut ask = async |method, path, range: Option<&str>| {
                let mut request = site.request(method, path);
                if let Some(range) = range {
                    request = request.header("range", range);
                }
                let response = client.ask(request.body(bytes("")).unwrap()).await.unwrap();
                let (head, body) = response.into_parts();
                assert_eq!(head.headers["alt-svc"], "h3=\":4433\"; ma=86400");
                assert_eq!(head.headers.get_all("content-length").iter().count(), 1);
                let body = body.collect().await.unwrap().to_bytes();
                received.set(received.get() + body.len() as u64);
                (head.status.as_u16(), head.headers, body)
            };
            let (status, fields, body) = ask("GET", "/small", None).await;
            assert_eq!((status, &body[..]), (200, &b"hello"[..]));
            assert!(fields.contains_key("etag") && fields.contains_key("date"));
            let (status, fields, body) = ask("HEAD", "/small", None).await;
            assert_eq!((status, body.len()), (200, 0));
            assert_eq!(fields["content-length"], "5");
            assert_eq!(ask("GET", "/nothing", None).await.0, 404);
            let (status, _, body) = ask("GET", "/small", Some("bytes=1-2")).await;
            assert_eq!((status, &body[..]), (206, &b"el"[..]));
            let (status, _, body) = ask("GET", "/large", None).await;
            assert!(status == 200 && body == vec![7; 3 << 20]);
            let (status, ..) = ask("POST", "/small", None).await;
            assert_eq!(status, 405);
        });
    }
    let stats = site.end(Duration::from_secs(5));
    assert_eq!((stats.accepted, stats.refused), (2, 0));
    let http = stats.http;
    assert_eq!(
        (http.requests, http.completed, http.error_statuses),
        (12, 12, 4)
    );
    assert_eq!(http.body_bytes, received.get());
}

/// Echoes the body as it arrives, and the trailers.
struct Echo;

impl Handler for Echo {
    type Exchange = Vec<(String, String)>;

    fn request(
        &mut self,
        request: &xskit_quic::Request<'_>,
        reply: &mut Reply<'_>,
    ) -> Vec<(String, String)> {
        let mut response = xskit_quic::Response::new(200).body(Body::Stream);
        if request.path() == "/reset" {
            reply.respond(response);
            reply.write(&b"half"[..]);
            reply.reset(0x102);
            return Vec::new();
        }
        response = response.field("x-authority", request.authority());
        reply.respond(response);
        Vec::new()
    }

    fn body(
        &mut self,
        _: &mut Vec<(String, String)>,
        body: &mut xskit_quic::Incoming<'_>,
        reply: &mut Reply<'_>,
    ) {
        let mut piece = Vec::new();
        body.read_into(&mut piece, reply.room());
        reply.write(piece);
    }

    fn trailers(
        &mut self,
        kept: &mut Vec<(String, String)>,
        trailers: Fields<'_>,
        _: &mut Reply<'_>,
    ) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        kept.extend(
            trailers
                .iter()
                .map(|(name, value)| (text(name), text(value))),
        );
    }

    fn end(&mut self, kept: &mut Vec<(String, String)>, reply: &mut Reply<'_>) {
        let fields: Vec<_> = kept.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        reply.finish_with(&fields);
    }
}

fn bodies_and_trailers_go_both_ways_as_fast_as_they_are_taken(runtime: Runtime) {
    let site = site(runtime, Echo, |_| {});
    let sent: Vec<u8> = (0..2_000_000_u32).map(|at| (at % 251) as u8).collect();
    for is_http2 in [false, true] {
        let sent = &sent;
        run(async {
            let mut client = Client::new(&site, is_http2).await;
            let (mut body, incoming) = Channel::new(1);
            let mut trailers = HeaderMap::new();
            trailers.insert("x-sum", "7".parse().unwrap());
            let pieces: Vec<_> = sent.chunks(50_000).map(Bytes::copy_from_slice).collect();
            tokio::spawn(async move {
                for piece in pieces {
                    body.send_data(piece).await.unwrap();
                }
                body.send_trailers(trailers).await.unwrap();
            });
            let request = site
                .request("POST", "/")
                .header("trailer", "x-sum")
                .header("te", "trailers");
            let response = client
                .ask(request.body(incoming.boxed()).unwrap())
                .await
                .unwrap();
            assert!(
                response.headers()["x-authority"]
                    .to_str()
                    .unwrap()
                    .starts_with("127.0.0.1")
            );
            let came = response.into_body().collect().await.unwrap();
            let fields = came.trailers().cloned();
            assert!(came.to_bytes() == sent[..]);
            if is_http2 {
                assert_eq!(fields.unwrap()["x-sum"], "7");
            }
        });
    }
    site.end(Duration::from_secs(5));
}

fn who_gets_half_of_a_response_learns_of_it(runtime: Runtime) {
    let site = site(runtime, Echo, |_| {});
    for is_http2 in [false, true] {
        run(async {
            let mut client = Client::new(&site, is_http2).await;
            let request = site.request("GET", "/reset").body(bytes("")).unwrap();
            let whole = async { client.ask(request).await?.into_body().collect().await };
            assert!(whole.await.is_err());
        });
    }
    assert_eq!(site.end(Duration::from_secs(5)).http.broken, 2);
}

fn what_is_under_way_is_finished_before_the_end(runtime: Runtime) {
    let site = site(runtime, Echo, |_| {});
    let address = site.address;
    run(async {
        let mut clients = [
            Client::new(&site, false).await,
            Client::new(&site, true).await,
        ];
        let mut bodies = Vec::new();
        for client in &mut clients {
            let (mut body, incoming) = Channel::new(1);
            let request = site.request("POST", "/").body(incoming.boxed());
            let response = client.ask(request.unwrap()).await.unwrap();
            body.send_data(Bytes::from_static(b"first")).await.unwrap();
            bodies.push((body, response.into_body()));
        }
        let ending = std::thread::spawn(move || site.end(PATIENCE));
        while TcpStream::connect(address).await.is_ok() {}
        for (mut body, answer) in bodies {
            body.send_data(Bytes::from_static(b" last")).await.unwrap();
            drop(body);
            assert_eq!(
                answer.collect().await.unwrap().to_bytes(),
                &b"first last"[..]
            );
        }
        let stats = tokio::task::spawn_blocking(|| ending.join().unwrap());
        assert_eq!(stats.await.unwrap().http.completed, 2);
    });
}

/// Sends requests until the server accepts no more. Counts those that were answered completely.
async fn ask_until_refused(site: &Site, is_http2: bool, answered: &AtomicU64) {
    let mut client = Client::new(site, is_http2).await;
    for (path, len) in [("/small", 5), ("/large", 3 << 20)].into_iter().cycle() {
        let request = site.request("GET", path).body(bytes("")).unwrap();
        let Ok(response) = client.ask(request).await else {
            return;
        };
        let body = response.into_body().collect().await;
        assert_eq!(body.expect("what was begun").to_bytes().len(), len);
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

fn under_load_what_was_begun_is_finished(runtime: Runtime) {
    let (_dir, files) = files();
    let mut site = site(runtime, files, |_| {});
    let (end, answered) = (site.end.take().unwrap(), AtomicU64::new(0));
    thread::scope(|scope| {
        for number in 0..8 {
            let (site, answered) = (&site, &answered);
            scope.spawn(move || run(ask_until_refused(site, number % 2 == 0, answered)));
        }
        while answered.load(Ordering::Relaxed) < 50 {
            thread::sleep(Duration::from_millis(1));
        }
        end.send(PATIENCE).unwrap();
    });
    let http = site.thread.take().unwrap().join().unwrap().http;
    TcpListener::bind(site.address).expect("the next server has the port");
    let answered = answered.into_inner();
    assert_eq!((http.requests, http.completed), (answered, answered));
}

on_each_runtime!(
    files_come_by_either_protocol,
    bodies_and_trailers_go_both_ways_as_fast_as_they_are_taken,
    who_gets_half_of_a_response_learns_of_it,
    what_is_under_way_is_finished_before_the_end,
    under_load_what_was_begun_is_finished
);
