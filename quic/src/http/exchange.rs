//! `Exchange`: one request and its response.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use quiche::h3;

use super::chunk::ChunkPool;
use super::counters::HttpCounters;
use super::handler::Handler;
use super::incoming::BodyState;
use super::memory::{Bounds, Memory};
use super::open_files::OpenFiles;
use super::priority::Priority;
use super::record::{Ending, Hook, Record};
use super::reply::Reply;
use super::request::{self, Request};
use super::response::Response;
use super::transfer::{Progress, Transfer, Turn};
use crate::quic::QuicConnection;
use crate::server::Peer;

/// One request, until its response is over. `E` is the handler's state of it.
pub(super) struct Exchange<E> {
    pub(super) transfer: Transfer,
    pub(super) body: BodyState,
    /// Empty DATA frames since the last byte of the body.
    pub(super) empty_frames: u32,
    /// The handler is to be called for more.
    pub(super) resumed: bool,
    /// `None` for a request that was not passed to the handler.
    pub(super) state: Option<E>,
    /// Set if there is a hook to call at the end.
    record: Option<Record>,
}

/// What every exchange needs.
pub(super) struct Parts<'a, H> {
    pub(super) handler: &'a mut H,
    pub(super) pool: &'a Arc<ChunkPool>,
    pub(super) bounds: Bounds,
    pub(super) open: &'a OpenFiles,
    pub(super) counters: &'a mut HttpCounters,
    pub(super) hook: &'a mut Option<Hook>,
}

/// A request, as received from its transport.
pub(super) struct Arrived<'a> {
    /// Its number among those of its connection.
    pub(super) stream: u64,
    pub(super) list: &'a [h3::Header],
    /// For the access log.
    pub(super) protocol: &'static str,
    pub(super) priority: Priority,
    pub(super) has_body: bool,
    pub(super) is_early: bool,
    pub(super) at: Instant,
}

impl<E> Exchange<E> {
    /// Begins an exchange, and passes the request to the handler if it is well-formed.
    pub(super) fn begin<H: Handler<Exchange = E>>(
        arrived: Arrived<'_>,
        peer: &Peer,
        parts: &mut Parts<'_, H>,
    ) -> Self {
        let list = arrived.list;
        parts.counters.requests += 1;
        let is_told = parts.hook.is_some();
        let record = is_told.then(|| Record::new(list, arrived.protocol, arrived.at));
        let parsed = Request::parse(list);
        let is_head = parsed.as_ref().is_ok_and(|it| it.method() == "HEAD");
        let mut transfer = Transfer::new(arrived.stream, is_head, arrived.priority);
        let refusal = match &parsed {
            Ok(_) if request::is_too_large(list) => {
                Some((431, "too many or too long header fields"))
            }
            Ok(request) if arrived.is_early && !request.is_safe() => {
                Some((425, "ask again after the handshake"))
            }
            Ok(_) => None,
            Err(malformed) => Some((400, malformed.0)),
        };
        if let Some((status, words)) = refusal {
            transfer.respond(Response::text(status, words), None);
        }
        let state = parsed.ok().filter(|_| refusal.is_none());
        let state = state.map(|mut request| {
            request.is_early = arrived.is_early;
            request.peer = Some(peer.address());
            request.has_body = arrived.has_body;
            let mut reply = Reply::new(&mut transfer, peer, parts.open);
            parts.handler.request(&request, &mut reply)
        });
        Self {
            transfer,
            body: BodyState::Drained,
            empty_frames: 0,
            resumed: false,
            state,
            record,
        }
    }

    pub(super) fn stream(&self) -> u64 {
        self.transfer.stream()
    }

    /// The arguments for calls of the handler.
    pub(super) fn parts<'a>(
        &'a mut self,
        peer: &'a Peer,
        open: &'a OpenFiles,
    ) -> Option<(&'a mut E, Reply<'a>)> {
        let reply = Reply::new(&mut self.transfer, peer, open);
        Some((self.state.as_mut()?, reply))
    }

    /// Writes what the transport takes in one turn, and counts it.
    pub(super) fn take_turn(
        &mut self,
        h3: &mut h3::Connection,
        quic: &mut QuicConnection,
        memory: &Memory<'_>,
        progress: &mut Progress,
        counters: &mut HttpCounters,
    ) -> Turn {
        let had_something = self.transfer.has_something();
        self.count_status(counters);
        let before = progress.body_bytes;
        let turn = self.transfer.advance(h3, quic, memory, progress);
        if let Some(record) = &mut self.record {
            record.body_bytes += progress.body_bytes - before;
        }
        match turn {
            // Once each time that the body runs dry.
            Turn::Advanced | Turn::Awaiting => {
                self.resumed |= had_something && self.transfer.is_dry();
            }
            Turn::Blocked => {}
            Turn::Done => counters.completed += 1,
            Turn::Cancelled => counters.cancelled += 1,
            Turn::Broken => counters.broken += 1,
        }
        turn
    }

    /// Counts the final response's status once it is known, and keeps it for the access log.
    pub(super) fn count_status(&mut self, counters: &mut HttpCounters) {
        let status = self.transfer.take_status();
        counters.error_statuses += u64::from(status.is_some_and(|it| it >= 400));
        counters.too_many_files += u64::from(self.transfer.take_file_refused());
        if let Some(record) = &mut self.record {
            record.status = status.or(record.status);
        }
    }

    /// Records the bytes of the response body, for the access log.
    pub(super) fn note_body(&mut self, bytes: u64) {
        if let Some(record) = &mut self.record {
            record.body_bytes = bytes;
        }
    }

    /// Calls the hook at the end of the response.
    pub(super) fn report(
        &mut self,
        hook: &mut Option<Hook>,
        peer: SocketAddr,
        now: Instant,
        ending: Ending,
    ) {
        if let (Some(hook), Some(record)) = (hook, &mut self.record) {
            record.status = self.transfer.take_status().or(record.status);
            record.report(hook, peer, now, ending);
        }
    }

    /// Whether the client is to take something, or to send the rest of its request.
    pub(super) fn is_the_clients_move(&self) -> bool {
        self.transfer.has_something() || self.body == BodyState::Drained
    }
}
