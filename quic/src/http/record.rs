//! `Served`: the outcome of a request, for an access log.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use quiche::h3::{Header, NameValue};

/// Called at the end of each response.
pub(super) type Hook = Box<dyn FnMut(&Served<'_>) + Send>;

/// Bytes kept of the client's fields while its response is under way. Longer values are cut and end
/// in [`CUT`].
const METHOD_BYTES: usize = 32;
const PATH_BYTES: usize = 2048;
const USER_AGENT_BYTES: usize = 512;
const CUT: char = '…';

/// A response that is over, and the request that it answers: see
/// [`Http::on_response`](super::Http::on_response).
///
/// The client chose method, path and user agent, so escape them before showing them, for a terminal
/// by [`Printable`](crate::Printable). Bytes that are not UTF-8 are replaced by U+FFFD.
#[derive(Clone, Copy, Debug)]
pub struct Served<'a> {
    record: &'a Record,
    peer: SocketAddr,
    now: Instant,
    ending: Ending,
}

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// All of it was handed to the transport. Whether the client receives all of it is not known
    /// yet.
    Complete,
    /// The client cancelled it.
    GivenUp,
    /// The server cut it short: the file shrank or could not be read, or the handler reset it.
    BrokenOff,
    /// The connection ended, from either side.
    Disconnected,
}

impl<'a> Served<'a> {
    /// The client's address when the session began. It may have moved since.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The request's method, of at most 32 bytes. Empty for a malformed request without one.
    #[must_use]
    pub fn method(&self) -> &'a str {
        &self.record.text[..self.record.method_end]
    }

    /// The request's path and query, of at most 2,048 bytes, as they came. Empty for CONNECT and
    /// for a malformed request without one.
    #[must_use]
    pub fn path(&self) -> &'a str {
        &self.record.text[self.record.method_end..self.record.path_end]
    }

    /// The request's first `user-agent`, of at most 512 bytes.
    #[must_use]
    pub fn user_agent(&self) -> Option<&'a str> {
        let text = &self.record.text[self.record.path_end..];
        self.record.has_user_agent.then_some(text)
    }

    /// The protocol: `HTTP/3`, or the one given to
    /// [`LoneExchange::begin`](super::LoneExchange::begin).
    #[must_use]
    pub fn protocol(&self) -> &'static str {
        self.record.protocol
    }

    /// The final response's status; `None` if there was none by the end.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.record.status
    }

    /// Bytes of the response's body that were handed to the transport.
    #[must_use]
    pub fn body_bytes(&self) -> u64 {
        self.record.body_bytes
    }

    /// The time from the request's header section to the end.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.now.saturating_duration_since(self.record.begun)
    }

    /// How it ended.
    #[must_use]
    pub fn ending(&self) -> Ending {
        self.ending
    }
}

/// What is kept of a request while its response is under way, in one allocation.
#[derive(Debug)]
pub(super) struct Record {
    begun: Instant,
    protocol: &'static str,
    /// Method, path and user agent, one after another.
    text: String,
    method_end: usize,
    path_end: usize,
    has_user_agent: bool,
    pub(super) status: Option<u16>,
    pub(super) body_bytes: u64,
}

impl Record {
    /// A record of a request's header fields, well-formed or not.
    pub(super) fn new(list: &[Header], protocol: &'static str, now: Instant) -> Self {
        let value = |name: &[u8]| list.iter().find(|it| it.name() == name).map(Header::value);
        let parts = [
            (value(b":method"), METHOD_BYTES),
            (value(b":path"), PATH_BYTES),
            (value(b"user-agent"), USER_AGENT_BYTES),
        ];
        let len =
            |(value, most): &(Option<&[u8]>, usize)| value.map_or(0, |it| it.len().min(*most));
        let mut text = String::with_capacity(parts.iter().map(len).sum());
        let ends = parts.map(|(value, most)| {
            append(&mut text, value.unwrap_or_default(), most);
            text.len()
        });
        Self {
            begun: now,
            protocol,
            text,
            method_end: ends[0],
            path_end: ends[1],
            has_user_agent: parts[2].0.is_some(),
            status: None,
            body_bytes: 0,
        }
    }

    pub(super) fn report(&self, hook: &mut Hook, peer: SocketAddr, now: Instant, ending: Ending) {
        hook(&Served {
            record: self,
            peer,
            now,
            ending,
        });
    }
}

/// Appends at most `most` bytes of `value`, as UTF-8.
fn append(text: &mut String, value: &[u8], most: usize) {
    let end = text.len() + most;
    for chunk in value.utf8_chunks() {
        let replaced = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
        for c in chunk.valid().chars().chain(replaced) {
            if text.len() + c.len_utf8() > end {
                // Makes room for the mark.
                while text.len() + CUT.len_utf8() > end {
                    text.pop();
                }
                text.push(CUT);
                return;
            }
            text.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(fields: &[(&str, &[u8])]) -> Record {
        let header = |(name, value): &(&str, &[u8])| Header::new(name.as_bytes(), value);
        let list: Vec<Header> = fields.iter().map(header).collect();
        Record::new(&list, "HTTP/3", Instant::now())
    }

    fn served(record: &Record) -> Served<'_> {
        Served {
            record,
            peer: ([192, 0, 2, 1], 1).into(),
            now: record.begun + Duration::from_secs(1),
            ending: Ending::Complete,
        }
    }

    #[test]
    fn a_request_is_kept_as_it_came() {
        let record = record(&[
            (":method", b"GET"),
            (":path", b"/a\xff\x1b?b"),
            ("user-agent", b""),
            ("user-agent", b"second"),
        ]);
        let served = served(&record);
        assert_eq!(
            (served.method(), served.path()),
            ("GET", "/a\u{fffd}\u{1b}?b")
        );
        assert_eq!(served.user_agent(), Some(""));
        assert_eq!(served.duration(), Duration::from_secs(1));
        assert_eq!((served.status(), served.body_bytes()), (None, 0));
    }

    #[test]
    fn a_malformed_one_has_what_there_is() {
        let record = record(&[("user-agent", b"x")]);
        let served = served(&record);
        assert_eq!((served.method(), served.path()), ("", ""));
        assert_eq!(served.user_agent(), Some("x"));
        assert_eq!(
            super::tests::served(&super::tests::record(&[])).user_agent(),
            None
        );
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        for filler in ["x", "ä", "漢", "a漢"] {
            let long = filler.repeat(5000);
            let record = record(&[
                (":method", long.as_bytes()),
                (":path", long.as_bytes()),
                ("user-agent", long.as_bytes()),
            ]);
            let served = served(&record);
            for (text, most) in [
                (served.method(), METHOD_BYTES),
                (served.path(), PATH_BYTES),
                (served.user_agent().unwrap(), USER_AGENT_BYTES),
            ] {
                assert!(
                    text.len() <= most && text.len() > most - 8,
                    "{}",
                    text.len()
                );
                assert!(long.starts_with(text.strip_suffix(CUT).unwrap()));
            }
        }
        let exact = "x".repeat(PATH_BYTES);
        let record = record(&[(":path", exact.as_bytes())]);
        assert_eq!(record.text.capacity(), PATH_BYTES, "allocated once");
        assert_eq!(super::tests::served(&record).path(), exact);
        // Each of these becomes three.
        let record = super::tests::record(&[(":path", &[0xff; PATH_BYTES])]);
        assert!(super::tests::served(&record).path().len() <= PATH_BYTES);
    }
}
