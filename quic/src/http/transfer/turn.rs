//! A transfer's turns: writing the response to its stream, as there is room.

use bytes::{Buf, Bytes};
use quiche::h3;

use super::{Rest, Transfer};
use crate::http::memory::Memory;
use crate::http::record::Ending;
use crate::quic::QuicConnection;

/// Bytes written to a stream per turn. A stream that runs out of room continues its turn later, so
/// turns are fair in bytes.
pub(super) const TURN_BYTES: usize = 16 << 10;

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Turn {
    /// Something was written, and more is left.
    Advanced,
    /// No room now.
    Blocked,
    /// The handler has more to say.
    Awaiting,
    /// All of it was handed over.
    Done,
    /// The client has cancelled it, or the stream is gone.
    Cancelled,
    /// The stream was reset, because the file is too short or can't be read, or because the handler
    /// reset the response.
    Broken,
}

impl Turn {
    /// How the response ended, if this was its last turn.
    pub(in crate::http) fn ending(self) -> Option<Ending> {
        match self {
            Self::Advanced | Self::Blocked | Self::Awaiting => None,
            Self::Done => Some(Ending::Complete),
            Self::Cancelled => Some(Ending::GivenUp),
            Self::Broken => Some(Ending::BrokenOff),
        }
    }
}

/// Counts over all transfers of a connection.
#[derive(Debug, Default)]
pub(in crate::http) struct Progress {
    /// Body bytes handed to the transport.
    pub(in crate::http) body_bytes: u64,
    /// Turns finished.
    turns: u64,
}

impl Transfer {
    /// Hands the transport as much as it takes, at most to the end of this turn.
    pub(in crate::http) fn advance(
        &mut self,
        h3: &mut h3::Connection,
        quic: &mut QuicConnection,
        memory: &Memory<'_>,
        progress: &mut Progress,
    ) -> Turn {
        while let Some(section) = self.sections.front() {
            let is_last = self.sections.len() == 1 && self.is_begun;
            let is_all = is_last && self.ready.is_empty() && matches!(self.rest, Rest::Nothing);
            let sent = if self.is_opened {
                h3.send_additional_headers(quic, self.stream, section, false, is_all)
            } else {
                let priority = self.priority.of_response();
                h3.send_response_with_priority(quic, self.stream, section, &priority, is_all)
            };
            match sent {
                Ok(()) if is_all => return Turn::Done,
                Ok(()) => {
                    self.is_opened = true;
                    self.sections.pop_front();
                }
                Err(h3::Error::StreamBlocked | h3::Error::Done) => return Turn::Blocked,
                Err(_) => return Turn::Cancelled,
            }
        }
        match self.rest {
            Rest::Unknown => self.wait(quic),
            Rest::Reset(code) => {
                let _ = quic.stream_shutdown(self.stream, quiche::Shutdown::Write, code);
                Turn::Broken
            }
            _ => self.write_body(h3, quic, memory, progress),
        }
    }

    fn write_body(
        &mut self,
        h3: &mut h3::Connection,
        quic: &mut QuicConnection,
        memory: &Memory<'_>,
        progress: &mut Progress,
    ) -> Turn {
        if let Rest::Stream(queue) = &mut self.rest
            && self.ready.is_empty()
        {
            match queue.chunks.pop_front() {
                Some(chunk) => {
                    queue.bytes -= chunk.len();
                    self.ready = chunk;
                }
                None if !queue.is_finished => return self.wait(quic),
                None if !queue.trailers.is_empty() => return self.write_trailers(h3, quic),
                // Only the stream's end is left to send.
                None => {}
            }
        } else if self.ready.is_empty() {
            // Don't read without room to send.
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
                    // An empty slice would keep the chunk in memory.
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

    /// Waits for the handler, unless the client has cancelled the request.
    fn wait(&self, quic: &mut QuicConnection) -> Turn {
        match quic.stream_capacity(self.stream) {
            Ok(_) => Turn::Awaiting,
            Err(_) => Turn::Cancelled,
        }
    }

    fn write_trailers(&mut self, h3: &mut h3::Connection, quic: &mut QuicConnection) -> Turn {
        let Rest::Stream(queue) = &self.rest else {
            return Turn::Done;
        };
        match h3.send_additional_headers(quic, self.stream, &queue.trailers, true, true) {
            Ok(()) => Turn::Done,
            Err(h3::Error::StreamBlocked | h3::Error::Done) => Turn::Blocked,
            Err(_) => Turn::Cancelled,
        }
    }

    /// Frees bytes that were read from the file and not handed over. They are read again later.
    fn give_back(&mut self) {
        if let Rest::File(source) = &mut self.rest {
            let len = self.ready.len() as u64;
            source.offset -= len;
            source.left += len;
            self.ready = Bytes::new();
        }
    }

    /// Fills `ready`, with at most what the stream has room for if memory is short. If the file has
    /// become shorter than announced, the stream is reset: the client must not take the part for
    /// the whole.
    fn read_chunk(
        &mut self,
        quic: &mut QuicConnection,
        memory: &Memory<'_>,
        room_bytes: usize,
    ) -> Result<(), Turn> {
        let Rest::File(source) = &mut self.rest else {
            return Ok(());
        };
        let mut most = memory.read_bytes();
        if memory.is_short() {
            most = most.min(room_bytes);
        }
        match source.read(memory, most) {
            Some(bytes) => {
                self.ready = bytes;
                Ok(())
            }
            None => {
                let code = h3::WireErrorCode::InternalError as u64;
                let _ = quic.stream_shutdown(self.stream, quiche::Shutdown::Write, code);
                Err(Turn::Broken)
            }
        }
    }
}
