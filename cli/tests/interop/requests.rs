//! What is asked for besides whole files, and who comes back.

use std::os::unix::fs::symlink;

use http::{Method, StatusCode, header};

use crate::client::run;
use crate::scene::{Family, Scene};
use crate::server::Transport;

#[test]
fn parts_of_a_file() {
    let Some(scene) = Scene::new(Family::Ipv4) else {
        return;
    };
    let file = scene.site.add(1_000_000);
    run(async {
        let connection = scene.client().connect().await.unwrap();
        let ask = async |range| {
            let range = [(header::RANGE, range)];
            let asked = connection.ask(Method::GET, &file.path(), &range).await;
            asked.unwrap()
        };
        for (asked, first, last) in [
            ("bytes=0-0", 0, 0),
            ("bytes=1-1300", 1, 1_300),
            ("bytes=131000-700000", 131_000, 700_000),
            ("bytes=999999-", 999_999, 999_999),
            ("bytes=-300000", 700_000, 999_999),
            ("bytes=500000-99999999", 500_000, 999_999),
        ] {
            let reply = ask(asked).await;
            assert_eq!(reply.status(), StatusCode::PARTIAL_CONTENT, "{asked}");
            let span = format!("bytes {first}-{last}/1000000");
            assert_eq!(reply.header(header::CONTENT_RANGE), Some(&*span), "{asked}");
            assert_eq!(reply.content_length(), Some(last - first + 1), "{asked}");
            let body = reply.body().await.unwrap();
            assert_eq!(body.len() as u64, last - first + 1, "{asked}");
            file.check(first, &body);
        }
        let reply = ask("bytes=1000000-").await;
        assert_eq!(reply.status(), StatusCode::RANGE_NOT_SATISFIABLE);
        let span = reply.header(header::CONTENT_RANGE);
        assert_eq!(span, Some("bytes */1000000"));
    });
}

/// By a server that is confined, as all of these are.
#[test]
fn heads_and_compressed_neighbours() {
    let Some(scene) = Scene::new(Family::Ipv6) else {
        return;
    };
    scene.site.add(5_000_000);
    for (name, content) in [
        ("page.html", "<p>here</p>"),
        ("x.css", "p { }"),
        ("x.css.gz", "gzip, by its name"),
    ] {
        std::fs::write(scene.site.root().join(name), content).unwrap();
    }
    let (bytes, gzip) = ("application/octet-stream", Some("gzip, by its name"));
    run(async {
        let connection = scene.client().connect().await.unwrap();
        for (method, path, accepted, len, kind, body) in [
            (Method::HEAD, "/5000000.bin", None, 5_000_000, bytes, None),
            (Method::HEAD, "/page.html", None, 11, "text/html", None),
            (
                Method::GET,
                "/x.css",
                Some("gzip, br"),
                17,
                "text/css",
                gzip,
            ),
            (Method::GET, "/x.css", None, 5, "text/css", Some("p { }")),
        ] {
            let field = accepted.map(|accepted| (header::ACCEPT_ENCODING, accepted));
            let reply = connection
                .ask(method, path, field.as_slice())
                .await
                .unwrap();
            assert_eq!(reply.status(), StatusCode::OK, "{path}");
            assert_eq!(reply.content_length(), Some(len), "{path}");
            let named = reply.header(header::CONTENT_TYPE).unwrap();
            assert!(named.starts_with(kind), "{path}: {named}");
            let encoding = reply.header(header::CONTENT_ENCODING);
            assert_eq!(encoding, (body == gzip).then_some("gzip"), "{path}");
            if path == "/x.css" {
                assert_eq!(reply.header(header::VARY), Some("accept-encoding"));
            }
            let sent = reply.body().await.unwrap();
            assert_eq!(sent, body.unwrap_or_default().as_bytes(), "{path}");
        }
    });
}

#[test]
fn what_is_not_there_or_not_to_be_had_is_not_given() {
    let Some(scene) = Scene::new(Family::Ipv4) else {
        return;
    };
    let file = scene.site.add(3_000);
    let root = scene.site.root();
    std::fs::create_dir(root.join("empty")).unwrap();
    std::fs::write(root.parent().unwrap().join("secret"), "not to be had").unwrap();
    symlink("../secret", root.join("link")).unwrap();
    symlink("/etc/passwd", root.join("absolute")).unwrap();
    run(async {
        let connection = scene.client().connect().await.unwrap();
        let reply = connection.get("/nothing-here").await;
        assert_eq!(reply.status(), StatusCode::NOT_FOUND);
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
            let status = reply.status();
            assert!(status.is_client_error(), "{path}: {status}");
            let body = reply.body().await.unwrap();
            let body = String::from_utf8_lossy(&body);
            let told = body.contains("not to") || body.contains("root:x");
            assert!(!told, "{path} gives away a file outside of the root");
        }
        let reply = connection.ask(Method::DELETE, &file.path(), &[]).await;
        assert_eq!(reply.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
        // None of it has hurt the connection.
        connection.fetch(&file).await;
    });
}

#[test]
fn who_comes_back_is_answered_early() {
    let Some(mut scene) = Scene::over(Transport::Udp, Family::Ipv4, 1) else {
        return;
    };
    let file = scene.site.add(100_000);
    run(async {
        let client = scene.client();
        client.connect().await.unwrap().fetch(&file).await;
        for method in [Method::GET, Method::POST] {
            let (connection, accepted) = client.connect_early().await.expect("a ticket");
            // The request may be late, and then the handshake is done.
            let expected: &[u16] = match method {
                Method::GET => &[200],
                _ => &[425, 405],
            };
            let reply = connection.ask(method, &file.path(), &[]).await.unwrap();
            let status = reply.status().as_u16();
            assert!(expected.contains(&status), "{status}");
            assert!(accepted.await);
            connection.fetch(&file).await;
        }
    });
    let summary = scene.server.interrupt();
    assert_eq!((summary.connections, summary.requests), (3, 5));
    assert_eq!(summary.early, 2);
}
