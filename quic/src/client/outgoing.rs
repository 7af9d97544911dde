//! `Outgoing`: the body of a request on its way to the server.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};
use quiche::h3::{self, Header};

use crate::quic::QuicConnection;

/// Bytes written to a stream per turn.
const TURN_BYTES: usize = 16 << 10;

/// Bytes of a streamed body that may wait for the transport.
pub(super) const STREAM_BYTES: usize = 64 << 10;

/// The body of a request.
///
/// [`Bytes`], `Vec<u8>`, `String` and `&'static str` convert into one.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum RequestBody {
    /// No body.
    #[default]
    Empty,
    /// These bytes, which are sent without copying them as the server takes them.
    Bytes(Bytes),
    /// Bytes written later by [`Client::write_body`](super::Client::write_body), until
    /// [`Client::finish_body`](super::Client::finish_body).
    Stream,
}

impl RequestBody {
    /// The length in bytes. `None` for a streamed body.
    pub(super) fn len(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Stream => None,
        }
    }
}

impl From<Bytes> for RequestBody {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<u8>> for RequestBody {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<String> for RequestBody {
    fn from(text: String) -> Self {
        Self::Bytes(text.into())
    }
}

impl From<&'static str> for RequestBody {
    fn from(text: &'static str) -> Self {
        Self::Bytes(Bytes::from_static(text.as_bytes()))
    }
}

/// The part of a body that was not handed to the transport yet.
#[derive(Debug)]
pub(super) struct Outgoing {
    chunks: VecDeque<Bytes>,
    bytes: usize,
    state: State,
    trailers: Vec<Header>,
    /// Bytes were handed over since the last `Room` event.
    has_drained: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The application may write more.
    Open,
    /// The queued bytes and trailers are the rest.
    Complete,
    /// All of it was handed over.
    Sent,
    /// The server wants no more of it.
    Refused,
}

/// How one turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The transport took something.
    Advanced,
    /// Nothing to write, or no room now.
    Blocked,
    /// The server wants no more of it.
    Refused,
}

impl Outgoing {
    pub(super) fn new(body: RequestBody) -> Self {
        let mut outgoing = Self {
            chunks: VecDeque::new(),
            bytes: 0,
            state: State::Open,
            trailers: Vec::new(),
            has_drained: false,
        };
        if let RequestBody::Bytes(bytes) = body {
            outgoing.write(bytes);
            outgoing.finish(Vec::new());
        } else if matches!(body, RequestBody::Empty) {
            outgoing.finish(Vec::new());
        }
        outgoing
    }

    /// Whether nothing follows the header fields. They then carry the end of the stream.
    pub(super) fn is_empty(&self) -> bool {
        self.state == State::Complete && self.chunks.is_empty() && self.trailers.is_empty()
    }

    /// The header fields went out, and the end of the stream with them if nothing follows.
    pub(super) fn begin(&mut self) {
        if self.is_empty() {
            self.state = State::Sent;
        }
    }

    /// False if the body takes no more.
    pub(super) fn write(&mut self, bytes: Bytes) -> bool {
        let is_open = self.state == State::Open;
        if is_open && !bytes.is_empty() {
            self.bytes += bytes.len();
            self.chunks.push_back(bytes);
        }
        is_open
    }

    pub(super) fn finish(&mut self, trailers: Vec<Header>) {
        if self.state == State::Open {
            self.state = State::Complete;
            self.trailers = trailers;
        }
    }

    pub(super) fn room(&self) -> usize {
        match self.state {
            State::Open => STREAM_BYTES.saturating_sub(self.bytes),
            State::Complete | State::Sent | State::Refused => 0,
        }
    }

    /// Whether the application has to write more before anything can be sent.
    pub(super) fn is_the_applications_move(&self) -> bool {
        self.state == State::Open && self.chunks.is_empty()
    }

