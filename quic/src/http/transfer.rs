//! `Transfer`: one response on its way to the client.

use std::os::fd::{AsFd, OwnedFd};

use bytes::{Buf, Bytes};
use quiche::h3;

use super::memory::Memory;
use super::open_files::Lease;
use super::response::{Body, Response};
use crate::quic::Quic;

/// Written to one stream before the next one of the connection has its turn. Whoever runs out
/// of room in the middle goes on with the rest of its turn: so turns are fair in bytes.
const TURN_BYTES: usize = 16 << 10;

/// A response, as far as it has not been handed to the transport yet.
#[derive(Debug)]
pub(super) struct Transfer {
    stream: u64,
    headers: Option<Vec<h3::Header>>,
    /// Read from the file (or made up), and not yet handed to the transport.
    ready: Bytes,
    /// Stays until the end, so that what is in `ready` can be given back.
    file: Option<Source>,
    /// What is left of its turn.
    turn_left: usize,
    /// Turns are numbered over the connection: the last one that it finished.
    last_turn: u64,
}

/// What is left to read.
#[derive(Debug)]
struct Source {
    fd: OwnedFd,
    offset: u64,
    left: u64,
    /// Given back with the file.
    _lease: Option<Lease>,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Something was written, and more is left.
    Advanced,
    /// No room now.
    Blocked,
    /// All of it was handed over.
    Done,
    /// The client wants no more of it, or the stream is gone.
    Cancelled,
    /// The file ended before its length, or can't be read: the stream was reset.
    Broken,
}

/// Counts over all transfers of a connection.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Body bytes handed to the transport.
    pub(super) body_bytes: u64,
    /// Turns finished.
    turns: u64,
}

impl Transfer {
    pub(super) fn new(stream: u64, response: Response, lease: Option<Lease>) -> Self {
        let (ready, file) = match response.body {
            Body::Empty => (Bytes::new(), None),
            Body::Text(words) => (Bytes::from_static(words.as_bytes()), None),
            Body::File { fd, span } => {
                let source = Source {
                    fd,
                    offset: span.start,
                    left: span.len,
                    _lease: lease,
                };
                (Bytes::new(), Some(source))
            }
        };
        Self {
            stream,
            headers: Some(response.headers),
            ready,
            file,
            turn_left: TURN_BYTES,
            last_turn: 0,
        }
    }

    pub(super) fn stream(&self) -> u64 {
        self.stream
    }

    /// The order of turns: who finished one longest ago is next.
    pub(super) fn last_turn(&self) -> u64 {
        self.last_turn
    }

    /// Hands the transport as much as it takes, up to the end of this turn.
    pub(super) fn advance(
        &mut self,
        h3: &mut h3::Connection,
        quic: &mut Quic,
        memory: &Memory<'_>,
        progress: &mut Progress,
    ) -> Turn {
        if let Some(headers) = &self.headers {
            let alone = self.ready.is_empty() && self.file.is_none();
            // Incremental: quiche then sends the streams of a connection in turn. By default
            // it would send each to its end before the next (RFC 9218, section 4.2).
            let in_turn = h3::Priority::new(3, true);
            match h3.send_response_with_priority(quic, self.stream, headers, &in_turn, alone) {
                Ok(()) if alone => return Turn::Done,
                Ok(()) => self.headers = None,
                Err(h3::Error::StreamBlocked | h3::Error::Done) => return Turn::Blocked,
                Err(_) => return Turn::Cancelled,
            }
        }
        self.write_body(h3, quic, memory, progress)
    }

    fn write_body(
        &mut self,
        h3: &mut h3::Connection,
        quic: &mut Quic,
        memory: &Memory<'_>,
        progress: &mut Progress,
    ) -> Turn {
        if self.ready.is_empty() {
            // No room, no read.
            let room = match quic.stream_capacity(self.stream) {
                Ok(0) => return Turn::Blocked,
                Ok(_) if memory.is_full() => return Turn::Blocked,
                Ok(room) => room,
                Err(_) => return Turn::Cancelled,
            };
            if let Err(turn) = self.read_chunk(quic, memory, room) {
                return turn;
            }
        }
        let mut piece = self.ready.slice(..self.ready.len().min(self.turn_left));
        let last = self.is_read() && piece.len() == self.ready.len();
        match h3.send_body_zc(quic, self.stream, &mut piece, last) {
            Ok(written) => {
                self.ready.advance(written.min(self.ready.len()));
                if self.ready.is_empty() {
                    // Even without bytes it would keep the chunk in memory.
                    self.ready = Bytes::new();
                }
                progress.body_bytes += written as u64;
                self.turn_left = self.turn_left.saturating_sub(written);
                if self.turn_left == 0 {
                    self.turn_left = TURN_BYTES;
                    progress.turns += 1;
                    self.last_turn = progress.turns;
                }
                match self.ready.is_empty() && self.is_read() {
                    true => Turn::Done,
                    false => Turn::Advanced,
                }
            }
            Err(h3::Error::Done | h3::Error::StreamBlocked) => {
                if memory.is_short() {
                    self.give_back();
                }
                Turn::Blocked
            }
            Err(_) => Turn::Cancelled,
        }
    }

    /// Whether nothing is left in the file.
    fn is_read(&self) -> bool {
        self.file.as_ref().is_none_or(|source| source.left == 0)
    }

    /// Frees what was read from the file and not handed over; it will be read again.
    fn give_back(&mut self) {
        if let Some(source) = &mut self.file {
            let len = self.ready.len() as u64;
            source.offset -= len;
            source.left += len;
            self.ready = Bytes::new();
        }
    }

    /// Fills `ready`, with no more than the stream has room for if memory is short. The stream is
    /// reset when the file has become shorter than promised: the client must not take what it has
    /// for all of it.
    fn read_chunk(
        &mut self,
        quic: &mut Quic,
        memory: &Memory<'_>,
        room_bytes: usize,
    ) -> Result<(), Turn> {
        let Some(source) = &mut self.file else {
            return Ok(());
        };
        let want = usize::try_from(source.left).unwrap_or(usize::MAX);
        let mut want = want.min(memory.read_bytes());
        if memory.is_short() {
            want = want.min(room_bytes);
        }
        let read = memory
            .pool
            .read(memory.ledger, source.fd.as_fd(), source.offset, want);
        match read {
            Ok(bytes) if !bytes.is_empty() => {
                source.offset += bytes.len() as u64;
                source.left -= bytes.len() as u64;
                self.ready = bytes;
                Ok(())
            }
            _ => {
                let code = h3::WireErrorCode::InternalError as u64;
                let _ = quic.stream_shutdown(self.stream, quiche::Shutdown::Write, code);
                Err(Turn::Broken)
            }
        }
    }
}
