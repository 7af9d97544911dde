//! Requests that our own client never sends, by quiche's HTTP/3 client directly.

use std::collections::HashMap;
use std::time::Instant;

use quiche::h3::{self, NameValue};
use xskit_quic::{Server, ServerConfig};

use super::world::{NAME, Pki, content, files, server_addr};

/// A quiche client joined to a server by a perfect wire.
struct Raw {
    server: Server<()>,
    quic: quiche::Connection,
    h3: h3::Connection,
}

#[derive(Debug, Default)]
struct Answer {
    fields: HashMap<String, String>,
    body: Vec<u8>,
    finished: bool,
}

impl Answer {
    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

impl Raw {
    fn connect(config: &ServerConfig) -> Self {
        let mut client = quiche::Config::new(quiche::PROTOCOL_VERSION).unwrap();
        client.verify_peer(false);
        client
            .set_application_protos(h3::APPLICATION_PROTOCOL)
            .unwrap();
        client.set_initial_congestion_window_packets(50);
        client.set_initial_max_data(10 << 20);
        client.set_initial_max_stream_data_bidi_local(10 << 20);
        client.set_initial_max_stream_data_uni(1 << 20);
        client.set_initial_max_streams_uni(10);
        client.set_initial_max_streams_bidi(10);
        let id = quiche::ConnectionId::from_ref(&[9; 16]);
        let local = "198.51.100.7:9".parse().unwrap();
        let mut quic = quiche::connect(Some(NAME), &id, local, server_addr(), &mut client).unwrap();
        let mut server = Server::new(config, Instant::now()).unwrap();
        while !quic.is_established() {
            exchange(&mut server, &mut quic);
        }
        let h3_config = h3::Config::new().unwrap();
        let h3 = h3::Connection::with_transport(&mut quic, &h3_config).unwrap();
        Self { server, quic, h3 }
    }

    fn ask(&mut self, fields: &[(&str, &str)], body: Option<&[u8]>) -> Answer {
        let header = |(n, v): &(&str, &str)| h3::Header::new(n.as_bytes(), v.as_bytes());
        let headers: Vec<h3::Header> = fields.iter().map(header).collect();
        let alone = body.is_none();
        let stream = self
            .h3
            .send_request(&mut self.quic, &headers, alone)
            .unwrap();
        if let Some(body) = body {
            self.h3
                .send_body(&mut self.quic, stream, body, false)
                .unwrap();
        }
        let mut answer = Answer::default();
        for _ in 0..1000 {
            exchange(&mut self.server, &mut self.quic);
            self.take_events(stream, &mut answer);
            if answer.finished {
                return answer;
            }
        }
        panic!("no answer: {answer:?}, {:?}", self.quic.peer_error());
    }

    fn take_events(&mut self, stream: u64, answer: &mut Answer) {
        while let Ok((on, event)) = self.h3.poll(&mut self.quic) {
            assert_eq!(on, stream);
            match event {
                h3::Event::Headers { list, .. } => {
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                    answer.fields = list
                        .iter()
                        .map(|h| (text(h.name()), text(h.value())))
                        .collect();
                }
                h3::Event::Data => {
                    let mut buf = [0; 4096];
                    while let Ok(len) = self.h3.recv_body(&mut self.quic, stream, &mut buf) {
                        answer.body.extend_from_slice(&buf[..len]);
                    }
                }
                h3::Event::Finished => answer.finished = true,
                other => panic!("{other:?}"),
            }
        }
    }
}

fn exchange(server: &mut Server<()>, quic: &mut quiche::Connection) {
    let mut buf = [0; 2000];
    let client = "198.51.100.7:9".parse().unwrap();
    while let Ok((len, _)) = quic.send(&mut buf) {
        server.handle_datagram(Instant::now(), &mut buf[..len], client, server_addr(), ());
    }
    while let Some(sent) = server.poll_transmit(Instant::now(), &mut buf) {
        let info = quiche::RecvInfo {
            from: sent.from,
            to: sent.to,
        };
        quic.recv(&mut buf[..sent.len], info).unwrap();
    }
}

fn request<'a>(method: &'a str, path: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        (":method", method),
        (":scheme", "https"),
        (":authority", NAME),
        (":path", path),
    ]
}

