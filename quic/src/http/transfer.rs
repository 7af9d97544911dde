//! `Transfer`: one response on its way to the client.

mod turn;

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::time::SystemTime;

use bytes::Bytes;
use quiche::h3;

use super::memory::Memory;
use super::open_files::Lease;
use super::priority::{Precedence, Priority};
use super::response::{Body, Response};
use crate::quic::QuicConnection;
use turn::TURN_BYTES;
pub(super) use turn::{Progress, Turn};

/// Bytes of a streamed body that may wait for the transport.
const STREAM_BYTES: usize = 64 << 10;

/// The part of a response that was not handed to the transport yet.
#[derive(Debug)]
pub(super) struct Transfer {
    stream: u64,
    /// The answer to a HEAD request, which has no body.
    is_head: bool,
    /// Header sections to send: interim ones, and the final one.
    sections: VecDeque<Vec<h3::Header>>,
    /// The first section was sent.
    is_opened: bool,
    /// The final response's status, not counted yet.
    status: Option<u16>,
    is_begun: bool,
    /// A response with a file was refused, because the client's share of open files is used up.
    is_file_refused: bool,
    /// Body bytes in memory, not yet handed to the transport.
    ready: Bytes,
    rest: Rest,
    /// Bytes left of its turn.
    turn_left: usize,
    /// The number, over the connection, of the last turn that it finished.
    last_turn: u64,
    priority: Priority,
}

/// What follows `ready`.
#[derive(Debug)]
enum Rest {
    /// The handler has not answered.
    Unknown,
    Nothing,
    /// Kept until the end, so that bytes in `ready` can be given back.
    File(Source),
    Stream(Queue),
    /// The handler has reset it with this code.
    Reset(u64),
}

/// What is left to read.
#[derive(Debug)]
struct Source {
    fd: OwnedFd,
    offset: u64,
    left: u64,
    /// Released with the file.
    _lease: Option<Lease>,
}

/// What the handler has written.
#[derive(Debug, Default)]
struct Queue {
    chunks: VecDeque<Bytes>,
    bytes: usize,
    is_finished: bool,
    trailers: Vec<h3::Header>,
}

/// A piece of a response, for a transport that pulls them one by one.
#[derive(Debug)]
pub(super) enum Pulled {
    /// The header section of an interim response, or of the final one.
    Section {
        fields: Vec<h3::Header>,
        is_final: bool,
    },
    Bytes(Bytes),
    Trailers(Vec<h3::Header>),
    /// The handler has more to say.
    Awaiting,
    /// The bound on memory is reached.
    Starved,
    Done,
    /// As [`Turn::Broken`].
    Broken,
}

/// The handler's side.
impl Transfer {
    pub(super) fn new(stream: u64, is_head: bool, priority: Priority) -> Self {
        Self {
            stream,
            is_head,
            sections: VecDeque::new(),
            is_opened: false,
            status: None,
            is_begun: false,
            is_file_refused: false,
            ready: Bytes::new(),
            rest: Rest::Unknown,
            turn_left: TURN_BYTES,
            last_turn: 0,
            priority,
        }
    }

    pub(super) fn inform(&mut self, section: Vec<h3::Header>) {
        if !self.is_begun {
            self.sections.push_back(section);
        }
    }

    pub(super) fn respond(&mut self, response: Response, lease: Option<Lease>) {
        self.is_begun = true;
        self.status = Some(response.status());
        let (section, body) = response.into_parts(self.is_head, SystemTime::now());
        self.sections.push_back(section);
        self.rest = match body {
            Body::Empty => Rest::Nothing,
            Body::Bytes(bytes) => {
                self.ready = bytes;
                Rest::Nothing
            }
            Body::File { file, span } => Rest::File(Source {
                fd: file,
                offset: span.start,
                left: span.end.saturating_sub(span.start),
                _lease: lease,
            }),
            Body::Stream => Rest::Stream(Queue::default()),
        };
    }

    pub(super) fn refuse_file(&mut self) {
        self.is_file_refused = true;
    }

    pub(super) fn is_begun(&self) -> bool {
        self.is_begun
    }

    pub(super) fn room(&self) -> usize {
        match &self.rest {
            Rest::Stream(queue) if !queue.is_finished => {
                STREAM_BYTES.saturating_sub(queue.bytes + self.ready.len())
            }
            _ => 0,
        }
    }

    pub(super) fn write(&mut self, bytes: Bytes) {
        if let Rest::Stream(queue) = &mut self.rest
            && !queue.is_finished
            && !bytes.is_empty()
        {
            queue.bytes += bytes.len();
            queue.chunks.push_back(bytes);
        }
    }

