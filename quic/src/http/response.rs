//! `Response`: what a request is answered with.

use std::os::fd::OwnedFd;
use std::time::SystemTime;

use quiche::h3::Header;

use super::condition::{Validators, Verdict};
use super::content_range::ContentRange;
use super::range::{ByteRange, Span};
use super::request::{self, BadRequest, Method, Request};
use super::root::{Document, Found, Missing, Root};

/// Status, header fields, and the body.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<Header>,
    pub(crate) body: Body,
}

/// What follows the header fields.
#[derive(Debug)]
pub(crate) enum Body {
    /// Nothing: HEAD, 304, or an empty file.
    Empty,
    /// A few words about what went wrong.
    Text(&'static str),
    /// Part of a file.
    File {
        /// The file.
        fd: OwnedFd,
        /// Which part; never empty.
        span: Span,
    },
}

impl Response {
    /// Answers a request's header fields. `now` is its date.
    pub(crate) fn to(headers: &[Header], root: &Root, now: SystemTime) -> Self {
        Self::undated(headers, root, now).dated(now)
    }

    fn dated(mut self, now: SystemTime) -> Self {
        self.field("date", &httpdate::fmt_http_date(now));
        self
    }

    fn undated(headers: &[Header], root: &Root, now: SystemTime) -> Self {
        if request::is_too_large(headers) {
            return Self::words(431, "too many or too long header fields", Method::Get);
        }
        match Request::parse(headers) {
            Err(BadRequest(why)) => Self::words(400, why, Method::Get),
            Ok(request) if request.method == Method::Other => {
                let mut response = Self::words(405, "only GET and HEAD are served", Method::Get);
                response.field("allow", "GET, HEAD");
                response
            }
            Ok(request) => match root.find(request.path) {
                Ok(Found::Document(mut document)) => {
                    // A date to come would be no date (RFC 9110, section 8.8.2.1).
                    document.modified = document.modified.min(now);
                    Self::document(&request, document)
                }
                Ok(Found::Directory(location)) => Self::moved(&location, request.method),
                Err(missing) => {
                    let (status, why) = explain(missing);
                    Self::words(status, why, request.method)
                }
            },
        }
    }

    /// The answer while the client may open no more files.
    pub(crate) fn busy(headers: &[Header], now: SystemTime) -> Self {
        let method = Request::parse(headers).map_or(Method::Get, |request| request.method);
        let (status, why) = explain(Missing::Busy);
        let mut response = Self::words(status, why, method);
        response.field("retry-after", "1");
        response.dated(now)
    }

    fn document(request: &Request<'_>, document: Document) -> Self {
        let validators = Validators {
            etag: &document.etag,
            modified: document.modified,
        };
        let range = match request.conditions.judge(request.method, validators) {
            Verdict::Failed => return Self::failed(request.method, &document),
            Verdict::NotModified => {
                let mut response = Self::new(304);
                response.validators(&document);
                return response;
            }
            Verdict::Proceed { range } => request.range.filter(|_| range),
        };
        let whole = Span {
            start: 0,
            len: document.size,
        };
        let (status, span) = match range.and_then(ByteRange::parse) {
            None => (200, whole),
            Some(range) => match range.within(document.size) {
                Some(span) => (206, span),
                None => return Self::unsatisfiable(&document),
            },
        };
        let mut response = Self::new(status);
        response.field("content-length", &span.len.to_string());
        response.field("content-type", &document.content_type);
        response.field("accept-ranges", "bytes");
        response.validators(&document);
        if status == 206 {
            let range = ContentRange::Part {
                first: span.start,
                last: span.start + span.len - 1,
                complete: Some(document.size),
            };
            response.field("content-range", &range.to_string());
        }
        if request.method == Method::Get && span.len > 0 {
            response.body = Body::File {
                fd: document.fd,
                span,
            };
        }
        response
    }

    /// 301: links in a directory's index are relative to its name with a slash.
    fn moved(location: &str, method: Method) -> Self {
        let mut response = Self::words(301, "a directory: its name ends in a slash", method);
        response.field("location", location);
        response
    }

    fn failed(method: Method, document: &Document) -> Self {
        let mut response = Self::words(412, "the file is of another version", method);
        response.validators(document);
        response
    }

    fn unsatisfiable(document: &Document) -> Self {
        let mut response = Self::words(416, "the range lies outside of the file", Method::Get);
        let range = ContentRange::Unsatisfied {
            complete: document.size,
        };
        response.field("content-range", &range.to_string());
        // So that whoever has all of it knows that it is of this version.
        response.validators(document);
        response
    }

    fn words(status: u16, words: &'static str, method: Method) -> Self {
        let mut response = Self::new(status);
        response.field("content-length", &words.len().to_string());
        response.field("content-type", "text/plain; charset=utf-8");
        if method == Method::Get {
            response.body = Body::Text(words);
        }
        response
    }

    fn new(status: u16) -> Self {
        let mut response = Self {
            status,
            headers: Vec::with_capacity(8),
            body: Body::Empty,
        };
        response.field(":status", &status.to_string());
        response.field("server", concat!("xskit/", env!("CARGO_PKG_VERSION")));
        response
    }

    fn validators(&mut self, document: &Document) {
        self.field("etag", &document.etag);
        self.field("last-modified", &httpdate::fmt_http_date(document.modified));
    }

    fn field(&mut self, name: &str, value: &str) {
        self.headers
            .push(Header::new(name.as_bytes(), value.as_bytes()));
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

    use quiche::h3::NameValue;

    const SIZE: u64 = 1000;

    fn root() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("f.bin"), vec![7; SIZE as usize]).unwrap();
        std::fs::write(dir.path().join("empty"), "").unwrap();
        let root = Root::open(dir.path()).unwrap();
        (dir, root)
    }

    fn ask(root: &Root, method: &str, path: &str, extra: &[(&str, &str)]) -> Response {
        let mut fields = vec![
            (":method", method),
            (":scheme", "https"),
            (":authority", "h"),
            (":path", path),
        ];
        fields.extend_from_slice(extra);
        let header = |(n, v): &(&str, &str)| Header::new(n.as_bytes(), v.as_bytes());
        let headers: Vec<Header> = fields.iter().map(header).collect();
        Response::to(&headers, root, now())
    }

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(4_000_000_000)
    }

    fn field(response: &Response, name: &str) -> Option<String> {
        let header = response
            .headers
            .iter()
            .find(|h| h.name() == name.as_bytes())?;
        Some(String::from_utf8(header.value().to_vec()).unwrap())
    }

    fn span(response: &Response) -> Option<(u64, u64)> {
        match &response.body {
            Body::File { span, .. } => Some((span.start, span.len)),
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
        assert_eq!(Response::to(&[], &root, now()).status, 400);
        assert!(matches!(
            ask(&root, "HEAD", "/nothing", &[]).body,
            Body::Empty
        ));
        let post = ask(&root, "POST", "/f.bin", &[]);
        assert_eq!(post.status, 405);
        assert_eq!(field(&post, "allow").unwrap(), "GET, HEAD");
    }
}
