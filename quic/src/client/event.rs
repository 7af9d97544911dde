//! `ClientEvent`: what a client reports.

use quiche::h3::{Header, NameValue};

use super::failure::{ConnectionEnd, RequestError};
use crate::files::ContentRange;

/// Names a request of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(super) u64);

/// An event of a client.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// The handshake is done, and the server is authenticated: by its certificate, or by the ticket
    /// of a resumed connection. With [`Trust::Anyone`](super::Trust::Anyone) it is not.
    Connected,
    /// An interim response (status 1xx), such as 103 Early Hints (RFC 8297). The final one follows.
    /// Only the first 16 per request are reported.
    Interim(RequestId, ResponseHead),
    /// The header fields of a response.
    Response(RequestId, ResponseHead),
    /// There are body bytes: call `read_body` until it returns 0.
    Body(RequestId),
    /// The trailer section of a response, names in lower case. It follows the last byte of the
    /// body.
    Trailers(RequestId, Vec<(String, String)>),
    /// Everything written of a streamed request body was handed to the transport, so there is room
    /// for more ([`Client::room`](super::Client::room)).
    Room(RequestId),
    /// The server wants no more of the request's body, and the unsent rest is dropped. The response
    /// still comes, unless it has come already.
    BodyRefused(RequestId),
    /// The response is complete, and all of it was read. The unsent rest of the request is dropped.
    Finished(RequestId),
    /// The request failed: nothing more of its response comes. The connection continues.
    Failed(RequestId, RequestError),
    /// The connection is over, and so are all unfinished requests. This is the last event.
    Closed(ConnectionEnd),
}

impl ClientEvent {
    /// The request that the event is about. `None` if it is about the connection.
    #[must_use]
    pub fn request(&self) -> Option<RequestId> {
        match self {
            Self::Connected | Self::Closed(_) => None,
            Self::Interim(id, _)
            | Self::Response(id, _)
            | Self::Body(id)
            | Self::Trailers(id, _)
            | Self::Room(id)
            | Self::BodyRefused(id)
            | Self::Finished(id)
            | Self::Failed(id, _) => Some(*id),
        }
    }
}

/// A response's status and header fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// HTTP status, such as 200.
    pub status: u16,
    /// The body's length in bytes, if the server sent it.
    pub content_length: Option<u64>,
    /// All header fields, names in lower case, without `:status`.
    pub fields: Vec<(String, String)>,
}

impl ResponseHead {
    /// The first field of this name, given in lower case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(known, _)| known == name);
        field.map(|(_, value)| value.as_str())
    }

    /// The response's `Content-Range`. `None` if the field is missing, malformed, or in another
    /// unit than bytes.
    #[must_use]
    pub fn content_range(&self) -> Option<ContentRange> {
        self.field("content-range").and_then(ContentRange::parse)
    }

    /// `None` if the fields are malformed (RFC 9114, section 4.1.2).
    pub(super) fn parse(headers: &[Header]) -> Option<Self> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut status = None;
        let mut fields = Vec::with_capacity(headers.len());
        for header in headers {
            match header.name() {
                b":status" => status = Some(std::str::from_utf8(header.value()).ok()?),
                [b':', ..] => return None,
                name => fields.push((text(name), text(header.value()))),
            }
        }
        let status = status?.parse().ok().filter(|s| (100..1000).contains(s))?;
        let mut head = Self {
            status,
            content_length: None,
            fields,
        };
        if let Some(length) = head.field("content-length") {
            head.content_length = Some(length.parse().ok()?);
        }
        Some(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(fields: &[(&str, &str)]) -> Option<ResponseHead> {
        let header = |(n, v): &(&str, &str)| Header::new(n.as_bytes(), v.as_bytes());
        let headers: Vec<Header> = fields.iter().map(header).collect();
        ResponseHead::parse(&headers)
    }

    #[test]
    fn a_head_needs_a_status_and_a_sane_length() {
        let head = parse(&[(":status", "206"), ("content-length", "7"), ("etag", "x")]).unwrap();
        assert_eq!(
            (head.status, head.content_length, head.field("etag")),
            (206, Some(7), Some("x"))
        );
        assert_eq!(parse(&[(":status", "200")]).unwrap().content_length, None);
        assert_eq!(parse(&[("content-length", "7")]), None);
        assert_eq!(parse(&[(":status", "abc")]), None);
        assert_eq!(parse(&[(":status", "99")]), None);
        assert_eq!(parse(&[(":status", "200"), (":path", "/")]), None);
        assert_eq!(parse(&[(":status", "200"), ("content-length", "-7")]), None);
    }
}