    pub(super) fn finish(&mut self, trailers: Vec<h3::Header>) {
        if let Rest::Stream(queue) = &mut self.rest
            && !queue.is_finished
        {
            queue.is_finished = true;
            queue.trailers = trailers;
        }
    }

    pub(super) fn reset(&mut self, code: u64) {
        self.is_begun = true;
        self.sections.clear();
        self.ready = Bytes::new();
        self.rest = Rest::Reset(code);
    }
}

/// For another transport than QUIC.
impl Transfer {
    /// The next piece.
    pub(super) fn pull(&mut self, memory: &Memory<'_>) -> Pulled {
        if let Some(fields) = self.sections.pop_front() {
            let is_final = self.sections.is_empty() && self.is_begun;
            return Pulled::Section { fields, is_final };
        }
        if !self.ready.is_empty() {
            return Pulled::Bytes(std::mem::take(&mut self.ready));
        }
        match &mut self.rest {
            Rest::Unknown => Pulled::Awaiting,
            Rest::Nothing => Pulled::Done,
            Rest::Reset(_) => Pulled::Broken,
            Rest::File(source) if source.left == 0 => Pulled::Done,
            Rest::File(_) if memory.is_full() => Pulled::Starved,
            Rest::File(source) => match source.read(memory, memory.read_bytes()) {
                Some(bytes) => Pulled::Bytes(bytes),
                None => Pulled::Broken,
            },
            Rest::Stream(queue) => match queue.chunks.pop_front() {
                Some(chunk) => {
                    queue.bytes -= chunk.len();
                    Pulled::Bytes(chunk)
                }
                None if !queue.is_finished => Pulled::Awaiting,
                None if queue.trailers.is_empty() => Pulled::Done,
                None => Pulled::Trailers(std::mem::take(&mut queue.trailers)),
            },
        }
    }

    /// Whether nothing follows what was pulled.
    pub(super) fn is_pulled(&self) -> bool {
        self.sections.is_empty() && self.ready.is_empty() && self.is_read()
    }
}

impl Source {
    /// The next bytes. `None` if the file has become shorter than announced, or can't be read.
    fn read(&mut self, memory: &Memory<'_>, most: usize) -> Option<Bytes> {
        let want = usize::try_from(self.left).unwrap_or(usize::MAX).min(most);
        let (pool, file) = (memory.pool, self.fd.as_fd());
        let bytes = pool.read(memory.ledger, file, self.offset, want);
        let bytes = bytes.ok().filter(|bytes| !bytes.is_empty())?;
        self.offset += bytes.len() as u64;
        self.left -= bytes.len() as u64;
        Some(bytes)
    }
}

/// The session's side.
impl Transfer {
    pub(super) fn stream(&self) -> u64 {
        self.stream
    }

    /// Its place in the order of responses.
    pub(super) fn precedence(&self) -> Precedence {
        self.priority.precedence(self.stream)
    }

    /// Among responses of the same precedence, the one with the lowest is next.
    pub(super) fn last_turn(&self) -> u64 {
        self.last_turn
    }

    /// Changes the priority, by an update of the client.
    pub(super) fn set_priority(&mut self, priority: Priority, quic: &mut QuicConnection) {
        self.priority = priority;
        priority.apply(quic, self.stream);
    }

    /// The status of the final response, once.
    pub(super) fn take_status(&mut self) -> Option<u16> {
        self.status.take()
    }

    /// Whether the response was replaced by a 503 because of the bound on open files; true once.
    pub(super) fn take_file_refused(&mut self) -> bool {
        std::mem::take(&mut self.is_file_refused)
    }

    /// Whether the handler may write more of a streamed body, and nothing is left to send.
    pub(super) fn is_dry(&self) -> bool {
        matches!(&self.rest, Rest::Stream(queue) if !queue.is_finished && queue.chunks.is_empty())
            && self.ready.is_empty()
            && self.sections.is_empty()
    }

    /// Whether there is something for the client to take.
    pub(super) fn has_something(&self) -> bool {
        !self.sections.is_empty()
            || !self.ready.is_empty()
            || match &self.rest {
                Rest::Unknown => false,
                Rest::Nothing | Rest::File(_) | Rest::Reset(_) => true,
                Rest::Stream(queue) => queue.is_finished || !queue.chunks.is_empty(),
            }
    }

    /// Whether nothing follows `ready`.
    fn is_read(&self) -> bool {
        match &self.rest {
            Rest::Nothing => true,
            Rest::File(source) => source.left == 0,
            Rest::Stream(queue) => {
                queue.is_finished && queue.chunks.is_empty() && queue.trailers.is_empty()
            }
            Rest::Unknown | Rest::Reset(_) => false,
        }
    }
}
