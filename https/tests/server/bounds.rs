//! The bounds on what clients may do, and on what they cost.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use xskit_https::Runtime;
use xskit_quic::{Handler, Http, HttpCommon, HttpConfig, Reply, RequestKey};

use crate::{Client, PATIENCE, bytes, files, run, site, site_of};

fn who_asks_for_nothing_is_cut_off_and_so_is_who_trickles(runtime: Runtime) {
    let (_dir, files) = files();
    let site = site(runtime, files, |config| {
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

fn a_host_has_no_more_connections_than_it_may(runtime: Runtime) {
    let (_dir, files) = files();
    let site = site(runtime, files, |config| config.max_connections_per_host = 2);
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

/// A stream that is not read while `is_stalled` is set.
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

/// A client with a large window that takes nothing has the server read no more than a connection
/// may hold.
fn who_takes_nothing_of_many_files_holds_little_memory(runtime: Runtime) {
    let (_dir, files) = files();
    let common = HttpCommon::new(&HttpConfig {
        max_body_bytes_held: 1 << 20,
        ..HttpConfig::default()
    });
    let of_site = common.clone();
    let site = site_of(
        runtime,
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
        // The bound may be exceeded by a chunk.
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

fn nothing_is_kept_of_an_upload_that_nobody_reads_and_whose_client_is_gone(runtime: Runtime) {
    let site = site(runtime, Deaf, |_| {});
    run(async {
        // Over HTTP/1.1 nothing is read while the handler doesn't read, so the end would not be
        // seen before that.
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

fn half_an_upload_ends_with_its_connection(runtime: Runtime) {
    let site = site(runtime, Patient, |_| {});
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

/// Answers when another thread calls `resume`.
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

/// The handler may take as long as it likes; after that, the client must act.
fn who_waits_for_the_handler_is_not_cut_off(runtime: Runtime) {
    let (told, asked) = std::sync::mpsc::channel();
    let site = site(runtime, Later(told), |config| {
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
    assert_eq!(site.end(Duration::from_secs(5)).http.completed, 2);
}

/// HTTP/2's rapid reset (CVE-2023-44487).
fn who_resets_requests_on_and_on_is_cut_off(runtime: Runtime) {
    let (_dir, files) = files();
    let site = site(runtime, files, |_| {});
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
            // Sent, and cancelled at once.
            let once = poll_fn(|cx| Poll::Ready(asked.as_mut().poll(cx).is_ready()));
            if once.await {
                break;
            }
            tokio::task::yield_now().await;
        }
    });
    let stats = site.end(Duration::from_secs(5));
    // A request that the connection's end has cut off counts as neither.
    assert!(stats.http.requests >= stats.http.completed + stats.http.cancelled);
}

on_each_runtime!(
    who_asks_for_nothing_is_cut_off_and_so_is_who_trickles,
    a_host_has_no_more_connections_than_it_may,
    who_takes_nothing_of_many_files_holds_little_memory,
    nothing_is_kept_of_an_upload_that_nobody_reads_and_whose_client_is_gone,
    half_an_upload_ends_with_its_connection,
    who_waits_for_the_handler_is_not_cut_off,
    who_resets_requests_on_and_on_is_cut_off
);
