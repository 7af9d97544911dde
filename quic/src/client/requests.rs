//! `Requests`: a client's requests, from waiting to finished.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use quiche::h3::{self, Header};

use super::event::{ClientEvent, RequestId};
use super::exchange::Exchange;
use super::failure::RequestError;
use super::head::{Head, InvalidRequest};
use super::outgoing::{Outgoing, RequestBody, Turn};
use crate::quic::{QuicConnection, is_forgotten};

/// All requests of one connection.
#[derive(Debug)]
pub(super) struct Requests {
    authority: String,
    next: u64,
    pub(super) waiting: VecDeque<Waiting>,
    pub(super) active: Vec<Exchange>,
    /// Streams that were ended early. quiche's HTTP/3 keeps their state until it is asked to use
    /// them after the transport has forgotten them.
    pub(super) cut_short: Vec<u64>,
    /// Requests that the server rejected as too early, to be sent again.
    pub(super) too_early: Vec<Waiting>,
    /// Requests sent before the handshake was done.
    pub(super) sent_early: u64,
    /// Turns of bodies so far.
    turns: u64,
    /// The longest that a request may go without progress.
    patience: Duration,
    /// When any request last made progress, and whether one has made any since.
    since: Instant,
    pub(super) has_moved: bool,
    /// Failing requests was put off since then.
    has_waited: bool,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) id: RequestId,
    pub(super) head: Head,
    pub(super) outgoing: Outgoing,
}

impl Requests {
    pub(super) fn new(authority: String, patience: Duration, now: Instant) -> Self {
        Self {
            authority,
            next: 0,
            waiting: VecDeque::new(),
            active: Vec::new(),
            cut_short: Vec::new(),
            too_early: Vec::new(),
            sent_early: 0,
            turns: 0,
            patience,
            since: now,
            has_moved: false,
            has_waited: false,
        }
    }

    /// The handshake is done: the progress timeout starts, also for requests sent before.
    pub(super) fn begin(&mut self) {
        self.has_moved = true;
        for active in &mut self.active {
            active.has_moved = true;
        }
    }

    /// Records `now` as the time of progress of the requests that made any since the last call.
    pub(super) fn note_progress(&mut self, now: Instant) {
        if !std::mem::take(&mut self.has_moved) {
            return;
        }
        self.since = now;
        self.has_waited = false;
        for active in &mut self.active {
            if std::mem::take(&mut active.has_moved) {
                active.since = now;
            }
        }
    }

