//! Requests that our own client never sends, by quiche's HTTP/3 client directly.

use super::raw::{Raw, request};
use super::world::{NAME, Site};

fn raw(sizes: &[usize]) -> (tempfile::TempDir, Raw) {
    let site = Site::new(sizes);
    let raw = Raw::connect(&site);
    (site.dir, raw)
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
    let http = raw.server.application().counters();
    assert_eq!(
        (http.requests, http.error_statuses, http.protocol_errors),
        (6, 5, 0)
    );
}

#[test]
fn too_large_a_header_is_431_and_the_connection_goes_on() {
    let (_dir, mut raw) = raw(&[1]);
    let mut with = |count: usize, len: usize| {
        let value = "x".repeat(len);
        let mut fields = request("GET", "/1");
        fields.extend(vec![("x-more", value.as_str()); count]);
        raw.ask(&fields, None).field(":status").to_owned()
    };
    assert_eq!(with(1, 15_000), "200");
    assert_eq!(with(1, 17_000), "431");
    assert_eq!(with(1000, 1), "431");
    assert_eq!(with(0, 0), "200");
    let http = raw.server.application().counters();
    assert_eq!((http.requests, http.protocol_errors), (4, 0));
}

#[test]
fn a_flood_of_header_fields_ends_the_connection_not_the_server() {
    let (_dir, mut raw) = raw(&[1]);
    let mut fields = request("GET", "/1");
    // One byte each on the wire, but counted as 41.
    fields.extend(vec![("accept", "*/*"); 4000]);
    raw.send(&fields, true);
    for _ in 0..50 {
        raw.exchange();
    }
    let error = raw.quic.peer_error().expect("closed by the server");
    assert!(error.is_app && error.error_code == 0x107, "{error:?}");
    let http = raw.server.application().counters();
    assert_eq!((http.requests, http.protocol_errors), (0, 1));
}
