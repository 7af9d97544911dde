//! `Request`: the header section of a request, checked (RFC 9114, section 4.3).

use std::net::SocketAddr;

use quiche::h3::{Header, NameValue};

use crate::server::ConnectionKey;

/// A well-formed request, without its body.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    method: &'a str,
    scheme: &'a str,
    authority: &'a str,
    path: &'a str,
    fields: Fields<'a>,
    pub(super) peer: Option<SocketAddr>,
    pub(super) has_body: bool,
    pub(super) is_early: bool,
}

/// Names a request of a server. It is never reused for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestKey {
    connection: ConnectionKey,
    stream: u64,
}

impl RequestKey {
    pub(super) fn new(connection: ConnectionKey, stream: u64) -> Self {
        Self { connection, stream }
    }

    /// The request's connection.
    #[must_use]
    pub fn connection(self) -> ConnectionKey {
        self.connection
    }

    /// The request's stream (RFC 9000, section 2.1).
    #[must_use]
    pub fn stream(self) -> u64 {
        self.stream
    }
}

/// Header fields in the order received, without pseudo-header fields.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(&'a [Header]);

impl<'a> Fields<'a> {
    pub(crate) fn new(list: &'a [Header]) -> Self {
        Self(list)
    }

    /// Names, which are in lower case, and values.
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        let fields = self.0.iter().map(|it| (it.name(), it.value()));
        fields.filter(|(name, _)| !name.starts_with(b":"))
    }

    /// The first field of this name, given in lower case.
    #[must_use]
    pub fn get(self, name: &str) -> Option<&'a [u8]> {
        let mut fields = self.iter().filter(|(known, _)| *known == name.as_bytes());
        fields.next().map(|(_, value)| value)
    }
}

/// Why a request is malformed (status 400), as a text for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadRequest(pub(crate) &'static str);

/// The largest header section that is answered, as `field_section_bytes` counts it.
const MAX_FIELD_BYTES: usize = 16 << 10;

/// Whether the header section is too large (status 431).
pub(super) fn is_too_large(headers: &[Header]) -> bool {
    field_section_bytes(headers) > MAX_FIELD_BYTES
}

/// Names, values, and 32 bytes for each field (RFC 9114, section 4.2.2).
fn field_section_bytes(headers: &[Header]) -> usize {
    let field = |header: &Header| header.name().len() + header.value().len() + 32;
    headers.iter().map(field).sum()
}

impl<'a> Request<'a> {
    /// The method, case-sensitive: `GET` and `get` differ.
    #[must_use]
    pub fn method(&self) -> &'a str {
        self.method
    }

    /// The scheme, usually `https`; empty for CONNECT.
    #[must_use]
    pub fn scheme(&self) -> &'a str {
        self.scheme
    }

    /// The host and port of the request's target.
    #[must_use]
    pub fn authority(&self) -> &'a str {
        self.authority
    }

    /// Path and query, still percent-encoded. It begins with a slash, except for `OPTIONS *`; for
    /// CONNECT it is empty.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// The header fields.
    #[must_use]
    pub fn fields(&self) -> Fields<'a> {
        self.fields
    }

    /// The client's address when the session began. For an early request it is unproven.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Whether a body or trailers follow.
    #[must_use]
    pub fn has_body(&self) -> bool {
        self.has_body
    }

    /// Whether the client sent it as early data (0-RTT), and its handshake is not done yet (RFC
    /// 8470): its address is unproven, and the request may be repeated. Only GET, HEAD and OPTIONS
    /// are passed on early, and only with
    /// [`ServerConfig::early_data`](crate::ServerConfig::early_data). Others are answered with
    /// status 425 (Too Early). A handler must itself answer 425 for paths on which these methods
    /// are not safe.
    #[must_use]
    pub fn is_early(&self) -> bool {
        self.is_early
    }

    /// Whether the method is safe (RFC 9110, section 9.2.1), and the request is answered without
    /// its body.
    pub(super) fn is_safe(&self) -> bool {
        matches!(self.method, "GET" | "HEAD" | "OPTIONS")
    }

    /// Checks the fields in the order received.
    pub(crate) fn parse(headers: &'a [Header]) -> Result<Self, BadRequest> {
        let target = Target::collect(headers)?;
        let method = target.method.ok_or(BadRequest("no :method"))?;
        // CONNECT has neither scheme nor path (RFC 9114, section 4.4).
        if method != "CONNECT" {
            target.check(method)?;
        }
        Ok(Self {
            method,
            scheme: target.scheme.unwrap_or_default(),
            authority: target.authority.or(target.host).unwrap_or_default(),
            path: target.path.unwrap_or_default(),
            fields: Fields(headers),
            peer: None,
            has_body: false,
            is_early: false,
        })
    }
}

/// The fields of the request's target, each at most once.
#[derive(Default)]
struct Target<'a> {
    method: Option<&'a str>,
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: Option<&'a str>,
    host: Option<&'a str>,
}

impl<'a> Target<'a> {
    fn collect(headers: &'a [Header]) -> Result<Self, BadRequest> {
        let mut fields = Self::default();
        let mut in_pseudo = true;
        for header in headers {
            let name = header.name();
            if name.starts_with(b":") {
                if !in_pseudo {
                    return Err(BadRequest("a pseudo-header field after a regular one"));
                }
            } else {
                in_pseudo = false;
            }
            if name.iter().any(u8::is_ascii_uppercase) {
                return Err(BadRequest("a field name in upper case"));
            }
            // RFC 9114, section 10.3: converted to HTTP/1.1, it would become two fields.
            if header
                .value()
                .iter()
                .any(|it| matches!(it, b'\r' | b'\n' | 0))
            {
                return Err(BadRequest("a field value with a line break or NUL"));
            }
            fields.take(name, header.value())?;
        }
        Ok(fields)
    }

