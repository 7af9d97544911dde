//! `Response`: status, header fields and body, as the handler sets them.

use std::ops::Range;
use std::os::fd::OwnedFd;
use std::time::SystemTime;

use bytes::Bytes;
use quiche::h3::{Header, NameValue};

/// A final response.
///
/// `date`, `server` and, except for a streamed body, `content-length` are added unless they are
/// set. The body is dropped in a response to HEAD, and with status 204 or 304.
#[derive(Debug)]
pub struct Response {
    pub(super) status: u16,
    pub(super) fields: Vec<Header>,
    pub(super) body: Body,
}

/// The body of a response.
#[derive(Debug, Default)]
#[non_exhaustive]
pub enum Body {
    /// No body.
    #[default]
    Empty,
    /// These bytes, which are sent without copying them.
    Bytes(Bytes),
    /// Part of a file, read as the client takes it. If the file shrinks, the response is cut short
    /// (the stream is reset).
    File {
        /// A regular file, so that `pread(2)` doesn't block for long.
        file: OwnedFd,
        /// The byte range to send.
        span: Range<u64>,
    },
    /// Bytes written later by [`Reply::write`](super::Reply::write), until
    /// [`Reply::finish`](super::Reply::finish).
    Stream,
}

impl Body {
    /// The length, if it is known.
    fn len(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::File { span, .. } => Some(span.end.saturating_sub(span.start)),
            Self::Stream => None,
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::Bytes(text.into())
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self::Bytes(Bytes::from_static(text.as_bytes()))
    }
}

impl Response {
    /// A response without a body; `status` is 200 to 599 (RFC 9110, section 15).
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self {
            status,
            fields: Vec::with_capacity(8),
            body: Body::Empty,
        }
    }

    /// A response with a plain text body.
    #[must_use]
    pub fn text(status: u16, words: impl Into<Body>) -> Self {
        Self::new(status)
            .field("content-type", "text/plain; charset=utf-8")
            .body(words)
    }

    /// Adds a header field. The name is converted to lower case for HTTP/3. Characters that a value
    /// must not contain (CR, LF and NUL: RFC 9110, section 5.5) are replaced by spaces.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields.push(field(name, value.as_ref()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    fn has(&self, name: &str) -> bool {
        let mut names = self.fields.iter().map(Header::name);
        names.any(|known| known == name.as_bytes())
    }

    /// The header section and the body to send.
    pub(crate) fn into_parts(mut self, is_head: bool, now: SystemTime) -> (Vec<Header>, Body) {
        let has_content = !matches!(self.status, 204 | 304);
        if has_content
            && !self.has("content-length")
            && let Some(len) = self.body.len()
        {
            self = self.field("content-length", len.to_string());
        }
        if !self.has("server") {
            self = self.field("server", concat!("xskit/", env!("CARGO_PKG_VERSION")));
        }
        if !self.has("date") {
            self = self.field("date", httpdate::fmt_http_date(now));
        }
        let body = match self.body.len() {
            _ if is_head || !has_content => Body::Empty,
            Some(0) => Body::Empty,
            _ => self.body,
        };
        let mut section = Vec::with_capacity(self.fields.len() + 1);
        section.push(status_field(self.status));
        section.append(&mut self.fields);
        (section, body)
    }
}

pub(super) fn status_field(status: u16) -> Header {
    Header::new(b":status", status.to_string().as_bytes())
}

pub(super) fn field(name: &str, value: &[u8]) -> Header {
    let name = name.to_ascii_lowercase();
    if value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        let clean = |byte: &u8| match byte {
            b'\r' | b'\n' | 0 => b' ',
            byte => *byte,
        };
        let value: Vec<u8> = value.iter().map(clean).collect();
        return Header::new(name.as_bytes(), &value);
    }
    Header::new(name.as_bytes(), value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(response: Response, is_head: bool) -> (Vec<(String, String)>, Body) {
        let (section, body) = response.into_parts(is_head, SystemTime::UNIX_EPOCH);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let fields = section
            .iter()
            .map(|header| (text(header.name()), text(header.value())));
        (fields.collect(), body)
    }

    fn value<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
        let mut fields = fields.iter().filter(|(known, _)| known == name);
        let (_, value) = fields.next()?;
        assert!(fields.next().is_none(), "{name} is there twice");
        Some(value)
    }

    #[test]
    fn what_every_response_has_is_added_once() {
        let (fields, body) = parts(Response::text(200, "hello"), false);
        assert_eq!(fields[0], (":status".to_owned(), "200".to_owned()));
        assert_eq!(value(&fields, "content-length"), Some("5"));
        assert_eq!(
            value(&fields, "date"),
            Some("Thu, 01 Jan 1970 00:00:00 GMT")
        );
        assert!(value(&fields, "server").unwrap().starts_with("xskit/"));
        assert!(matches!(body, Body::Bytes(bytes) if bytes == "hello"));
        let own = Response::new(200)
            .field("Date", "now")
            .field("server", "mine")
            .field("content-length", "7");
        let (fields, _) = parts(own, false);
        assert_eq!(value(&fields, "date"), Some("now"));
        assert_eq!(value(&fields, "server"), Some("mine"));
        assert_eq!(value(&fields, "content-length"), Some("7"));
    }

    #[test]
    fn bodies_are_left_out_where_there_are_none() {
        let (fields, body) = parts(Response::text(200, "hello"), true);
        assert_eq!(value(&fields, "content-length"), Some("5"));
        assert!(matches!(body, Body::Empty));
        for status in [204, 304] {
            let (fields, body) = parts(Response::text(status, "hello"), false);
            assert_eq!(value(&fields, "content-length"), None, "{status}");
            assert!(matches!(body, Body::Empty));
        }
        let (fields, body) = parts(Response::new(200).body(Body::Stream), false);
        assert_eq!(value(&fields, "content-length"), None);
        assert!(matches!(body, Body::Stream));
    }

    #[test]
    fn a_value_ends_no_field() {
        let response = Response::new(200).field("X-Name", "a\r\nset-cookie: b\0");
        let (fields, _) = parts(response, false);
        assert_eq!(value(&fields, "x-name"), Some("a  set-cookie: b "));
    }
}
