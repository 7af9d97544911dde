//! Hostile clients: floods, garbage, and windows that never open. Each costs the server little, and
//! ends.

use std::time::Duration;

use fastrand::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use xskit_https::Runtime;

use crate::{Client, Site, bytes, files, run, site};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Types of HTTP/2's frames (RFC 9113, section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// More bytes than the server takes of any flood.
const ENOUGH_BYTES: usize = 64 << 20;

/// More than the kernel's buffers at both ends hold of what is not read.
const KERNEL_BYTES: usize = 24 << 20;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = len[1..].to_vec();
    frame.extend_from_slice(&[kind, flags]);
    frame.extend_from_slice(&stream.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// `GET /large`, in HPACK's static table and literals (RFC 7541).
fn request(site: &Site) -> Vec<u8> {
    let authority = site.address.to_string();
    let mut block = vec![0x82, 0x87, 0x04, 6];
    block.extend_from_slice(b"/large");
    block.extend_from_slice(&[0x01, u8::try_from(authority.len()).unwrap()]);
    block.extend_from_slice(authority.as_bytes());
    block
}

/// Sends `first`, then `again` repeatedly, until the server closes. Returns the bytes sent.
async fn flood(site: &Site, protocol: &str, first: &[u8], again: &[u8], is_read: bool) -> usize {
    let stream = site.connect(protocol).await.unwrap();
    let (mut reads, mut writes) = tokio::io::split(stream);
    let reading = async {
        let mut buffer = vec![0; 64 << 10];
        while is_read && reads.read(&mut buffer).await.is_ok_and(|len| len > 0) {}
        if !is_read {
            std::future::pending::<()>().await;
        }
    };
    let mut sent = 0;
    let writing = async {
        writes.write_all(first).await?;
        // Whole frames per write, so that none is cut in two.
        let many = again.repeat(1 + (8 << 10) / again.len().max(1));
        while sent < ENOUGH_BYTES && !again.is_empty() {
            writes.write_all(&many).await?;
            sent += many.len();
        }
        writes.flush().await?;
        std::future::pending::<std::io::Result<()>>().await
    };
    tokio::select! {
        () = reading => {}
        _ = writing => {}
    }
    sent
}

/// Other clients are still served.
async fn assert_serves(site: &Site) {
    for is_http2 in [false, true] {
        let request = site.request("GET", "/small").body(bytes("")).unwrap();
        let response = Client::new(site, is_http2).await.ask(request).await;
        assert_eq!(response.unwrap().status(), 200);
    }
}

fn header_sections_without_end_are_not_taken_in(runtime: Runtime) {
    let (_dir, files) = files();
    let site = site(runtime, files, |_| {});
    run(async {
        // CONTINUATION after CONTINUATION (CVE-2024-27316 and its like): empty ones, and ones with
        // fields.
        let field = [
            &[0x00, 1, b'x', 127, 0x81, 0x0e][..],
            &[b'v'; 127 + 129 + 14 * 128],
        ]
        .concat();
        for again in [vec![], field] {
            let mut first = PREFACE.to_vec();
            first.extend(frame(SETTINGS, 0, 0, b""));
            first.extend(frame(HEADERS, END_STREAM, 1, &request(&site)));
            let again = frame(CONTINUATION, 0, 1, &again);
            let sent = flood(&site, "h2", &first, &again, true).await;
            assert!(sent < KERNEL_BYTES, "{sent} bytes of a header section");
        }
        // One field that never ends, over HTTP/1.1.
        let first = b"GET /small HTTP/1.1\r\nhost: x\r\nx: ";
        let sent = flood(&site, "http/1.1", first, &[b'v'; 1024], true).await;
        assert!(sent < KERNEL_BYTES, "{sent} bytes of a field");
        // And a target.
        let sent = flood(&site, "http/1.1", b"GET /", &[b'v'; 1024], true).await;
        assert!(sent < KERNEL_BYTES, "{sent} bytes of a target");
        assert_serves(&site).await;
    });
    assert_eq!(site.end(Duration::ZERO).http.requests, 2);
}

fn who_makes_the_server_answer_and_does_not_read_is_cut_off(runtime: Runtime) {
    let (_dir, files) = files();
    let site = site(runtime, files, |config| {
        config.request_timeout = Duration::from_millis(500);
    });
    run(async {
        let mut first = PREFACE.to_vec();
        first.extend(frame(SETTINGS, 0, 0, b""));
        for again in [frame(PING, 0, 0, &[7; 8]), frame(SETTINGS, 0, 0, b"")] {
            let sent = flood(&site, "h2", &first, &again, false).await;
            assert!(sent < KERNEL_BYTES, "{sent} bytes were taken in");
        }
        assert_serves(&site).await;
    });
    site.end(Duration::ZERO);
}

fn who_never_opens_a_window_is_cut_off(runtime: Runtime) {
    let (_dir, files) = files();
    let site = site(runtime, files, |config| {
        config.response_timeout = Duration::from_millis(500);
    });
    run(async {
        // SETTINGS_INITIAL_WINDOW_SIZE of 0, and many requests.
        let mut first = PREFACE.to_vec();
        first.extend(frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]));
        for stream in 0..50 {
            let flags = END_HEADERS | END_STREAM;
            first.extend(frame(HEADERS, flags, 2 * stream + 1, &request(&site)));
        }
        flood(&site, "h2", &first, b"", true).await;
        assert_serves(&site).await;
    });
    let http = site.end(Duration::ZERO).http;
    assert_eq!((http.requests, http.completed), (52, 2));
}

fn garbage_is_nobody_elses_concern(runtime: Runtime) {
    let (_dir, files) = files();
    let site = site(runtime, files, |_| {});
    let mut rng = Rng::with_seed(1);
    run(async {
        for round in 0..60 {
            let mut noise = vec![0; rng.usize(1..=600)];
            rng.fill(&mut noise);
            match round % 4 {
                // Instead of TLS.
                0 => {
                    let mut stream = TcpStream::connect(site.address).await.unwrap();
                    let _ = stream.write_all(&noise).await;
                }
                1 => drop(write(&site, "http/1.1", &noise).await),
                2 => drop(write(&site, "h2", &noise).await),
                // Frames of any kind, some of their lengths wrong.
                _ => {
                    let mut said = PREFACE.to_vec();
                    said.extend(frame(SETTINGS, 0, 0, b""));
                    for piece in noise.chunks(24) {
                        let (kind, flags) = (rng.u8(..12), rng.u8(..));
                        let mut bytes = frame(kind, flags, rng.u32(..4), piece);
                        bytes[2] = bytes[2].wrapping_add((rng.u8(..8) == 0).into());
                        said.extend(bytes);
                    }
                    said.extend(frame(DATA, 0, 1, &noise));
                    drop(write(&site, "h2", &said).await);
                }
            }
        }
        assert_serves(&site).await;
    });
    let stats = site.end(Duration::ZERO);
    assert_eq!((stats.accepted, stats.refused), (62, 0));
}

/// Sends these bytes, and leaves after the first read of the answer.
async fn write(site: &Site, protocol: &str, bytes: &[u8]) -> std::io::Result<usize> {
    let mut stream = site.connect(protocol).await?;
    stream.write_all(bytes).await?;
    stream.flush().await?;
    stream.read(&mut [0; 256]).await
}

on_each_runtime!(
    header_sections_without_end_are_not_taken_in,
    who_makes_the_server_answer_and_does_not_read_is_cut_off,
    who_never_opens_a_window_is_cut_off,
    garbage_is_nobody_elses_concern,
);
