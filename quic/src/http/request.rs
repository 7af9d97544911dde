//! `Request`: the header fields of a request, checked (RFC 9114, section 4.3).

use quiche::h3::{Header, NameValue};

use super::condition::Conditions;

/// What is asked for. Anything but GET and HEAD is `Other`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Other,
}

/// A well-formed request.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    /// Still percent-encoded; empty for methods that carry none.
    pub(crate) path: &'a str,
    pub(crate) range: Option<&'a str>,
    pub(super) conditions: Conditions<'a>,
}

/// Why a request is malformed (status 400), in words for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadRequest(pub(crate) &'static str);

/// Header fields that are read, in bytes as `field_section_bytes` counts them.
const MAX_FIELD_BYTES: usize = 16 << 10;

/// Whether these are more header fields than are read (status 431).
pub(super) fn is_too_large(headers: &[Header]) -> bool {
    field_section_bytes(headers) > MAX_FIELD_BYTES
}

/// Names, values, and 32 bytes for each field (RFC 9114, section 4.2.2).
fn field_section_bytes(headers: &[Header]) -> usize {
    let field = |header: &Header| header.name().len() + header.value().len() + 32;
    headers.iter().map(field).sum()
}

/// The fields that matter, each at most once, but for lists.
#[derive(Default)]
struct Fields<'a> {
    method: Option<&'a str>,
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: Option<&'a str>,
    host: Option<&'a str>,
    range: Option<&'a str>,
    conditions: Conditions<'a>,
}

impl<'a> Request<'a> {
    /// Checks the fields in the order they came.
    pub(crate) fn parse(headers: &'a [Header]) -> Result<Self, BadRequest> {
        let fields = Fields::collect(headers)?;
        let method = match fields.method {
            None => return Err(BadRequest("no :method")),
            Some("GET") => Method::Get,
            Some("HEAD") => Method::Head,
            Some(_) => Method::Other,
        };
        // CONNECT has neither; this server answers 405 to it all the same.
        if method != Method::Other {
            fields.check_target()?;
        }
        Ok(Self {
            method,
            path: fields.path.unwrap_or_default(),
            range: fields.range,
            conditions: fields.conditions,
        })
    }
}

impl<'a> Fields<'a> {
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
            fields.take(name, header.value())?;
        }
        Ok(fields)
    }

    fn take(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), BadRequest> {
        let conditions = &mut self.conditions;
        let (slot, repeated) = match name {
            b":method" => (&mut self.method, "more than one :method"),
            b":scheme" => (&mut self.scheme, "more than one :scheme"),
            b":authority" => (&mut self.authority, "more than one :authority"),
            b":path" => (&mut self.path, "more than one :path"),
            b"host" => (&mut self.host, "more than one host"),
            b"range" => (&mut self.range, "more than one range"),
            b"if-range" => (&mut conditions.if_range, "more than one if-range"),
            b"if-match" => return utf8(value).map(|v| conditions.if_match.push(v)),
            b"if-none-match" => return utf8(value).map(|v| conditions.if_none_match.push(v)),
            b"if-modified-since" => (
                &mut conditions.if_modified_since,
                "more than one if-modified-since",
            ),
            b"if-unmodified-since" => (
                &mut conditions.if_unmodified_since,
                "more than one if-unmodified-since",
            ),
            // RFC 9220's :protocol belongs to CONNECT, which nobody offered here.
            [b':', ..] => return Err(BadRequest("an unknown pseudo-header field")),
            _ => return Ok(()),
        };
        if slot.replace(utf8(value)?).is_some() {
            return Err(BadRequest(repeated));
        }
        Ok(())
    }

    fn check_target(&self) -> Result<(), BadRequest> {
        if self.scheme.is_none_or(str::is_empty) {
            return Err(BadRequest("no :scheme"));
        }
        if !self.path.is_some_and(|path| path.starts_with('/')) {
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

fn utf8(value: &[u8]) -> Result<&str, BadRequest> {
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
        fields.extend([
            ("range", "bytes=0-1"),
            ("if-range", "\"x\""),
            ("if-match", "\"x\""),
            ("if-match", "\"y\""),
            ("if-none-match", "\"z\""),
            ("if-modified-since", "then"),
            ("if-unmodified-since", "now"),
            ("accept", "*/*"),
        ]);
        let list = headers(&fields);
        let request = Request::parse(&list).unwrap();
        assert_eq!(request.method, Method::Get);
        assert_eq!(request.path, "/a?b");
        assert_eq!(request.range, Some("bytes=0-1"));
        let conditions = request.conditions;
        assert_eq!(conditions.if_range, Some("\"x\""));
        assert_eq!(conditions.if_match, ["\"x\"", "\"y\""]);
        assert_eq!(conditions.if_none_match, ["\"z\""]);
        assert_eq!(conditions.if_modified_since, Some("then"));
        assert_eq!(conditions.if_unmodified_since, Some("now"));
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
        assert_eq!(with(("host", "other"), 4), ":authority and host differ");
        assert_eq!(with(("host", ""), 4), "an empty :authority or host");
        let mut fields = GOOD.to_vec();
        fields[3] = (":path", "etc");
        assert!(Request::parse(&headers(&fields)).is_err());
        let mut list = headers(&GOOD);
        list.push(Header::new(b"range", &[0xff]));
        assert!(Request::parse(&list).is_err());
    }

    #[test]
    fn other_methods_need_no_path() {
        let connect = headers(&[(":method", "CONNECT"), (":authority", "a:1")]);
        assert_eq!(Request::parse(&connect).unwrap().method, Method::Other);
    }
}
