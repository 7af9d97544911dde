//! `Incoming`: the body of a request, as it arrives.

use std::collections::VecDeque;

use bytes::{Buf, BufMut, Bytes};
use quiche::h3;

use crate::quic::QuicConnection;

/// The part of a request's body that can be read now.
pub struct Incoming<'a> {
    pub(super) source: Source<'a>,
    pub(super) state: &'a mut BodyState,
    /// Bytes read so far, of all bodies.
    pub(super) read: &'a mut u64,
}

/// Where a body comes from.
pub(super) enum Source<'a> {
    /// A QUIC stream.
    Stream {
        h3: &'a mut h3::Connection,
        quic: &'a mut QuicConnection,
        stream: u64,
    },
    /// Pieces received by another transport.
    Pieces(&'a mut VecDeque<Bytes>),
}

/// The state of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyState {
    /// Everything received was read.
    Drained,
    /// Received bytes wait to be read.
    Unread,
    /// The handler wants no more of it.
    Refused,
    /// The client reset it while it was being read.
    Reset,
    /// What follows is no valid frame.
    Broken,
    /// It was received to its end.
    Ended,
}

impl Incoming<'_> {
    /// Reads as much as fits. 0 if there is no more for now, or if the client has reset the body;
    /// the exchange is then dropped soon.
    pub fn read(&mut self, out: &mut [u8]) -> usize {
        self.take(out)
    }

    /// Appends at most `most` bytes. Returns how many.
    pub fn read_into(&mut self, out: &mut Vec<u8>, most: usize) -> usize {
        self.take(out.limit(most))
    }

    /// Tells the client to send no more of the body (H3_NO_ERROR, RFC 9114, section 4.1). The
    /// response is still sent.
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
            Err(error) => {
                *self.state = match error {
                    h3::Error::Done => BodyState::Drained,
                    h3::Error::TransportError(quiche::Error::StreamReset(_)) => BodyState::Reset,
                    _ => BodyState::Broken,
                };
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
