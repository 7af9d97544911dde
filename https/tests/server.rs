//! Clients of HTTP/1.1 and 2, by hyper and by hand, and a server on a thread of its own.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use xskit_https::{HttpsServer, HttpsStats, Resumer};
use xskit_quic::cert::{Authority, Validity};
use xskit_quic::server::Guests;
use xskit_quic::{
    Body, Fields, Files, Handler, Http, HttpCommon, HttpConfig, Identity, Reply, RequestKey, Root,
    ServerConfig,
};

/// For what comes at once, on however slow a machine.
const PATIENCE: Duration = Duration::from_secs(20);

struct Site {
    address: SocketAddr,
    authority: Authority,
    end: Option<oneshot::Sender<Duration>>,
    resumer: Resumer,
    guests: Guests,
    thread: Option<JoinHandle<HttpsStats>>,
}

/// A server of this handler. `change` is for the configuration.
fn site<H: Handler + Send + 'static>(handler: H, change: fn(&mut ServerConfig)) -> Site {
    let http = || Http::new(handler, &HttpConfig::default()).unwrap();
    site_of(http, change)
}

/// The same, of what is made on its thread.
fn site_of<H: Handler + 'static>(
    http: impl FnOnce() -> Http<H> + Send + 'static,
    change: fn(&mut ServerConfig),
) -> Site {
    let authority = Authority::new().unwrap();
    let names = ["127.0.0.1".to_owned()];
    let issued = authority.issue(&names, Validity::days(1)).unwrap();
    let (chain, key) = (issued.certificate.as_bytes(), issued.key.as_bytes());
    let mut config = ServerConfig::new(Identity::from_pem(chain, key).unwrap());
    change(&mut config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = oneshot::channel();
    let guests = Guests::new(&config);
    let its_guests = guests.clone();
    let (resumer, its_resumer) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let server = HttpsServer::new(&config, http(), its_guests).unwrap();
        server.control().advertise(Some(4433));
        resumer.send(server.resumer()).unwrap();
        let ended = async { ended.await.unwrap_or_default() };
        server.serve(listener, ended).unwrap()
    });
    Site {
        address,
        authority,
        end: Some(end),
        resumer: its_resumer.recv().unwrap(),
        guests,
        thread: Some(thread),
    }
}

impl Site {
    async fn connect(&self, protocol: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = rustls::RootCertStore::empty();
        let own = CertificateDer::from_pem_slice(self.authority.pem().as_bytes()).unwrap();
        roots.add(own).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.into()];
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("127.0.0.1").unwrap();
        TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
    }

    fn end(mut self, grace: Duration) -> HttpsStats {
        self.end.take().unwrap().send(grace).unwrap();
        self.thread.take().unwrap().join().unwrap()
    }

    fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let url = format!("https://{}{path}", self.address);
        Request::builder()
            .method(method)
            .uri(url)
            .header("host", self.address.to_string())
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let limited = async { tokio::time::timeout(PATIENCE, future).await };
    runtime.unwrap().block_on(limited).expect("done in time")
}

type Sent = http_body_util::combinators::BoxBody<Bytes, Infallible>;

fn bytes(bytes: impl Into<Bytes>) -> Sent {
    Full::new(bytes.into()).boxed()
}

/// A client of either protocol.
enum Client {
    One(http1::SendRequest<Sent>),
    Two(http2::SendRequest<Sent>),
}

impl Client {
    async fn new(site: &Site, is_http2: bool) -> Self {
        let stream = site.connect(if is_http2 { "h2" } else { "http/1.1" }).await;
        let stream = TokioIo::new(stream.unwrap());
        if is_http2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream)
                .await
                .unwrap();
            tokio::spawn(connection);
            return Self::Two(sender);
        }
        let (sender, connection) = http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Self::One(sender)
    }

    async fn ask(&mut self, request: Request<Sent>) -> hyper::Result<Response<Incoming>> {
        match self {
            Self::One(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Self::Two(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }
}

fn files() -> (tempfile::TempDir, Files) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("small"), "hello").unwrap();
    std::fs::write(dir.path().join("large"), vec![7; 3 << 20]).unwrap();
    let root = Root::open(dir.path()).unwrap();
    (dir, Files::new(root))
}

