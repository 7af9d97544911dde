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
    use std::fs;
    use std::time::{Duration, UNIX_EPOCH};

    use quiche::h3::{Header, NameValue};

    /// A request and its answer: method, path and fields; status, fields, and the file's bytes in
    /// the body. ETAG and DATE are those of `/f.bin`.
    const ANSWERS: &str = r#"
        GET /f.bin => 200 | content-length: 1000 | accept-ranges: bytes | body: 0-999
        GET /f.bin => 200 | content-type: application/octet-stream | etag: ETAG
        HEAD /f.bin => 200 | content-length: 1000 | accept-ranges: bytes | body: none
        GET /empty => 200 | content-length: 0 | body: none
        GET / => 200 | content-type: text/html; charset=utf-8 | body: 0-3
        GET /nothing => 404 | body: text
        HEAD /nothing => 404 | body: none
        GET /../x => 403
        GET /%00 => 400
        POST /f.bin => 405 | allow: GET, HEAD

        GET /f.bin | range: bytes=10-19 => 206 | content-range: bytes 10-19/1000 | body: 10-19
        GET /f.bin | range: bytes=10-19 => 206 | content-length: 10 | etag: ETAG
        GET /f.bin | range: bytes=1000- => 416 | content-range: bytes */1000 | etag: ETAG
        GET /f.bin | range: bytes=1-2,5-6 => 200
        GET /f.bin | range: lines=1-2 => 200
        GET /f.bin | range: bytes=9-1 => 200
        GET /f.bin | range: bytes=0- | range: bytes=1- => 400
        HEAD /f.bin | range: bytes=0-1 => 200

        GET /f.bin | range: bytes=0-1 | if-range: ETAG => 206
        GET /f.bin | range: bytes=0-1 | if-range: DATE => 206
        GET /f.bin | range: bytes=0-1 | if-range: "another" => 200
        GET /f.bin | range: bytes=0-1 | if-range: W/ETAG => 200
        GET /f.bin | range: bytes=0-1 | if-range: Thu, 01 Jan 1970 00:00:00 GMT => 200

        GET /f.bin | if-none-match: ETAG => 304
        GET /f.bin | if-none-match: "x", W/ETAG => 304
        GET /f.bin | if-none-match: * => 304
        GET /f.bin | if-none-match: "x" => 200
        GET /f.bin | if-modified-since: DATE => 304
        GET /f.bin | if-modified-since: Thu, 01 Jan 1970 00:00:00 GMT => 200
        GET /f.bin | if-modified-since: DATE | if-none-match: "x" => 200
        GET /f.bin | range: bytes=0-1 | if-match: ETAG => 206
        GET /f.bin | range: bytes=0-1 | if-match: "another" => 412 | etag: ETAG
        GET /nothing | range: bytes=0-1 | if-match: "another" => 404

        GET //sub?q=1 | range: bytes=0-0 => 301 | location: /sub/?q=1 | body: text
        HEAD //sub?q=1 | range: bytes=0-0 => 301 | location: /sub/?q=1 | body: none
        GET /sub/?q=1 => 200
    "#;

    fn root() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("f.bin"), [7; 1000]).unwrap();
        fs::write(dir.path().join("empty"), "").unwrap();
        fs::write(dir.path().join("index.html"), "home").unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join("sub/index.html"), "<p>").unwrap();
        let root = Root::open(dir.path()).unwrap();
        (dir, root)
    }

    /// A response as it goes onto the stream.
    struct Sent {
        status: u16,
        headers: Vec<Header>,
        body: Body,
    }

    /// Answers a line of [`ANSWERS`] up to the arrow.
    fn ask(root: &Root, request: &str) -> Sent {
        let mut parts = request.split(" | ");
        let (method, path) = parts.next().unwrap().split_once(' ').unwrap();
        let mut fields = vec![(":method", method), (":scheme", "https")];
        fields.extend([(":authority", "h"), (":path", path)]);
        fields.extend(parts.map(|field| field.split_once(": ").unwrap()));
        let header = |(n, v): &(&str, &str)| Header::new(n.as_bytes(), v.as_bytes());
        let headers: Vec<Header> = fields.iter().map(header).collect();
        let response = answer(&Request::parse(&headers).unwrap(), root, now());
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

    impl Sent {
        /// The values of a field, or what is in the `body`.
        fn field(&self, name: &str) -> String {
            match &self.body {
                Body::File { span, .. } if name == "body" => {
                    return format!("{}-{}", span.start, span.end - 1);
                }
                Body::Empty if name == "body" => return "none".to_owned(),
                _ if name == "body" => return "text".to_owned(),
                _ => {}
            }
            let named = self.headers.iter().filter(|h| h.name() == name.as_bytes());
            let values: Vec<_> = named.map(|h| str::from_utf8(h.value()).unwrap()).collect();
            values.join(" and ")
        }
    }

    #[test]
    fn requests_and_their_answers() {
        let (_dir, root) = root();
        let first = ask(&root, "GET /f.bin");
        let answers = ANSWERS.replace("ETAG", &first.field("etag"));
        let answers = answers.replace("DATE", &first.field("last-modified"));
        for line in answers
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
        {
            let (request, expected) = line.split_once(" => ").unwrap();
            let mut expected = expected.split(" | ");
            let sent = ask(&root, request);
            let status = expected.next().unwrap();
            assert_eq!(sent.status.to_string(), status, "{line}");
            for field in expected {
                let (name, value) = field.split_once(": ").unwrap();
                assert_eq!(sent.field(name), value, "{line}");
            }
            assert_eq!(sent.field("date"), httpdate::fmt_http_date(now()), "{line}");
        }
        assert_eq!(first.headers, ask(&root, "HEAD /f.bin").headers);
    }

    #[test]
    fn no_response_names_a_later_date_than_its_own() {
        let (dir, root) = root();
        let file = fs::File::open(dir.path().join("f.bin")).unwrap();
        file.set_modified(now() + Duration::from_secs(60)).unwrap();
        let response = ask(&root, "GET /f.bin");
        assert_eq!(response.field("last-modified"), response.field("date"));
    }
}
