//! `answer`: the response to a request for a file.

use std::time::SystemTime;

use super::asked::Asked;
use super::condition::{Validators, Verdict};
use super::content_range::ContentRange;
use super::open::Missing;
use super::range::{ByteRange, Span};
use super::root::{Document, Found, Root};
use crate::http::{BadRequest, Body, Request, Response};

/// The request field that selects between a file and its neighbours.
const VARY: &str = "accept-encoding";

/// The response to a request. `now` is its date.
pub(super) fn answer(request: &Request<'_>, root: &Root, now: SystemTime) -> Response {
    if !matches!(request.method(), "GET" | "HEAD") {
        return Response::text(405, "only GET and HEAD are served").field("allow", "GET, HEAD");
    }
    let asked = match Asked::parse(request.fields()) {
        Ok(asked) => asked,
        Err(BadRequest(why)) => return Response::text(400, why),
    };
    match root.find(request.path(), asked.accepted.wanted()) {
        Ok(Found::Document(mut document)) => {
            // A date in the future must not be sent (RFC 9110, section 8.8.2.1).
            document.modified = document.modified.min(now);
            if document.may_be_encoded
                && document.encoding.is_none()
                && asked.accepted.refuses_plain()
            {
                let words = "no accepted encoding is available";
                return Response::text(406, words).field("vary", VARY);
            }
            part(request, &asked, document)
        }
        // Relative links in a directory's index need the slash at the end of its path.
        Ok(Found::Directory(location)) => {
            Response::text(301, "a directory: its path ends in a slash").field("location", location)
        }
        Err(missing) => {
            let (status, why) = explain(missing);
            Response::text(status, why)
        }
    }
}

fn part(request: &Request<'_>, asked: &Asked<'_>, document: Document) -> Response {
    let validators = Validators {
        etag: &document.etag,
        modified: document.modified,
        is_date_strong: document.encoding.is_none(),
    };
    let range = match asked.conditions.judge(validators) {
        Verdict::Failed => {
            let response = Response::text(412, "the file has another version");
            return of_document(response, &document);
        }
        Verdict::NotModified => return of_document(Response::new(304), &document),
        // Ranges are defined for GET only (RFC 9110, section 14.2).
        Verdict::Proceed { range } => asked.range.filter(|_| range && request.method() == "GET"),
    };
    let whole = Span {
        start: 0,
        len: document.size,
    };
    let (status, span) = match range.and_then(ByteRange::parse) {
        None => (200, whole),
        Some(range) => match range.within(document.size) {
            Some(span) => (206, span),
            None => return unsatisfiable(&document),
        },
    };
    let response = Response::new(status)
        .field("content-type", &document.content_type)
        .field("accept-ranges", "bytes");
    let mut response = of_document(response, &document);
    if let Some(encoding) = document.encoding {
        response = response.field("content-encoding", encoding.coding());
    }
    if status == 206 {
        let range = ContentRange::Part {
            first: span.start,
            last: span.start + span.len - 1,
            complete: Some(document.size),
        };
        response = response.field("content-range", range.to_string());
    }
    response.body(Body::File {
        file: document.fd,
        span: span.start..span.start + span.len,
    })
}

fn unsatisfiable(document: &Document) -> Response {
    let range = ContentRange::Unsatisfied {
        complete: document.size,
    };
    let response = Response::text(416, "the range lies outside of the file")
        .field("content-range", range.to_string());
    // The validators tell a client with the whole file that it is of this version.
    of_document(response, document)
}

/// Adds the fields that every response about a document has.
fn of_document(response: Response, document: &Document) -> Response {
    let response = response
        .field("etag", &document.etag)
        .field("last-modified", httpdate::fmt_http_date(document.modified));
    match document.may_be_encoded {
        true => response.field("vary", VARY),
        false => response,
    }
}

