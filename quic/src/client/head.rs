//! `Head`: the checked header section of a request.

use quiche::h3::Header;

use super::outgoing::RequestBody;
use crate::Printable;

/// Why a request is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// The method isn't a token (RFC 9110, section 9.1), or is CONNECT.
    #[error("\"{}\" can't be a request's method: it is letters and digits, such as POST; CONNECT is not supported", Printable(.0))]
    Method(String),
    /// The path doesn't begin with a slash, or has spaces or control characters.
    #[error(
        "\"{}\" can't be a request's path: begin it with a slash, and percent-encode spaces and control characters",
        Printable(.0)
    )]
    Path(String),
    /// The name isn't a token (RFC 9110, section 5.1). Pseudo-header fields, which begin with a
    /// colon, are not tokens.
    #[error(
        "\"{}\" can't be the name of a header field: it is letters, digits and hyphens. Method and path \
         are arguments, and the authority is in the client's configuration",
        Printable(.0)
    )]
    FieldName(String),
    /// The field is specific to connections of HTTP/1.1 (RFC 9114, section 4.2), or is `host`,
    /// which `:authority` replaces.
    #[error("the header field {0} is not used in HTTP/3: leave it out")]
    ConnectionField(String),
    /// The value contains a CR, LF or NUL, or has a blank at an end (RFC 9110, section 5.5).
    #[error(
        "the value of the header field {0} has a line break or NUL in it, or a blank at an end: encode or trim it"
    )]
    FieldValue(String),
    /// The `content-length` given isn't the body's.
    #[error("the content-length given is not the body's: leave it out, it is added")]
    ContentLength,
}

/// A request's header section.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) fields: Vec<Header>,
    /// The method is HEAD: the response has no body, whatever its content-length.
    pub(super) is_head: bool,
    /// The method is safe (RFC 9110, section 9.2.1), so the request may be repeated.
    pub(super) is_safe: bool,
}

impl Head {
    pub(super) fn new(
        authority: &str,
        method: &str,
        path: &str,
        extra: &[(&str, &str)],
        body: &RequestBody,
    ) -> Result<Self, InvalidRequest> {
        if !is_token(method) || method == "CONNECT" {
            return Err(InvalidRequest::Method(method.to_owned()));
        }
        if !is_target(method, path) {
            return Err(InvalidRequest::Path(path.to_owned()));
        }
        let mut fields = vec![
            Header::new(b":method", method.as_bytes()),
            Header::new(b":scheme", b"https"),
            Header::new(b":authority", authority.as_bytes()),
            Header::new(b":path", path.as_bytes()),
        ];
        if !has(extra, "user-agent") {
            let agent = concat!("xskit/", env!("CARGO_PKG_VERSION"));
            fields.push(Header::new(b"user-agent", agent.as_bytes()));
        }
        if let Some(length) = content_length(method, extra, body)? {
            let length = length.to_string();
            fields.push(Header::new(b"content-length", length.as_bytes()));
        }
        fields.append(&mut section(extra)?);
        Ok(Self {
            fields,
            is_head: method == "HEAD",
            is_safe: matches!(method, "GET" | "HEAD" | "OPTIONS"),
        })
    }
}

/// Checks header fields or trailers, and converts their names to lower case.
pub(super) fn section(fields: &[(&str, &str)]) -> Result<Vec<Header>, InvalidRequest> {
    let field = |(name, value): &(&str, &str)| field(name, value);
    fields.iter().map(field).collect()
}

fn field(name: &str, value: &str) -> Result<Header, InvalidRequest> {
    if !is_token(name) {
        return Err(InvalidRequest::FieldName(name.to_owned()));
    }
    let name = name.to_ascii_lowercase();
    let is_of_connection = matches!(
        name.as_str(),
        "connection" | "host" | "keep-alive" | "proxy-connection" | "transfer-encoding" | "upgrade"
    );
    if is_of_connection || (name == "te" && value != "trailers") {
        return Err(InvalidRequest::ConnectionField(name));
    }
    if value.contains(['\r', '\n', '\0']) || value.trim_matches([' ', '\t']) != value {
        return Err(InvalidRequest::FieldValue(name));
    }
    Ok(Header::new(name.as_bytes(), value.as_bytes()))
}

/// The `content-length` to add. `None` if it is given, or if the method usually has no body and the
/// request has none (RFC 9110, section 8.6).
fn content_length(
    method: &str,
    fields: &[(&str, &str)],
    body: &RequestBody,
) -> Result<Option<u64>, InvalidRequest> {
    let mut given = fields
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    if let Some((_, given)) = given.next() {
        let given: u64 = given.parse().map_err(|_| InvalidRequest::ContentLength)?;
        return match body.len() {
            Some(length) if length != given => Err(InvalidRequest::ContentLength),
            _ => Ok(None),
        };
    }
    let is_usual = matches!(method, "POST" | "PUT" | "PATCH");
    let is_needed = is_usual || !matches!(body, RequestBody::Empty);
    Ok(body.len().filter(|_| is_needed))
}