fn raw(sizes: &[usize]) -> (tempfile::TempDir, Raw) {
    let (pki, dir) = (Pki::new(), files(sizes));
    let raw = Raw::connect(&ServerConfig::new(dir.path(), pki.identity));
    (dir, raw)
}

#[test]
fn head_has_get_s_fields_and_no_body() {
    let (_dir, mut raw) = raw(&[5000]);
    let get = raw.ask(&request("GET", "/5000"), None);
    let head = raw.ask(&request("HEAD", "/5000"), None);
    assert_eq!(get.fields, head.fields);
    assert_eq!(head.field("content-length"), "5000");
    assert_eq!((get.body, head.body), (content(5000), vec![]));
    let missing = raw.ask(&request("HEAD", "/missing"), None);
    assert_eq!((missing.field(":status"), missing.body.len()), ("404", 0));
}

#[test]
fn an_unchanged_file_is_not_sent_again() {
    let (_dir, mut raw) = raw(&[5000]);
    let first = raw.ask(&request("GET", "/5000"), None);
    let mut again = request("GET", "/5000");
    again.push(("if-none-match", first.field("etag")));
    let second = raw.ask(&again, None);
    assert_eq!((second.field(":status"), second.body.len()), ("304", 0));
    let mut rest = request("GET", "/5000");
    rest.extend([("range", "bytes=4990-"), ("if-range", first.field("etag"))]);
    let rest = raw.ask(&rest, None);
    assert_eq!(rest.field(":status"), "206");
    assert_eq!(rest.body, content(5000)[4990..]);
}

#[test]
fn other_methods_are_refused_with_their_bodies_unread() {
    let (_dir, mut raw) = raw(&[1]);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "get", "CONNECT"] {
        let answer = raw.ask(&request(method, "/1"), Some(&[7; 3000]));
        assert_eq!(answer.field(":status"), "405", "{method}");
        assert_eq!(answer.field("allow"), "GET, HEAD", "{method}");
    }
    let fine = raw.ask(&request("GET", "/1"), None);
    assert_eq!(fine.field(":status"), "200", "the connection goes on");
}

#[test]
fn malformed_requests_are_400_and_the_connection_goes_on() {
    let (_dir, mut raw) = raw(&[1]);
    let without = |name: &str| {
        let mut fields = request("GET", "/1");
        fields.retain(|(n, _)| *n != name);
        fields
    };
    for name in [":method", ":scheme", ":authority", ":path"] {
        let answer = raw.ask(&without(name), None);
        assert_eq!(answer.field(":status"), "400", "without {name}");
    }
    let with_host = [without(":authority"), vec![("host", NAME)]].concat();
    assert_eq!(raw.ask(&with_host, None).field(":status"), "200");
    let twice = [
        request("GET", "/1"),
        vec![("range", "bytes=0-"), ("range", "bytes=0-")],
    ]
    .concat();
    assert_eq!(raw.ask(&twice, None).field(":status"), "400");
    let http = raw.server.stats().http;
    assert_eq!(
        (http.requests, http.error_statuses, http.protocol_errors),
        (6, 5, 0)
    );
}

#[test]
fn too_large_a_header_ends_the_connection_not_the_server() {
    let (_dir, mut raw) = raw(&[1]);
    let large = "x".repeat(20_000);
    let mut fields = request("GET", "/1");
    fields.push(("x-large", &large));
    let header = |(n, v): &(&str, &str)| h3::Header::new(n.as_bytes(), v.as_bytes());
    let headers: Vec<h3::Header> = fields.iter().map(header).collect();
    raw.h3.send_request(&mut raw.quic, &headers, true).unwrap();
    for _ in 0..50 {
        exchange(&mut raw.server, &mut raw.quic);
    }
    let error = raw.quic.peer_error().expect("closed by the server");
    assert!(error.is_app && error.error_code == 0x107, "{error:?}");
    let http = raw.server.stats().http;
    assert_eq!((http.requests, http.protocol_errors), (0, 1));
}
