//! `Incoming`: the body of a request, as it comes.

use bytes::BufMut;
use quiche::h3;

use crate::quic::QuicConnection;

/// What of a request's body can be read now.
pub struct Incoming<'a> {
    pub(super) h3: &'a mut h3::Connection,
    pub(super) quic: &'a mut QuicConnection,
    pub(super) stream: u64,
    pub(super) state: &'a mut BodyState,
    /// Bytes read so far, over all bodies.
    pub(super) read: &'a mut u64,
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
        match self.h3.recv_body_buf(self.quic, self.stream, &mut out) {
            Ok(len) => {
                *self.read += len as u64;
                if !self.quic.stream_readable(self.stream) {
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

impl std::fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Incoming")
            .field("stream", &self.stream)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
