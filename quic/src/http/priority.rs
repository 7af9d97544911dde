//! `Priority`: the order in which a connection's responses are sent (RFC 9218).

use quiche::h3;
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use crate::quic::QuicConnection;

/// quiche adds this to an urgency, so that HTTP/3's own streams stay ahead of responses.
const URGENCY_OFFSET: u8 = 124;

/// How soon a response is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Priority {
    /// From 0, the first, to 7.
    urgency: u8,
    /// Parts of the response are useful before it is complete.
    is_incremental: bool,
}

/// Of several responses, the one with the smallest precedence goes first. Equal ones take turns.
pub(super) type Precedence = (u8, bool, u64);

impl Default for Priority {
    /// The priority of a request without one. By section 4.2 such responses would be sent one after
    /// the other, but clients that don't use priorities expect them to share, and section 10 leaves
    /// it to the server.
    fn default() -> Self {
        Self {
            urgency: 3,
            is_incremental: true,
        }
    }
}

impl Priority {
    /// Parses a field value; `None` if it is malformed. A parameter that is out of range, or of
    /// another type, is ignored (section 4).
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let members: Dictionary = Parser::new(value).parse().ok()?;
        let item = |key: &str| match members.get(key) {
            Some(ListEntry::Item(item)) => Some(&item.bare_item),
            _ => None,
        };
        let urgency = match item("u") {
            Some(BareItem::Integer(urgency)) => u8::try_from(i64::from(*urgency)).ok(),
            _ => None,
        };
        Some(Self {
            urgency: urgency.filter(|urgency| *urgency <= 7).unwrap_or(3),
            is_incremental: matches!(item("i"), Some(BareItem::Boolean(true))),
        })
    }

    /// quiche's form, for a response's header section.
    pub(super) fn of_response(self) -> h3::Priority {
        h3::Priority::new(self.urgency, self.is_incremental)
    }

    /// Sets the priority of a response under way in quiche.
    pub(super) fn apply(self, quic: &mut QuicConnection, stream: u64) {
        // Fails if the stream is gone.
        let _ = quic.stream_priority(stream, URGENCY_OFFSET + self.urgency, self.is_incremental);
    }

    /// Within an urgency, responses that are not incremental come first, one after the other.
    pub(super) fn precedence(self, stream: u64) -> Precedence {
        let stream = if self.is_incremental { 0 } else { stream };
        (self.urgency, self.is_incremental, stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_the_rfc_says() {
        let read = |value: &str| {
            Priority::parse(value.as_bytes()).map(|it| (it.urgency, it.is_incremental))
        };
        for (value, expected) in [
            ("", (3, false)),
            ("u=0", (0, false)),
            ("u=5, i", (5, true)),
            ("i=?0;x=1 ,u=7", (7, false)),
            ("u=8", (3, false)),
            ("u=-1, i", (3, true)),
            ("u=\"1\", i=1, other=(1 2)", (3, false)),
            ("u=1, u=2", (2, false)),
        ] {
            assert_eq!(read(value), Some(expected), "{value}");
        }
        assert_eq!(read("u=3;;"), None);
        assert_eq!(Priority::parse(&[0xff]), None);
    }

    #[test]
    fn who_needs_it_sooner_goes_first() {
        let of = |value: &str, stream| {
            let priority = Priority::parse(value.as_bytes()).expect("well-formed");
            priority.precedence(stream)
        };
        assert!(of("u=1,i", 8) < of("u=2", 0));
        assert!(of("u=2", 0) < of("u=2", 4));
        assert!(of("u=2", 8) < of("u=2,i", 0));
        assert_eq!(of("u=2,i", 0), of("u=2,i", 4));
    }
}