    /// When the first request will have made no progress for too long. Waiting requests count only
    /// if none is active.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let first = match self.active.iter().map(|active| active.since).min() {
            None if self.waiting.is_empty() => return None,
            None => self.since,
            Some(first) => first,
        };
        first.checked_add(self.patience)
    }

    /// Puts off failing requests, once, if the idle timeout is about to end the connection anyway:
    /// after so long a `silence` the server will hardly send again before that. Returns whether it
    /// did.
    pub(super) fn put_off(&mut self, now: Instant, silence: Duration, idle: Duration) -> bool {
        let half = self.patience / 2;
        let is_near = !idle.is_zero() && idle <= self.patience && silence >= half;
        if self.has_waited || !is_near {
            return false;
        }
        self.has_waited = true;
        let since = now.checked_sub(half).unwrap_or(now);
        self.since = self.since.max(since);
        for active in &mut self.active {
            active.since = active.since.max(since);
        }
        true
    }

    /// Fails the requests that have made no progress for too long.
    pub(super) fn expire(
        &mut self,
        now: Instant,
        quic: &mut QuicConnection,
        events: &mut VecDeque<ClientEvent>,
    ) {
        let after = self.patience;
        let is_late = |since: Instant| now.saturating_duration_since(since) >= after;
        let received = 0;
        if self.active.is_empty() && is_late(self.since) {
            let fail =
                |it: Waiting| ClientEvent::Failed(it.id, RequestError::Stalled { after, received });
            events.extend(self.waiting.drain(..).map(fail));
        }
        for at in (0..self.active.len()).rev() {
            let Some(active) = self.active.get_mut(at).filter(|it| is_late(it.since)) else {
                continue;
            };
            if quic.stream_readable(active.stream) || active.outgoing.is_the_applications_move() {
                // The application has to act, not the server.
                active.since = now;
                continue;
            }
            let received = active.received;
            let error = RequestError::Stalled { after, received };
            self.give_up(at, error, h3::WireErrorCode::RequestCancelled, quic, events);
        }
        // Requests that waited for them are next, and their time starts.
        self.has_moved = true;
    }

    /// The next request's id, also for one that fails at once, so that its failure can be reported.
    pub(super) fn next_id(&mut self) -> RequestId {
        let id = RequestId(self.next);
        self.next += 1;
        id
    }

    pub(super) fn add(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: RequestBody,
    ) -> Result<RequestId, InvalidRequest> {
        let head = Head::new(&self.authority, method, path, fields, &body)?;
        let id = self.next_id();
        let outgoing = Outgoing::new(body);
        self.waiting.push_back(Waiting { id, head, outgoing });
        self.has_moved |= self.active.is_empty();
        Ok(id)
    }

    /// The rest of a request's body.
    fn outgoing(&mut self, id: RequestId) -> Option<&mut Outgoing> {
        let active = self.active.iter_mut();
        let active = active.map(|it| (it.id, &mut it.outgoing));
        let waiting = self.waiting.iter_mut();
        let waiting = waiting.map(|it| (it.id, &mut it.outgoing));
        let mut all = active.chain(waiting);
        all.find(|(known, _)| *known == id).map(|(_, found)| found)
    }

    pub(super) fn room(&self, id: RequestId) -> usize {
        let active = self.active.iter().map(|it| (it.id, &it.outgoing));
        let waiting = self.waiting.iter().map(|it| (it.id, &it.outgoing));
        let mut all = active.chain(waiting);
        all.find(|(known, _)| *known == id)
            .map_or(0, |(_, found)| found.room())
    }

    pub(super) fn write_body(&mut self, id: RequestId, bytes: Bytes) -> bool {
        self.outgoing(id)
            .is_some_and(|outgoing| outgoing.write(bytes))
    }

    pub(super) fn finish_body(&mut self, id: RequestId, trailers: Vec<Header>) {
        if let Some(outgoing) = self.outgoing(id) {
            outgoing.finish(trailers);
        }
    }

    /// Drops a request, and has the server stop answering it.
    pub(super) fn cancel(&mut self, id: RequestId, quic: &mut QuicConnection) {
        self.waiting.retain(|waiting| waiting.id != id);
        if let Some(at) = self.active.iter().position(|active| active.id == id) {
            let code = h3::WireErrorCode::RequestCancelled;
            self.cut_off(at, code, quic);
            // Requests that waited for it are next, and their time starts.
            self.has_moved = true;
        }
    }

    /// Whether any request was sent whose response is incomplete.
    pub(super) fn are_active(&self) -> bool {
        !self.active.is_empty()
    }

    /// Sends waiting requests in order, as far as the server allows streams. Before the handshake
    /// is done (`is_early`), it stops at the first request that may not be repeated. True if any
    /// was sent.
    pub(super) fn send(
        &mut self,
        is_early: bool,
        h3: &mut h3::Connection,
        quic: &mut QuicConnection,
        events: &mut VecDeque<ClientEvent>,
    ) -> bool {
        let mut any = false;
        let may_go = |it: &&Waiting| !is_early || (it.head.is_safe && it.outgoing.is_empty());
        while let Some(request) = self.waiting.front().filter(may_go) {
            let id = request.id;
            let is_all = request.outgoing.is_empty();
            match h3.send_request(quic, &request.head.fields, is_all) {
                Ok(stream) => {
                    any = true;
                    self.has_moved = true;
                    if let Some(mut sent) = self.waiting.pop_front() {
                        sent.outgoing.begin();
                        let (is_head, since) = (sent.head.is_head, self.since);
                        let mut exchange = Exchange::new(id, stream, is_head, sent.outgoing, since);
                        if is_early {
                            self.sent_early += 1;
                            exchange.early = Some(sent.head);
                        }
                        self.active.push(exchange);
                    }
                    continue;
                }
                Err(
                    h3::Error::StreamBlocked
                    | h3::Error::Done
                    | h3::Error::TransportError(quiche::Error::StreamLimit | quiche::Error::Done),
                ) => break,
                Err(error) => {
                    events.push_back(ClientEvent::Failed(id, RequestError::Send(error)));
                }
            }
            self.waiting.pop_front();
        }
        any
    }

    /// Puts the requests that were too early in front of the waiting ones. True if there are any.
    pub(super) fn ask_again(&mut self) -> bool {
        let any = !self.too_early.is_empty();
        for request in self.too_early.drain(..).rev() {
            self.waiting.push_front(request);
        }
        any
    }

    /// Hands the transport as much of the bodies as it takes, in turns. True if it took any.
    pub(super) fn send_bodies(
        &mut self,
        h3: &mut h3::Connection,
        quic: &mut QuicConnection,
        events: &mut VecDeque<ClientEvent>,
    ) -> bool {
        let under_way = |it: &&mut Exchange| it.outgoing.is_under_way();
        let mut senders: Vec<&mut Exchange> = self.active.iter_mut().filter(under_way).collect();
        let mut any = false;
        while !senders.is_empty() {
            // A stream that got nothing for lack of room is first when there is room again.
            senders.sort_by_key(|exchange| exchange.last_turn);
            senders.retain_mut(|exchange| {
                match exchange.outgoing.advance(h3, quic, exchange.stream) {
                    Turn::Blocked => return false,
                    Turn::Refused => {
                        events.push_back(ClientEvent::BodyRefused(exchange.id));
                        return false;
                    }
                    Turn::Advanced => {}
                }
                self.turns += 1;
                exchange.last_turn = self.turns;
                exchange.has_moved = true;
                any = true;
                if exchange.outgoing.take_drained() {
                    events.push_back(ClientEvent::Room(exchange.id));
                }
                exchange.outgoing.is_under_way()
            });
        }
        self.has_moved |= any;
        any
    }

    /// Has quiche's HTTP/3 forget streams that the transport has forgotten: it does so when asked
    /// to send on one.
    pub(super) fn forget_cut_short(&mut self, h3: &mut h3::Connection, quic: &mut QuicConnection) {
        self.cut_short.retain(|stream| {
            let is_gone = is_forgotten(quic, *stream);
            if is_gone {
                let _ = h3.send_body(quic, *stream, b"", true);
            }
            !is_gone
        });
    }
}