fn explain(missing: Missing) -> (u16, &'static str) {
    match missing {
        Missing::Malformed => (400, "the path can't be a file's name"),
        Missing::NotFound => (404, "no such file"),
        Missing::Forbidden => (403, "this file is not served"),
        Missing::Busy => (503, "the server has too many files open; try again"),
        Missing::Failed => (500, "the file can't be read"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    use quiche::h3::{Header, NameValue};

    const SIZE: u64 = 1000;

    fn root() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("f.bin"), vec![7; SIZE as usize]).unwrap();
        std::fs::write(dir.path().join("empty"), "").unwrap();
        let root = Root::open(dir.path()).unwrap();
        (dir, root)
    }

    /// A response as it goes onto the stream.
    struct Sent {
        status: u16,
        headers: Vec<Header>,
        body: Body,
    }

    fn ask(root: &Root, method: &str, path: &str, extra: &[(&str, &str)]) -> Sent {
        let mut fields = vec![
            (":method", method),
            (":scheme", "https"),
            (":authority", "h"),
            (":path", path),
        ];
        fields.extend_from_slice(extra);
        let header = |(n, v): &(&str, &str)| Header::new(n.as_bytes(), v.as_bytes());
        let headers: Vec<Header> = fields.iter().map(header).collect();
        let request = Request::parse(&headers).unwrap();
        let response = answer(&request, root, now());
        let status = response.status();
        let (headers, body) = response.into_parts(method == "HEAD", now());
        Sent {
            status,
            headers,
            body,
        }
    }

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(4_000_000_000)
    }

    fn field(response: &Sent, name: &str) -> Option<String> {
        let header = response
            .headers
            .iter()
            .find(|h| h.name() == name.as_bytes())?;
        Some(String::from_utf8(header.value().to_vec()).unwrap())
    }

    fn span(response: &Sent) -> Option<(u64, u64)> {
        match &response.body {
            Body::File { span, .. } => Some((span.start, span.end - span.start)),
            _ => None,
        }
    }

    #[test]
    fn get_and_head_differ_only_in_the_body() {
        let (_dir, root) = root();
        let get = ask(&root, "GET", "/f.bin", &[]);
        let head = ask(&root, "HEAD", "/f.bin", &[]);
        assert_eq!(get.headers, head.headers);
        assert_eq!(span(&get), Some((0, SIZE)));
        assert!(matches!(head.body, Body::Empty));
        assert_eq!(field(&get, "content-length").unwrap(), "1000");
        assert_eq!(field(&get, "accept-ranges").unwrap(), "bytes");
        assert_eq!(
            field(&get, "content-type").unwrap(),
            "application/octet-stream"
        );
        let empty = ask(&root, "GET", "/empty", &[]);
        assert_eq!((empty.status, span(&empty)), (200, None));
        assert_eq!(field(&empty, "content-length").unwrap(), "0");
    }

    #[test]
    fn ranges() {
        let (_dir, root) = root();
        let get = |range| ask(&root, "GET", "/f.bin", &[("range", range)]);
        let part = get("bytes=10-19");
        assert_eq!((part.status, span(&part)), (206, Some((10, 10))));
        assert_eq!(field(&part, "content-range").unwrap(), "bytes 10-19/1000");
        assert_eq!(field(&part, "content-length").unwrap(), "10");
        let outside = get("bytes=1000-");
        assert_eq!(outside.status, 416);
        assert_eq!(field(&outside, "content-range").unwrap(), "bytes */1000");
        assert_eq!(field(&outside, "etag"), field(&part, "etag"));
        for ignored in ["bytes=1-2,5-6", "lines=1-2", "bytes=9-1"] {
            assert_eq!(get(ignored).status, 200, "{ignored}");
        }
        let head = ask(&root, "HEAD", "/f.bin", &[("range", "bytes=0-1")]);
        assert_eq!(head.status, 200);
    }

    #[test]
    fn if_range_wants_the_same_version() {
        let (_dir, root) = root();
        let first = ask(&root, "GET", "/f.bin", &[]);
        let (etag, date) = (
            field(&first, "etag").unwrap(),
            field(&first, "last-modified").unwrap(),
        );
        let status = |validator: &str| {
            let fields = [("range", "bytes=0-1"), ("if-range", validator)];
            ask(&root, "GET", "/f.bin", &fields).status
        };
        assert_eq!(status(&etag), 206);
        assert_eq!(status(&date), 206);
        assert_eq!(status("\"another\""), 200);
        assert_eq!(status(&format!("W/{etag}")), 200);
        assert_eq!(status("Thu, 01 Jan 1970 00:00:00 GMT"), 200);
    }

    #[test]
    fn conditional_requests() {
        let (_dir, root) = root();
        let first = ask(&root, "GET", "/f.bin", &[]);
        let (etag, date) = (
            field(&first, "etag").unwrap(),
            field(&first, "last-modified").unwrap(),
        );
        let status = |fields: &[(&str, &str)]| ask(&root, "GET", "/f.bin", fields).status;
        assert_eq!(status(&[("if-none-match", &etag)]), 304);
        assert_eq!(
            status(&[("if-none-match", &format!("\"x\", W/{etag}"))]),
            304
        );
        assert_eq!(status(&[("if-none-match", "*")]), 304);
        assert_eq!(status(&[("if-none-match", "\"x\"")]), 200);
        assert_eq!(status(&[("if-modified-since", &date)]), 304);
        assert_eq!(
            status(&[("if-modified-since", "Thu, 01 Jan 1970 00:00:00 GMT")]),
            200
        );
        assert_eq!(
            status(&[("if-modified-since", &date), ("if-none-match", "\"x\"")]),
            200
        );
    }

    #[test]
    fn another_version_is_refused_before_its_range_is_looked_at() {
        let (_dir, root) = root();
        let etag = field(&ask(&root, "GET", "/f.bin", &[]), "etag").unwrap();
        let ask = |path, tag: &str| {
            let fields = [("range", "bytes=0-1"), ("if-match", tag)];
            ask(&root, "GET", path, &fields)
        };
        assert_eq!(ask("/f.bin", &etag).status, 206);
        let other = ask("/f.bin", "\"another\"");
        assert_eq!((other.status, field(&other, "etag")), (412, Some(etag)));
        assert_eq!(ask("/nothing", "\"another\"").status, 404);
    }

    #[test]
    fn every_response_has_a_date_and_none_names_a_later_one() {
        let (dir, root) = root();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        std::fs::write(dir.path().join("sub/index.html"), "").unwrap();
        let etag = field(&ask(&root, "GET", "/f.bin", &[]), "etag").unwrap();
        for (status, path, extra) in [
            (200, "/f.bin", ("accept", "*/*")),
            (206, "/f.bin", ("range", "bytes=0-0")),
            (301, "/sub", ("accept", "*/*")),
            (304, "/f.bin", ("if-none-match", etag.as_str())),
            (400, "/%00", ("accept", "*/*")),
            (404, "/nothing", ("accept", "*/*")),
            (412, "/f.bin", ("if-match", "\"x\"")),
            (416, "/f.bin", ("range", "bytes=1000-")),
        ] {
            let response = ask(&root, "GET", path, &[extra]);
            assert_eq!(response.status, status);
            let dates = response.headers.iter().filter(|h| h.name() == b"date");
            assert_eq!(dates.count(), 1, "{status}");
            let date = field(&response, "date").unwrap();
            assert_eq!(date, httpdate::fmt_http_date(now()), "{status}");
        }
        let file = std::fs::File::open(dir.path().join("f.bin")).unwrap();
        file.set_modified(now() + Duration::from_secs(60)).unwrap();
        let response = ask(&root, "GET", "/f.bin", &[]);
        assert_eq!(field(&response, "last-modified"), field(&response, "date"));
    }

    #[test]
    fn a_directory_s_name_is_completed() {
        let (dir, root) = root();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        std::fs::write(dir.path().join("sub/index.html"), "<p>").unwrap();
        for method in ["GET", "HEAD"] {
            let moved = ask(&root, method, "//sub?q=1", &[("range", "bytes=0-0")]);
            assert_eq!(moved.status, 301);
            assert_eq!(field(&moved, "location").unwrap(), "/sub/?q=1");
            assert_eq!(matches!(moved.body, Body::Empty), method == "HEAD");
        }
        assert_eq!(ask(&root, "GET", "/sub/?q=1", &[]).status, 200);
    }

    #[test]
    fn errors_have_statuses() {
        let (_dir, root) = root();
        assert_eq!(ask(&root, "GET", "/nothing", &[]).status, 404);
        assert_eq!(ask(&root, "GET", "/../x", &[]).status, 403);
        assert_eq!(ask(&root, "GET", "/%00", &[]).status, 400);
        let twice = [("range", "bytes=0-"), ("range", "bytes=1-")];
        assert_eq!(ask(&root, "GET", "/f.bin", &twice).status, 400);
        assert!(matches!(
            ask(&root, "HEAD", "/nothing", &[]).body,
            Body::Empty
        ));
        let post = ask(&root, "POST", "/f.bin", &[]);
        assert_eq!(post.status, 405);
        assert_eq!(field(&post, "allow").unwrap(), "GET, HEAD");
    }
}