    /// Whether the body was neither sent to its end nor refused.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.state, State::Open | State::Complete)
    }

    /// Whether the end of the stream was handed over.
    pub(super) fn is_sent(&self) -> bool {
        self.state == State::Sent
    }

    /// Whether everything written was handed over; true once each time.
    pub(super) fn take_drained(&mut self) -> bool {
        self.is_the_applications_move() && std::mem::take(&mut self.has_drained)
    }

    /// Hands the transport as much as it takes, at most one turn.
    pub(super) fn advance(
        &mut self,
        h3: &mut h3::Connection,
        quic: &mut QuicConnection,
        stream: u64,
    ) -> Turn {
        let written = match (self.state, self.chunks.front()) {
            (State::Sent | State::Refused, _) => return Turn::Blocked,
            // Checks only whether the server still wants it.
            (State::Open, None) => match quic.stream_capacity(stream) {
                Ok(_) => return Turn::Blocked,
                Err(error) => Err(error.into()),
            },
            (State::Complete, None) if !self.trailers.is_empty() => h3
                .send_additional_headers(quic, stream, &self.trailers, true, true)
                .map(|()| 0),
            (_, chunk) => {
                let chunk = chunk.cloned().unwrap_or_default();
                let mut piece = chunk.slice(..chunk.len().min(TURN_BYTES));
                let is_last = self.is_rest(piece.len());
                h3.send_body_zc(quic, stream, &mut piece, is_last)
            }
        };
        match written {
            Ok(written) => {
                self.handed_over(written);
                Turn::Advanced
            }
            Err(h3::Error::Done | h3::Error::StreamBlocked) => Turn::Blocked,
            Err(_) => {
                self.refuse();
                Turn::Refused
            }
        }
    }

    /// Whether nothing follows the next `bytes`.
    fn is_rest(&self, bytes: usize) -> bool {
        self.state == State::Complete && self.trailers.is_empty() && self.bytes == bytes
    }

    fn handed_over(&mut self, written: usize) {
        let is_all = self.state == State::Complete && self.bytes == written;
        let had_trailers = !self.trailers.is_empty();
        self.bytes -= written.min(self.bytes);
        if let Some(chunk) = self.chunks.front_mut() {
            chunk.advance(written.min(chunk.len()));
            if chunk.is_empty() {
                self.chunks.pop_front();
            }
            self.has_drained = true;
            if !is_all || had_trailers {
                return;
            }
        }
        self.state = State::Sent;
    }

    fn refuse(&mut self) {
        self.state = State::Refused;
        self.chunks.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_what_is_not_queued_until_the_end() {
        let mut body = Outgoing::new(RequestBody::Stream);
        assert!(!body.is_empty() && body.is_the_applications_move());
        assert_eq!(body.room(), STREAM_BYTES);
        assert!(body.write(Bytes::from_static(b"abc")));
        assert_eq!(body.room(), STREAM_BYTES - 3);
        assert!(!body.take_drained());
        body.handed_over(2);
        assert_eq!(body.room(), STREAM_BYTES - 1);
        assert!(!body.take_drained(), "a byte is left");
        body.handed_over(1);
        assert!(body.take_drained() && !body.take_drained());
        // More than the room is accepted.
        assert!(body.write(vec![0; 2 * STREAM_BYTES].into()));
        assert_eq!(body.room(), 0);
        body.finish(Vec::new());
        assert!(!body.write(Bytes::from_static(b"late")));
        assert!(body.is_rest(2 * STREAM_BYTES) && !body.is_rest(STREAM_BYTES));
        body.handed_over(2 * STREAM_BYTES);
        assert!(!body.is_under_way());
    }

    #[test]
    fn trailers_end_a_body() {
        let mut body = Outgoing::new(RequestBody::Stream);
        body.write(Bytes::from_static(b"abc"));
        body.finish(vec![Header::new(b"digest", b"1")]);
        assert!(!body.is_rest(3));
        body.handed_over(3);
        assert!(body.is_under_way());
        body.handed_over(0);
        assert!(!body.is_under_way());
    }

    #[test]
    fn a_body_without_bytes_needs_no_frame() {
        for body in [RequestBody::Empty, RequestBody::from("")] {
            let mut body = Outgoing::new(body);
            assert!(body.is_empty());
            body.begin();
            assert!(!body.is_under_way());
        }
    }
}