#[test]
fn files_come_by_either_protocol() {
    let (_dir, files) = files();
    let site = site(files, |_| {});
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

/// Sends back what it is sent, as it comes, and the trailers.
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

#[test]
fn bodies_and_trailers_go_both_ways_as_fast_as_they_are_taken() {
    let site = site(Echo, |_| {});
    let sent: Vec<u8> = (0..2_000_000_u32).map(|at| (at % 251) as u8).collect();
    for is_http2 in [false, true] {
        let (pieces, sent) = (sent.chunks(50_000), &sent);
        let mut trailers = HeaderMap::new();
        trailers.insert("x-sum", "7".parse().unwrap());
        let frames = pieces.map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece))));
        let frames: Vec<_> = frames.chain([Ok(Frame::trailers(trailers))]).collect();
        run(async {
            let mut client = Client::new(&site, is_http2).await;
            let body = StreamBody::new(Frames(frames.into_iter())).boxed();
            let request = site
                .request("POST", "/")
                .header("trailer", "x-sum")
                .header("te", "trailers");
            let response = client.ask(request.body(body).unwrap()).await.unwrap();
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

/// A stream of what is there already.
struct Frames<I>(I);

impl<I: Iterator<Item = Result<Frame<Bytes>, Infallible>> + Unpin> futures_core::Stream
    for Frames<I>
{
    type Item = Result<Frame<Bytes>, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next())
    }
}

