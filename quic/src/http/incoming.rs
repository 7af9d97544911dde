//! `Incoming`: the body of a request, as it comes.

use std::collections::VecDeque;

use bytes::{Buf, BufMut, Bytes};
use quiche::h3;

use crate::quic::QuicConnection;

/// What of a request's body can be read now.
pub struct Incoming<'a> {
    pub(super) source: Source<'a>,
    pub(super) state: &'a mut BodyState,
    /// Bytes read so far, over all bodies.
    pub(super) read: &'a mut u64,
}

/// Where a body comes from.
pub(super) enum Source<'a> {
    /// A stream of QUIC.
    Stream {
        h3: &'a mut h3::Connection,
        quic: &'a mut QuicConnection,
        stream: u64,
    },
    /// What has come by another transport.
    Pieces(&'a mut VecDeque<Bytes>),
}

/// How far a request's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyState {
    /// All that came was read.
    Drained,
    /// Some of it waits to be read.
    Unread,
    /// Nobody wants more of it.
    Refused,
    /// The client reset it while it was read.
    Reset,
    /// All of it came.
    Ended,
}

impl Incoming<'_> {
    /// Reads as much as fits. 0: there is no more for now; or the client has broken it off, and the
    /// exchange is dropped presently.
    pub fn read(&mut self, out: &mut [u8]) -> usize {
        self.take(out)
    }

    /// Appends at most `most` bytes. Says how many.
    pub fn read_into(&mut self, out: &mut Vec<u8>, most: usize) -> usize {
        self.take(out.limit(most))
    }

    /// Tells the client to send no more of it (H3_NO_ERROR, RFC 9114, section 4.1). It may still
    /// want the response.
    pub fn refuse(&mut self) {
        *self.state = BodyState::Refused;
    }

    fn take(&mut self, mut out: impl BufMut) -> usize {
        if *self.state != BodyState::Unread || !out.has_remaining_mut() {
            return 0;
        }
        let (h3, quic, stream) = match &mut self.source {
            Source::Stream { h3, quic, stream } => (h3, quic, *stream),
            Source::Pieces(pieces) => {
                let len = take_pieces(pieces, out);
                *self.read += len as u64;
                if pieces.is_empty() {
                    *self.state = BodyState::Drained;
                }
                return len;
            }
        };
        match h3.recv_body_buf(quic, stream, &mut out) {
            Ok(len) => {
                *self.read += len as u64;
                if !quic.stream_readable(stream) {
                    *self.state = BodyState::Drained;
                }
                len
            }
            Err(h3::Error::TransportError(quiche::Error::StreamReset(_))) => {
                *self.state = BodyState::Reset;
                0
            }
            // After any other error the connection ends, and says so elsewhere.
            Err(_) => {
                *self.state = BodyState::Drained;
                0
            }
        }
    }
}

fn take_pieces(pieces: &mut VecDeque<Bytes>, mut out: impl BufMut) -> usize {
    let mut taken = 0;
    while let Some(piece) = pieces.front_mut() {
        let len = piece.len().min(out.remaining_mut());
        out.put_slice(&piece[..len]);
        piece.advance(len);
        taken += len;
        if !piece.is_empty() {
            break;
        }
        pieces.pop_front();
    }
    taken
}

impl std::fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incoming")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