    fn take(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), BadRequest> {
        let (slot, repeated) = match name {
            b":method" => (&mut self.method, "more than one :method"),
            b":scheme" => (&mut self.scheme, "more than one :scheme"),
            b":authority" => (&mut self.authority, "more than one :authority"),
            b":path" => (&mut self.path, "more than one :path"),
            b"host" => (&mut self.host, "more than one host"),
            // RFC 9220's :protocol belongs to extended CONNECT, which this server doesn't offer.
            [b':', ..] => return Err(BadRequest("an unknown pseudo-header field")),
            _ => return Ok(()),
        };
        if slot.replace(utf8(value)?).is_some() {
            return Err(BadRequest(repeated));
        }
        Ok(())
    }

    fn check(&self, method: &str) -> Result<(), BadRequest> {
        if self.scheme.is_none_or(str::is_empty) {
            return Err(BadRequest("no :scheme"));
        }
        let is_path = |path: &str| path.starts_with('/') || (path == "*" && method == "OPTIONS");
        if !self.path.is_some_and(is_path) {
            return Err(BadRequest("no :path that starts with a slash"));
        }
        match (self.authority, self.host) {
            (Some(""), _) | (_, Some("")) => Err(BadRequest("an empty :authority or host")),
            (None, None) => Err(BadRequest("neither :authority nor host")),
            (Some(a), Some(b)) if a != b => Err(BadRequest(":authority and host differ")),
            _ => Ok(()),
        }
    }
}

pub(crate) fn utf8(value: &[u8]) -> Result<&str, BadRequest> {
    std::str::from_utf8(value).map_err(|_| BadRequest("a field value that is not text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&str, &str)]) -> Vec<Header> {
        let header = |(n, v): &(&str, &str)| Header::new(n.as_bytes(), v.as_bytes());
        fields.iter().map(header).collect()
    }

    const GOOD: [(&str, &str); 4] = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "example.net"),
        (":path", "/a?b"),
    ];

    #[test]
    fn a_full_request_is_read() {
        let mut fields = GOOD.to_vec();
        fields.extend([("accept", "a"), ("accept", "b")]);
        let list = headers(&fields);
        let request = Request::parse(&list).unwrap();
        assert_eq!(request.method(), "GET");
        assert_eq!(
            (request.scheme(), request.authority()),
            ("https", "example.net")
        );
        assert_eq!(request.path(), "/a?b");
        assert_eq!(request.fields().get("accept"), Some(&b"a"[..]));
        assert_eq!(
            request.fields().iter().count(),
            2,
            "without the pseudo ones"
        );
        assert_eq!(request.fields().get(":path"), None);
    }

    #[test]
    fn every_pseudo_header_is_needed_once() {
        for (at, field) in GOOD.iter().enumerate() {
            let mut fields = GOOD.to_vec();
            fields.remove(at);
            assert!(
                Request::parse(&headers(&fields)).is_err(),
                "without {field:?}"
            );
            let mut fields = GOOD.to_vec();
            fields.push(*field);
            assert!(
                Request::parse(&headers(&fields)).is_err(),
                "twice {field:?}"
            );
        }
    }

    #[test]
    fn host_stands_in_for_authority() {
        let mut fields = GOOD.to_vec();
        fields[2] = ("host", "example.net");
        fields.swap(2, 3);
        assert!(Request::parse(&headers(&fields)).is_ok());
    }

    #[test]
    fn malformed_requests_are_told_apart() {
        let with = |extra: (&'static str, &'static str), at: usize| {
            let mut fields = GOOD.to_vec();
            fields.insert(at, extra);
            Request::parse(&headers(&fields)).unwrap_err().0
        };
        assert_eq!(
            with(("accept", "*/*"), 1),
            "a pseudo-header field after a regular one"
        );
        assert_eq!(
            with((":protocol", "x"), 4),
            "an unknown pseudo-header field"
        );
        assert_eq!(with(("Accept", "*/*"), 4), "a field name in upper case");
        assert_eq!(
            with(("accept", "a\nb: c"), 4),
            "a field value with a line break or NUL"
        );
        assert_eq!(with(("host", "other"), 4), ":authority and host differ");
        assert_eq!(with(("host", ""), 4), "an empty :authority or host");
        let mut fields = GOOD.to_vec();
        fields[3] = (":path", "etc");
        assert!(Request::parse(&headers(&fields)).is_err());
        let mut list = headers(&GOOD);
        list.push(Header::new(b"host", &[0xff]));
        assert!(Request::parse(&list).is_err());
    }

    #[test]
    fn only_connect_needs_no_path_and_only_options_has_a_star() {
        let connect = headers(&[(":method", "CONNECT"), (":authority", "a:1")]);
        assert_eq!(Request::parse(&connect).unwrap().path(), "");
        let star = |method| {
            let mut fields = GOOD.to_vec();
            fields[0] = (":method", method);
            fields[3] = (":path", "*");
            Request::parse(&headers(&fields)).map(|it| it.path().to_owned())
        };
        assert_eq!(star("OPTIONS").unwrap(), "*");
        assert!(star("GET").is_err());
    }
}