#[test]
fn who_gets_half_of_a_response_learns_of_it() {
    let site = site(Echo, |_| {});
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

#[test]
fn who_asks_for_nothing_is_cut_off_and_so_is_who_trickles() {
    let (_dir, files) = files();
    let site = site(files, |config| {
        config.handshake_timeout = Duration::from_millis(300);
        config.request_timeout = Duration::from_millis(600);
    });
    let closes = async |protocol: Option<&str>, said: &[u8], trickle: &[u8]| {
        let begun = Instant::now();
        let mut buffer = [0; 4096];
        let mut over = async |stream: &mut (dyn Stream + Unpin)| {
            if stream.write_all(said).await.is_err() {
                return;
            }
            loop {
                let read =
                    tokio::time::timeout(Duration::from_millis(50), stream.read(&mut buffer));
                match read.await {
                    Ok(Ok(0) | Err(_)) => return,
                    Ok(Ok(_)) => {}
                    Err(_) if stream.write_all(trickle).await.is_err() => return,
                    Err(_) => {}
                }
            }
        };
        match protocol {
            Some(protocol) => over(&mut site.connect(protocol).await.unwrap()).await,
            None => over(&mut TcpStream::connect(site.address).await.unwrap()).await,
        }
        assert!(begun.elapsed() >= Duration::from_millis(250));
    };
    run(async {
        // No TLS; no request; half of one, a byte at a time; HTTP/2's preface and no request.
        closes(None, b"", b"").await;
        closes(Some("http/1.1"), b"", b"").await;
        closes(Some("http/1.1"), b"GET / HTTP/1.1\r\nx: ", b"a").await;
        closes(
            Some("h2"),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
            b"",
        )
        .await;
    });
    assert_eq!(site.end(Duration::ZERO).http.requests, 0);
}

trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite {}
impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite> Stream for T {}

#[test]
fn a_host_has_no_more_connections_than_it_may() {
    let (_dir, files) = files();
    let site = site(files, |config| config.max_connections_per_host = 2);
    run(async {
        let first = site.connect("h2").await.unwrap();
        let _second = site.connect("h2").await.unwrap();
        assert!(site.connect("h2").await.is_err());
        drop(first);
        while site.connect("h2").await.is_err() {}
    });
    let stats = site.end(Duration::ZERO);
    assert!(stats.accepted == 3 && stats.refused > 0);
}

/// Answers when another thread says so.
struct Later(std::sync::mpsc::Sender<RequestKey>);

impl Handler for Later {
    type Exchange = ();

    fn request(&mut self, _: &xskit_quic::Request<'_>, reply: &mut Reply<'_>) {
        self.0.send(reply.key()).unwrap();
    }

    fn resume(&mut self, (): &mut (), reply: &mut Reply<'_>) {
        reply.respond(xskit_quic::Response::text(200, "later"));
    }
}

#[test]
fn another_thread_can_have_a_handler_go_on() {
    let (told, asked) = std::sync::mpsc::channel();
    let site = site(Later(told), |_| {});
    let resumer = site.resumer.clone();
    std::thread::spawn(move || {
        for request in asked {
            resumer.resume(request);
        }
    });
    for is_http2 in [false, true] {
        run(async {
            let mut client = Client::new(&site, is_http2).await;
            let request = site.request("GET", "/").body(bytes("")).unwrap();
            let body = client.ask(request).await.unwrap().into_body();
            assert_eq!(body.collect().await.unwrap().to_bytes(), &b"later"[..]);
        });
    }
    assert_eq!(site.end(Duration::from_secs(5)).http.completed, 2);
}

/// A stream from which nothing is read while it is told so.
struct Stalling<S> {
    stream: S,
    is_stalled: Arc<AtomicBool>,
}

impl<S> Stalling<S> {
    fn new(stream: S) -> (Self, Arc<AtomicBool>) {
        let is_stalled = Arc::new(AtomicBool::new(false));
        let its = Arc::clone(&is_stalled);
        (Self { stream, is_stalled }, its)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stalling<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.is_stalled.load(Ordering::Relaxed) {
            let waker = cx.waker().clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                waker.wake();
            });
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stalling<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A client with a large window that takes nothing has the server read no more than a connection may hold.
#[test]
fn who_takes_nothing_of_many_files_holds_little_memory() {
    let (_dir, files) = files();
    let common = HttpCommon::new(&HttpConfig {
        max_body_bytes_held: 1 << 20,
        ..HttpConfig::default()
    });
    let of_site = common.clone();
    let site = site_of(
        move || Http::for_worker(files, of_site).unwrap(),
        |config| {
            config.transport.max_streams = 10;
        },
    );
    run(async {
        let stream = site.connect("h2").await.unwrap();
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.initial_stream_window_size(8 << 20);
        builder.initial_connection_window_size(64 << 20);
        let (stream, stalled) = Stalling::new(stream);
        let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        stalled.store(true, Ordering::Relaxed);
        let mut asked = Vec::new();
        for _ in 0..10 {
            let request = site.request("GET", "/large").body(bytes("")).unwrap();
            asked.push(tokio::spawn(sender.send_request(request)));
        }
        while common.body_bytes_held() < 1 << 20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        // And a chunk.
        assert!(common.body_bytes_held() < (1 << 20) + (256 << 10));
        stalled.store(false, Ordering::Relaxed);
        for asked in asked {
            let body = asked.await.unwrap().unwrap().into_body();
            assert_eq!(body.collect().await.unwrap().to_bytes().len(), 3 << 20);
        }
    });
    site.end(Duration::from_secs(5));
    assert_eq!(common.body_bytes_held(), 0);
}

/// Leaves every body unread.
struct Deaf;

impl Handler for Deaf {
    type Exchange = ();

    fn request(&mut self, _: &xskit_quic::Request<'_>, _: &mut Reply<'_>) {}

    fn body(&mut self, (): &mut (), _: &mut xskit_quic::Incoming<'_>, _: &mut Reply<'_>) {}
}

#[test]
fn nothing_is_kept_of_an_upload_that_nobody_reads_and_whose_client_is_gone() {
    let site = site(Deaf, |_| {});
    run(async {
        // Over HTTP/1.1 nothing is read while the handler doesn't, so that the end isn't seen before it does.
        let mut client = Client::new(&site, true).await;
        let upload = site.request("POST", "/").body(bytes(vec![0; 1 << 20]));
        let asked = client.ask(upload.unwrap());
        let waited = tokio::time::timeout(Duration::from_millis(200), asked).await;
        assert!(waited.is_err());
        assert_eq!(site.guests.count(), 1);
    });
    // The client's runtime has ended, and the connection with it.
    let begun = Instant::now();
    while site.guests.count() > 0 {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(5));
    }
    let http = site.end(Duration::ZERO).http;
    assert_eq!((http.requests, http.completed), (1, 0));
}

/// Reads everything, and answers at the end.
struct Patient;

impl Handler for Patient {
    type Exchange = ();

    fn request(&mut self, _: &xskit_quic::Request<'_>, _: &mut Reply<'_>) {}

    fn body(&mut self, (): &mut (), body: &mut xskit_quic::Incoming<'_>, _: &mut Reply<'_>) {
        while body.read(&mut [0; 4096]) > 0 {}
    }

    fn end(&mut self, (): &mut (), reply: &mut Reply<'_>) {
        reply.respond(xskit_quic::Response::text(200, "all"));
    }
}

#[test]
fn half_an_upload_ends_with_its_connection() {
    let site = site(Patient, |_| {});
    run(async {
        let mut stream = site.connect("http/1.1").await.unwrap();
        let half = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf!";
        stream.write_all(half).await.unwrap();
        stream.shutdown().await.unwrap();
        while site.guests.count() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let http = site.end(Duration::ZERO).http;
    assert_eq!((http.requests, http.completed), (1, 0));
}

/// It is the handler's move as long as it likes, and then the client's.
#[test]
fn who_waits_for_the_handler_is_not_cut_off() {
    let (told, asked) = std::sync::mpsc::channel();
    let site = site(Later(told), |config| {
        config.response_timeout = Duration::from_millis(100);
        config.request_timeout = Duration::from_millis(100);
    });
    let resumer = site.resumer.clone();
    std::thread::spawn(move || {
        for request in asked {
            std::thread::sleep(Duration::from_millis(500));
            resumer.resume(request);
        }
    });
    for is_http2 in [false, true] {
        run(async {
            let mut client = Client::new(&site, is_http2).await;
            let request = site.request("GET", "/").body(bytes("")).unwrap();
            let body = client.ask(request).await.unwrap().into_body();
            assert_eq!(body.collect().await.unwrap().to_bytes(), &b"later"[..]);
        });
    }
    site.end(Duration::from_secs(5));
}

/// HTTP/2's rapid reset (CVE-2023-44487).
#[test]
fn who_resets_requests_on_and_on_is_cut_off() {
    let (_dir, files) = files();
    let site = site(files, |_| {});
    run(async {
        let mut client = Client::new(&site, true).await;
        for round in 0.. {
            assert!(round < 100_000);
            let request = site.request("GET", "/large").body(bytes("")).unwrap();
            let Client::Two(sender) = &mut client else {
                return;
            };
            if sender.ready().await.is_err() {
                break;
            }
            let mut asked = std::pin::pin!(sender.send_request(request));
            // Sent, and given up at once.
            let once = poll_fn(|cx| Poll::Ready(asked.as_mut().poll(cx).is_ready()));
            if once.await {
                break;
            }
            tokio::task::yield_now().await;
        }
    });
    let stats = site.end(Duration::from_secs(5));
    // What the connection's end has cut off counts as neither.
    assert!(stats.http.requests >= stats.http.completed + stats.http.cancelled);
}

#[test]
fn what_is_under_way_is_finished_before_the_end() {
    let site = site(Echo, |_| {});
    let address = site.address;
    run(async {
        let mut clients = [
            Client::new(&site, false).await,
            Client::new(&site, true).await,
        ];
        let mut bodies = Vec::new();
        for client in &mut clients {
            let (more, body) = tokio::sync::mpsc::unbounded_channel::<Bytes>();
            let request = site
                .request("POST", "/")
                .body(StreamBody::new(Channel(body)).boxed());
            let response = client.ask(request.unwrap()).await.unwrap();
            more.send(Bytes::from_static(b"first")).unwrap();
            bodies.push((more, response.into_body()));
        }
        let ending = std::thread::spawn(move || site.end(PATIENCE));
        while TcpStream::connect(address).await.is_ok() {}
        for (more, body) in bodies {
            more.send(Bytes::from_static(b" last")).unwrap();
            drop(more);
            assert_eq!(body.collect().await.unwrap().to_bytes(), &b"first last"[..]);
        }
        let stats = tokio::task::spawn_blocking(|| ending.join().unwrap());
        assert_eq!(stats.await.unwrap().http.completed, 2);
    });
}

/// A stream of what is given later.
struct Channel(tokio::sync::mpsc::UnboundedReceiver<Bytes>);

impl futures_core::Stream for Channel {
    type Item = Result<Frame<Bytes>, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0
            .poll_recv(cx)
            .map(|it| it.map(|bytes| Ok(Frame::data(bytes))))
    }
}