fn has(fields: &[(&str, &str)], name: &str) -> bool {
    fields
        .iter()
        .any(|(known, _)| known.eq_ignore_ascii_case(name))
}

fn is_target(method: &str, path: &str) -> bool {
    let is_clean = path.bytes().all(|b| b > b' ' && b != 0x7f);
    is_clean && (path.starts_with('/') || (method == "OPTIONS" && path == "*"))
}

/// RFC 9110, section 5.6.2.
fn is_token(text: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quiche::h3::NameValue;

    fn head(
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: impl Into<RequestBody>,
    ) -> Result<Vec<(String, String)>, InvalidRequest> {
        let head = Head::new("a.test", method, path, fields, &body.into())?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let field = |it: &Header| (text(it.name()), text(it.value()));
        Ok(head.fields.iter().map(field).collect())
    }

    fn value<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
        let mut fields = fields.iter().filter(|(known, _)| known == name);
        let (_, value) = fields.next()?;
        assert!(fields.next().is_none(), "{name} is there twice");
        Some(value)
    }

    #[test]
    fn names_become_lower_case_and_pseudo_fields_come_first() {
        let given = [("X-Name", "a b"), ("te", "trailers")];
        let fields = head("PROPFIND", "/a?b", &given, RequestBody::Empty).unwrap();
        let (pseudo, others) = fields.split_at(4);
        assert!(pseudo.iter().all(|(name, _)| name.starts_with(':')));
        assert!(others.iter().all(|(name, _)| !name.starts_with(':')));
        assert_eq!(value(&fields, ":method"), Some("PROPFIND"));
        assert_eq!(value(&fields, "x-name"), Some("a b"));
        assert!(value(&fields, "user-agent").unwrap().starts_with("xskit/"));
        let own = head("GET", "/", &[("User-Agent", "mine")], RequestBody::Empty).unwrap();
        assert_eq!(value(&own, "user-agent"), Some("mine"));
    }

    #[test]
    fn a_body_says_its_length() {
        let length = |method, fields: &[(&str, &str)], body| {
            head(method, "/", fields, body)
                .map(|fields| value(&fields, "content-length").map(ToOwned::to_owned))
        };
        let said = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(length("GET", &[], RequestBody::Empty), Ok(None));
        assert_eq!(length("POST", &[], RequestBody::Empty), said("0"));
        assert_eq!(length("POST", &[], "abc".into()), said("3"));
        assert_eq!(length("DELETE", &[], "".into()), said("0"));
        assert_eq!(length("PUT", &[], RequestBody::Stream), Ok(None));
        let three = [("Content-Length", "3")];
        assert_eq!(length("PUT", &three, RequestBody::Stream), said("3"));
        assert_eq!(length("PUT", &three, "abc".into()), said("3"));
        let wrong = Err(InvalidRequest::ContentLength);
        assert_eq!(length("PUT", &three, "ab".into()), wrong);
        let none = [("content-length", "three")];
        assert_eq!(length("PUT", &none, RequestBody::Stream), wrong);
    }

    #[test]
    fn what_is_no_request_is_refused() {
        type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);
        let cases: &[Case<'_>] = &[
            ("", "/", &[]),
            ("GE T", "/", &[]),
            ("CONNECT", "/", &[]),
            ("GET", "", &[]),
            ("GET", "a", &[]),
            ("GET", "*", &[]),
            ("GET", "/a b", &[]),
            ("GET", "/\r\nx: y", &[]),
            ("GET", "/", &[("", "a")]),
            ("GET", "/", &[(":path", "/b")]),
            ("GET", "/", &[("a b", "c")]),
            ("GET", "/", &[("Connection", "close")]),
            ("GET", "/", &[("transfer-encoding", "chunked")]),
            ("GET", "/", &[("te", "gzip")]),
            ("GET", "/", &[("Host", "b.test")]),
            ("GET", "/", &[("a", "b\rc")]),
            ("GET", "/", &[("a", "b\nc")]),
            ("GET", "/", &[("a", "b\0c")]),
            ("GET", "/", &[("a", " b")]),
        ];
        for (method, path, fields) in cases {
            let made = head(method, path, fields, RequestBody::Empty);
            let error = made.expect_err(&format!("{method} {path} {fields:?}"));
            let text = error.to_string();
            assert!(!text.chars().any(char::is_control), "{text:?}");
        }
        assert!(head("OPTIONS", "*", &[], RequestBody::Empty).is_ok());
    }
}
