//! Compressed neighbours of files, as clients that accept encodings get them.

use std::fs::{self, File};
use std::time::{Duration, UNIX_EPOCH};

use super::raw::{Answer, Raw, request};
use super::world::Site;

const PLAIN: &str = "let x = 'as it is';";
const BROTLI: &str = "brotli";
const GZIP: &str = "gzip bytes";

fn write(site: &Site, name: &str, text: &str, second: u64) {
    let path = site.dir.path().join(name);
    fs::write(&path, text).unwrap();
    let date = UNIX_EPOCH + Duration::from_secs(second);
    File::options()
        .append(true)
        .open(path)
        .unwrap()
        .set_modified(date)
        .unwrap();
}

/// `x.js` with two neighbours, one of its own date, and `alone.js`.
fn site() -> Site {
    let site = Site::new(&[]);
    for (name, text, second) in [
        ("x.js", PLAIN, 1_000_000_000),
        ("x.js.gz", GZIP, 1_000_000_000),
        ("x.js.br", BROTLI, 1_000_000_100),
        ("alone.js", PLAIN, 1_000_000_000),
    ] {
        write(&site, name, text, second);
    }
    site
}

fn ask(raw: &mut Raw, path: &str, more: &[(&str, &str)]) -> Answer {
    let mut fields = request("GET", path);
    fields.extend(more);
    raw.ask(&fields, None)
}

#[track_caller]
fn assert_is(answer: &Answer, status: &str, encoding: &str, body: &str) {
    assert_eq!(answer.field(":status"), status, "{answer:?}");
    assert_eq!(answer.field("content-encoding"), encoding, "{answer:?}");
    assert_eq!(answer.body, body.as_bytes(), "{answer:?}");
}

#[test]
fn what_a_client_accepts_it_gets() {
    let site = site();
    let mut raw = Raw::connect(&site);
    for (accepted, encoding, body) in [
        (&[][..], "", PLAIN),
        (&["gzip, deflate, br, zstd"], "br", BROTLI),
        (&["gzip", "br;q=0.9"], "gzip", GZIP),
        (&["zstd"], "", PLAIN),
        (&["identity, br;q=0.5"], "", PLAIN),
        (&["identity;q=0, *"], "br", BROTLI),
    ] {
        let fields: Vec<_> = accepted.iter().map(|it| ("accept-encoding", *it)).collect();
        let answer = ask(&mut raw, "/x.js", &fields);
        assert_is(&answer, "200", encoding, body);
        assert_eq!(
            answer.field("content-type"),
            "text/javascript; charset=utf-8"
        );
        assert_eq!(answer.field("content-length"), body.len().to_string());
        assert_eq!(answer.field("vary"), "accept-encoding");
        assert_eq!(answer.field("accept-ranges"), "bytes");
        let mut head = request("HEAD", "/x.js");
        head.extend(fields);
        let mut head = raw.ask(&head, None);
        assert!(head.body.is_empty());
        head.fields
            .insert("date".to_owned(), answer.field("date").to_owned());
        assert_eq!(head.fields, answer.fields);
    }
    let all = [("accept-encoding", "gzip, br")];
    let direct = ask(&mut raw, "/x.js.gz", &all);
    assert_is(&direct, "200", "", GZIP);
    assert_eq!(direct.field("content-type"), "application/gzip");
    assert_eq!(direct.field("vary"), "");
    let alone = ask(&mut raw, "/alone.js", &all);
    assert_is(&alone, "200", "", PLAIN);
    assert_eq!(alone.field("vary"), "accept-encoding");
    let refused = ask(
        &mut raw,
        "/alone.js",
        &[("accept-encoding", "br, identity;q=0")],
    );
    assert_eq!(refused.field(":status"), "406");
    assert_eq!(refused.field("vary"), "accept-encoding");
}

#[test]
fn conditions_and_ranges_are_about_what_is_selected() {
    let site = site();
    let mut raw = Raw::connect(&site);
    let [plain, gzip, brotli] = ["identity", "gzip", "br"].map(|it| ("accept-encoding", it));
    let mut get = |more: &[(&str, &str)]| ask(&mut raw, "/x.js", more);
    let tag = |answer: Answer| answer.field("etag").to_owned();
    let (own, of_gzip, of_brotli) = (tag(get(&[plain])), tag(get(&[gzip])), tag(get(&[brotli])));
    assert!(own != of_gzip && of_gzip != of_brotli && of_brotli != own);
    for (accepted, tag, status) in [
        (gzip, &of_gzip, "304"),
        (gzip, &own, "200"),
        (gzip, &of_brotli, "200"),
        (plain, &own, "304"),
        (plain, &of_gzip, "200"),
    ] {
        let answer = get(&[accepted, ("if-none-match", tag)]);
        assert_eq!(answer.field(":status"), status);
        assert_eq!(answer.field("vary"), "accept-encoding", "{answer:?}");
        assert_eq!(answer.body.is_empty(), status == "304", "{answer:?}");
    }
    let changed = get(&[gzip, ("if-match", &own)]);
    assert_eq!(
        (changed.field(":status"), changed.field("etag")),
        ("412", of_gzip.as_str())
    );
    assert_eq!(
        get(&[brotli]).field("last-modified"),
        "Sun, 09 Sep 2001 01:48:20 GMT"
    );
    let date = "Sun, 09 Sep 2001 01:46:40 GMT";
    assert_eq!(
        get(&[brotli, ("if-modified-since", date)]).field(":status"),
        "200"
    );
    assert_eq!(
        get(&[gzip, ("if-modified-since", date)]).field(":status"),
        "304"
    );

    let range = ("range", "bytes=5-");
    let part = get(&[gzip, range]);
    assert_is(&part, "206", "gzip", "bytes");
    assert_eq!(part.field("content-range"), "bytes 5-9/10");
    assert_is(
        &get(&[gzip, range, ("if-range", &of_gzip)]),
        "206",
        "gzip",
        "bytes",
    );
    // A client that has a part of one encoding never gets a part of another.
    assert_is(
        &get(&[gzip, range, ("if-range", &own)]),
        "200",
        "gzip",
        GZIP,
    );
    assert_is(
        &get(&[plain, range, ("if-range", &of_gzip)]),
        "200",
        "",
        PLAIN,
    );
    // Both files have this date.
    assert_is(
        &get(&[gzip, range, ("if-range", date)]),
        "200",
        "gzip",
        GZIP,
    );
    let outside = get(&[gzip, ("range", "bytes=10-")]);
    assert_eq!(outside.field(":status"), "416");
    assert_eq!(outside.field("content-range"), "bytes */10");
    assert_eq!(
        (outside.field("content-encoding"), outside.field("etag")),
        ("", of_gzip.as_str())
    );
}

#[test]
fn our_own_client_gets_files_as_they_are() {
    let site = site();
    let mut world = site.world();
    let found = world.fetch(&site.client(), "/x.js");
    assert_eq!(found, (200, PLAIN.into()));
    world.close();
}
