//! What is asked for besides whole files, and who is trusted.

use std::os::unix::fs::symlink;

use http::{Method, StatusCode, header};
use quinn::ConnectionError;
use xskit_testbed::privilege;

use crate::authority::Authority;
use crate::client::{Connection, Reply, run};
use crate::scene::{Family, Scene};
use crate::site::Content;

async fn range(connection: &Connection, content: &Content, range: &str) -> Reply {
    let path = format!("/{}", content.name);
    let sent = connection.send(Method::GET, &path, Some(range)).await;
    sent.unwrap()
}

#[test]
fn parts_of_a_file() {
    if !privilege::require_net_admin("parts_of_a_file") {
        return;
    }
    let scene = Scene::new(Family::Ipv4);
    let file = scene.site.add(1_000_000);
    run(async {
        let connection = scene.client().connect().await.unwrap();
        for (asked, first, last) in [
            ("bytes=0-0", 0, 0),
            ("bytes=1-1300", 1, 1_300),
            ("bytes=131000-700000", 131_000, 700_000),
            ("bytes=999999-", 999_999, 999_999),
            ("bytes=-300000", 700_000, 999_999),
            ("bytes=500000-99999999", 500_000, 999_999),
        ] {
            let reply = range(&connection, &file, asked).await;
            assert_eq!(reply.status, StatusCode::PARTIAL_CONTENT, "{asked}");
            let span = format!("bytes {first}-{last}/1000000");
            assert_eq!(reply.header(header::CONTENT_RANGE), Some(&*span), "{asked}");
            assert_eq!(reply.content_length(), Some(last - first + 1), "{asked}");
            let body = reply.body().await;
            assert_eq!(body.len() as u64, last - first + 1, "{asked}");
            file.check(first, &body);
        }
        let reply = range(&connection, &file, "bytes=1000000-").await;
        assert_eq!(reply.status, StatusCode::RANGE_NOT_SATISFIABLE);
        let span = reply.header(header::CONTENT_RANGE);
        assert_eq!(span, Some("bytes */1000000"));
    });
}

#[test]
fn head_gives_the_header_alone() {
    if !privilege::require_net_admin("head_gives_the_header_alone") {
        return;
    }
    let scene = Scene::new(Family::Ipv6);
    scene.site.add(5_000_000);
    std::fs::write(scene.site.root().join("page.html"), "<p>here</p>").unwrap();
    run(async {
        let connection = scene.client().connect().await.unwrap();
        for (path, len, kind) in [
            ("/5000000.bin", 5_000_000, "application/octet-stream"),
            ("/page.html", 11, "text/html"),
        ] {
            let reply = connection.send(Method::HEAD, path, None).await.unwrap();
            assert_eq!(reply.status, StatusCode::OK, "{path}");
            assert_eq!(reply.content_length(), Some(len), "{path}");
            let named = reply.header(header::CONTENT_TYPE).unwrap();
            assert!(named.starts_with(kind), "{path}: {named}");
            assert_eq!(reply.body().await, b"", "{path}");
        }
    });
}

/// By a server that is confined, as all of these are.
#[test]
fn a_compressed_neighbour_for_who_accepts_it() {
    if !privilege::require_net_admin("a_compressed_neighbour_for_who_accepts_it") {
        return;
    }
    let scene = Scene::new(Family::Ipv4);
    for (name, content) in [("x.css", "p { }"), ("x.css.gz", "gzip, by its name")] {
        std::fs::write(scene.site.root().join(name), content).unwrap();
    }
    run(async {
        let connection = scene.client().connect().await.unwrap();
        let accepted = [(header::ACCEPT_ENCODING, "gzip, br")];
        let reply = connection.send_with(Method::GET, "/x.css", &accepted);
        let reply = reply.await.unwrap();
        assert_eq!(reply.header(header::CONTENT_ENCODING), Some("gzip"));
        assert_eq!(reply.header(header::VARY), Some("accept-encoding"));
        assert!(
            reply
                .header(header::CONTENT_TYPE)
                .unwrap()
                .starts_with("text/css")
        );
        assert_eq!(reply.body().await, b"gzip, by its name");
        let plain = connection.get("/x.css").await;
        assert_eq!(plain.header(header::CONTENT_ENCODING), None);
        assert_eq!(plain.body().await, b"p { }");
    });
}

#[test]
fn what_is_not_there_or_not_to_be_had_is_not_given() {
    if !privilege::require_net_admin("what_is_not_there_or_not_to_be_had_is_not_given") {
        return;
    }
    let scene = Scene::new(Family::Ipv4);
    let file = scene.site.add(3_000);
    let root = scene.site.root();
    std::fs::create_dir(root.join("empty")).unwrap();
    std::fs::write(root.parent().unwrap().join("secret"), "not to be had").unwrap();
    symlink("../secret", root.join("link")).unwrap();
    symlink("/etc/passwd", root.join("absolute")).unwrap();
    run(async {
        let connection = scene.client().connect().await.unwrap();
        let reply = connection.get("/nothing-here").await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND);
        for path in [
            "/../secret",
            "/empty/../../secret",
            "/%2e%2e/secret",
            "/..%2fsecret",
            "/link",
            "/absolute",
            "/empty",
            "/3000.bin/",
            "/3000.bin%00",
            "//etc/passwd",
        ] {
            let reply = connection.get(path).await;
            let status = reply.status;
            assert!(status.is_client_error(), "{path}: {status}");
            let body = reply.body().await;
            let told = body
                .windows(6)
                .any(|word| word == b"not to" || word == b"root:x");
            assert!(!told, "{path} gives away a file outside of the root");
        }
        let reply = connection.send(Method::DELETE, "/3000.bin", None).await;
        let status = reply.unwrap().status;
        assert!(
            matches!(
                status,
                StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
            ),
            "{status}"
        );
        // None of it has hurt the connection.
        connection.fetch(&file).await;
    });
}

#[test]
fn a_client_that_trusts_another_authority_turns_away() {
    if !privilege::require_net_admin("a_client_that_trusts_another_authority_turns_away") {
        return;
    }
    let mut scene = Scene::new(Family::Ipv4);
    let file = scene.site.add(3_000);
    let stranger = Authority::new("another authority");
    run(async {
        let refusal = scene.client_that_trusts(&stranger).connect().await.err();
        let Some(ConnectionError::TransportError(error)) = refusal else {
            panic!("{refusal:?}");
        };
        // RFC 9001, section 4.8: 0x100 and the TLS alert, here unknown_ca (48).
        assert_eq!(u64::from(error.code), 0x100 + 48, "{error}");
        // The server lost a connection, and nothing else.
        scene.client().connect().await.unwrap().fetch(&file).await;
    });
    let summary = scene.server.interrupt();
    assert_eq!((summary.connections, summary.requests), (1, 1));
}
