//! `Session`: the HTTP/3 side of one connection to the server.

use std::collections::HashSet;
use std::time::Instant;

use quiche::h3;

use super::application::Parts;
use super::chunk::Ledger;
use super::credit::Credit;
use super::exchange::{Arrived, Exchange};
use super::handler::Handler;
use super::incoming::{BodyState, Incoming, Source};
use super::memory::Memory;
use super::priority::Priority;
use super::record::{Ending, Hook};
use super::reply::Reply;
use super::request::{self, Fields};
use super::transfer::{Progress, Turn};
use crate::quic::{QuicConnection, is_forgotten};
use crate::server::{Activity, Peer, WaitsFor};

/// Unidirectional streams that a client may open as long as its connection lasts.
const MAX_UNIDIRECTIONAL_STREAMS: u64 = 1000;

/// Beyond this many, those that were delivered are sorted out: more than a client may have open.
const MANY_HANDED_OVER: usize = 512;

/// What all sessions of a server share.
pub(super) struct Shared<'a, H> {
    pub(super) parts: Parts<'a, H>,
    pub(super) now: Instant,
}

/// Requests and responses of one connection. `E` is what the handler keeps of a request.
pub struct Session<E> {
    h3: h3::Connection,
    peer: Peer,
    /// Requests that were answered, and whose end was not told yet; header fields that still come
    /// on one of them are trailers.
    open: HashSet<u64>,
    /// Streams that ended before quiche's HTTP/3 saw the end of a response on them. It keeps them
    /// in mind until it is asked for them once the transport has forgotten them.
    cut_short: Vec<u64>,
    /// Streams of which the last that quiche's HTTP/3 may report is their end.
    forgotten: Vec<u64>,
    /// Requests whose responses are under way, the one whose turn it is first.
    exchanges: Vec<Exchange<E>>,
    progress: Progress,
    ledger: Ledger,
    credit: Credit,
    /// Bytes of request bodies that were read.
    received_bytes: u64,
    /// Streams whose responses were handed to the transport, which may not have delivered them.
    handed_over: Vec<u64>,
    leaving: Leaving,
    /// Above all requests so far.
    next_stream: u64,
}

/// How far the end of a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    No,
    /// The client is to be told.
    Asked,
    /// It was told that requests from this stream on are not answered (GOAWAY, RFC 9114,
    /// section 5.2).
    Told(u64),
}

impl<E> std::fmt::Debug for Session<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("exchanges", &self.exchanges.len())
            .finish_non_exhaustive()
    }
}

impl<E> Session<E> {
    /// Starts HTTP/3 on a connection whose handshake is done, or that has early data.
    pub(super) fn start(
        quic: &mut QuicConnection,
        config: &h3::Config,
        credit: u32,
        peer: Peer,
        now: Instant,
    ) -> Result<Self, h3::Error> {
        Ok(Self {
            h3: h3::Connection::with_transport(quic, config)?,
            peer,
            open: HashSet::new(),
            cut_short: Vec::new(),
            forgotten: Vec::new(),
            exchanges: Vec::new(),
            progress: Progress::default(),
            ledger: Ledger::default(),
            credit: Credit::new(credit, now),
            received_bytes: 0,
            handed_over: Vec::new(),
            leaving: Leaving::No,
            next_stream: 0,
        })
    }

    /// Has the handler asked for more of a response.
    pub(super) fn resume(&mut self, stream: u64) {
        if let Some(exchange) = self.exchange(stream) {
            exchange.resumed = true;
        }
    }

    /// Takes no more requests, and ends once those that there are have been answered.
    pub(super) fn drain(&mut self) {
        if self.leaving == Leaving::No {
            self.leaving = Leaving::Asked;
        }
    }

    /// Answers new requests, and writes as much of the responses as the transport takes.
    pub(super) fn service<H: Handler<Exchange = E>>(
        &mut self,
        quic: &mut QuicConnection,
        shared: &mut Shared<'_, H>,
    ) -> Activity {
        let before = (shared.parts.counters.requests, self.progress.body_bytes);
        let received = self.received_bytes;
        let mut given_up = 0;
        // Before they are read.
        let crowded = opens_too_many(quic);
        if quic.is_readable() {
            given_up += self.read_bodies(quic, shared);
            given_up += self.handle_events(quic, shared);
        }
        given_up += self.write(quic, shared);
        self.forget_cut_short(quic);
        let affordable = (0..given_up).all(|_| self.credit.spend(shared.now));
        if crowded || !affordable {
            shared.parts.counters.excessive_load += 1;
            self.disconnect(shared.parts.hook, shared.now);
            let code = h3::WireErrorCode::ExcessiveLoad as u64;
            let _ = quic.close(true, code, b"too many streams came to nothing");
        }
        self.leave(quic);
        let after = (shared.parts.counters.requests, self.progress.body_bytes);
        self.activity(before != after || received != self.received_bytes)
    }

    fn activity(&self, advanced: bool) -> Activity {
        let held_bytes = self.ledger.bytes();
        let mut of_client = self.exchanges.iter();
        let waits_for = if held_bytes > 0 || of_client.any(Exchange::is_the_clients_move) {
            WaitsFor::Peer
        } else if self.exchanges.is_empty() {
            WaitsFor::Request
        } else {
            WaitsFor::Application
        };
        Activity {
            advanced,
            held_bytes,
            waits_for,
        }
    }

    fn exchange(&mut self, stream: u64) -> Option<&mut Exchange<E>> {
        let mut exchanges = self.exchanges.iter_mut();
        exchanges.find(|exchange| exchange.stream() == stream)
    }

    /// Takes in what the client said; how many requests it gave up.
    fn handle_events<H: Handler<Exchange = E>>(
        &mut self,
        quic: &mut QuicConnection,
        shared: &mut Shared<'_, H>,
    ) -> u32 {
        let mut given_up = 0;
        loop {
            match self.h3.poll(quic) {
                Ok((stream, h3::Event::Headers { list, more_frames })) => {
                    if self.is_too_late(stream) {
                        // Its end may have come already, and is told presently.
                        self.open.insert(stream);
                        let code = h3::WireErrorCode::RequestRejected;
                        self.refuse_rest(stream, quic, code);
                        self.abort(stream, quic, code);
                    } else if self.open.insert(stream) {
                        let is_early = !quic.is_established();
                        self.answer(stream, &list, (more_frames, is_early), shared);
                    } else {
                        self.take_trailers(stream, &list, shared);
                    }
                }
                Ok((stream, h3::Event::Data)) => given_up += self.take_body(stream, quic, shared),
                Ok((stream, h3::Event::Finished)) => {
                    if self.open.remove(&stream) {
                        self.end_request(stream, shared);
                    } else {
                        given_up += 1;
                        self.abort(stream, quic, h3::WireErrorCode::RequestIncomplete);
                    }
                }
                Ok((stream, h3::Event::Reset(_))) => {
                    given_up += self.give_up(stream, quic, shared);
                }
                Ok((stream, h3::Event::PriorityUpdate)) => self.prioritize(stream, quic),
                Ok((_, h3::Event::GoAway)) => {}
                Err(h3::Error::Done) => {
                    for stream in self.forgotten.drain(..) {
                        self.open.remove(&stream);
                    }
                    return given_up;
                }
                Err(_) => {
                    // quiche has closed the connection with the fitting code.
                    shared.parts.counters.protocol_errors += 1;
                    self.disconnect(shared.parts.hook, shared.now);
                    return given_up;
                }
            }
        }
    }

    fn is_too_late(&self, stream: u64) -> bool {
        matches!(self.leaving, Leaving::Told(first) if stream >= first)
    }

    /// A new request.
    fn answer<H: Handler<Exchange = E>>(
        &mut self,
        stream: u64,
        list: &[h3::Header],
        (more_frames, is_early): (bool, bool),
        shared: &mut Shared<'_, H>,
    ) {
        self.next_stream = self.next_stream.max(stream + 4);
        let arrived = Arrived {
            stream,
            list,
            protocol: "HTTP/3",
            priority: self.priority(stream, list),
            has_body: more_frames,
            is_early,
            at: shared.now,
        };
        let exchange = Exchange::begin(arrived, &self.peer, &mut shared.parts);
        self.exchanges.push(exchange);
    }

    /// How soon a new request's response is wanted: an update that came before it counts more than its
    /// own field (RFC 9218, section 7).
    fn priority(&mut self, stream: u64, list: &[h3::Header]) -> Priority {
        let update = self.h3.take_last_priority_update(stream).ok();
        let field = Fields::new(list).get("priority");
        let value = update.as_deref().or(field);
        value.and_then(Priority::parse).unwrap_or_default()
    }

    /// The client has told how soon it wants a response. What comes before the request stays with quiche
    /// until then.
    fn prioritize(&mut self, stream: u64, quic: &mut QuicConnection) {
        if self.exchange(stream).is_none() {
            return;
        }
        let update = self.h3.take_last_priority_update(stream).ok();
        let priority = update.as_deref().and_then(Priority::parse);
        if let (Some(priority), Some(exchange)) = (priority, self.exchange(stream)) {
            exchange.transfer.set_priority(priority, quic);
        }
    }

    /// Runs something of the handler on a request that it knows.
    fn with_reply<H: Handler<Exchange = E>>(
        &mut self,
        stream: u64,
        shared: &mut Shared<'_, H>,
        call: impl FnOnce(&mut H, &mut E, &mut Reply<'_>),
    ) {
        let mut exchanges = self.exchanges.iter_mut();
        let found = exchanges.find(|exchange| exchange.stream() == stream);
        if let Some((state, mut reply)) =
            found.and_then(|it| it.parts(&self.peer, shared.parts.open))
        {
            call(shared.parts.handler, state, &mut reply);
        }
    }

    fn take_trailers<H: Handler<Exchange = E>>(
        &mut self,
        stream: u64,
        list: &[h3::Header],
        shared: &mut Shared<'_, H>,
    ) {
        if !request::is_too_large(list) {
            self.with_reply(stream, shared, |handler, state, reply| {
                handler.trailers(state, Fields::new(list), reply);
            });
        }
    }

    fn end_request<H: Handler<Exchange = E>>(&mut self, stream: u64, shared: &mut Shared<'_, H>) {
        if let Some(exchange) = self.exchange(stream) {
            // Who refuses a body is not told of its end, whether or not that came before.
            let is_refused = exchange.body == BodyState::Refused;
            exchange.body = BodyState::Ended;
            if !is_refused {
                self.with_reply(stream, shared, H::end);
            }
        }
    }

    /// Part of a request's body came; how many requests that ends.
    fn take_body<H: Handler<Exchange = E>>(
        &mut self,
        stream: u64,
        quic: &mut QuicConnection,
        shared: &mut Shared<'_, H>,
    ) -> u32 {
        match self.exchange(stream) {
            Some(exchange) if exchange.state.is_some() && exchange.body != BodyState::Refused => {
                exchange.body = BodyState::Unread;
                self.read_body(stream, quic, shared)
            }
            // Nobody is there to read it.
            _ => {
                self.refuse_rest(stream, quic, h3::WireErrorCode::NoError);
                0
            }
        }
    }

    /// Goes on with the bodies that handlers have left unread; how many requests that ends.
    fn read_bodies<H: Handler<Exchange = E>>(
        &mut self,
        quic: &mut QuicConnection,
        shared: &mut Shared<'_, H>,
    ) -> u32 {
        let unread = |exchange: &&Exchange<E>| exchange.body == BodyState::Unread;
        let unread = self.exchanges.iter().filter(unread);
        let streams: Vec<u64> = unread.map(Exchange::stream).collect();
        let reads = streams.into_iter();
        reads.map(|it| self.read_body(it, quic, shared)).sum()
    }

    /// Has the handler read; whether the client is found to have given the request up.
    fn read_body<H: Handler<Exchange = E>>(
        &mut self,
        stream: u64,
        quic: &mut QuicConnection,
        shared: &mut Shared<'_, H>,
    ) -> u32 {
        let mut state = BodyState::Unread;
        let mut exchanges = self.exchanges.iter_mut();
        let found = exchanges.find(|exchange| exchange.stream() == stream);
        let Some(exchange) = found else { return 0 };
        if let Some((kept, mut reply)) = exchange.parts(&self.peer, shared.parts.open) {
            let mut body = Incoming {
                source: Source::Stream {
                    h3: &mut self.h3,
                    quic,
                    stream,
                },
                state: &mut state,
                read: &mut self.received_bytes,
            };
            shared.parts.handler.body(kept, &mut body, &mut reply);
        }
        exchange.body = state;
        match state {
            BodyState::Refused => {
                self.refuse_rest(stream, quic, h3::WireErrorCode::NoError);
                0
            }
            BodyState::Reset => self.give_up(stream, quic, shared),
            BodyState::Drained | BodyState::Unread | BodyState::Ended => 0,
        }
    }

    /// Tells the client to send no more of a request (RFC 9114, section 4.1.1).
    fn refuse_rest(&mut self, stream: u64, quic: &mut QuicConnection, code: h3::WireErrorCode) {
        let _ = quic.stream_shutdown(stream, quiche::Shutdown::Read, code as u64);
        // Nothing more will be told of its end, unless that has come already.
        if !quic.stream_finished(stream) {
            self.open.remove(&stream);
        }
        self.cut_short.push(stream);
    }

    /// The client has reset a request: whether that counts as one given up.
    fn give_up<H>(
        &mut self,
        stream: u64,
        quic: &mut QuicConnection,
        shared: &mut Shared<'_, H>,
    ) -> u32 {
        let is_answered = self.open.remove(&stream);
        // Otherwise the response is sent already, or was given up before.
        if self.cancel(stream, shared) || !is_answered {
            self.abort(stream, quic, h3::WireErrorCode::RequestCancelled);
            return 1;
        }
        0
    }

    /// Nobody waits for the answer any more. False when there is none under way.
    fn cancel<H>(&mut self, stream: u64, shared: &mut Shared<'_, H>) -> bool {
        let of_stream = |exchange: &Exchange<E>| exchange.stream() == stream;
        let Some(at) = self.exchanges.iter().position(of_stream) else {
            return false;
        };
        let mut exchange = self.exchanges.remove(at);
        let (peer, now) = (self.peer.address(), shared.now);
        exchange.report(shared.parts.hook, peer, now, Ending::GivenUp);
        shared.parts.counters.cancelled += 1;
        true
    }

    /// The connection has ended, and with it all responses.
    pub(super) fn disconnect(&mut self, hook: &mut Option<Hook>, now: Instant) {
        for mut exchange in self.exchanges.drain(..) {
            exchange.report(hook, self.peer.address(), now, Ending::Disconnected);
        }
    }

    /// Ends our side of a stream without an answer, so that its place is free for another.
    fn abort(&mut self, stream: u64, quic: &mut QuicConnection, code: h3::WireErrorCode) {
        let _ = quic.stream_shutdown(stream, quiche::Shutdown::Write, code as u64);
        self.cut_short.push(stream);
    }

    /// Has quiche's HTTP/3 forget streams that the transport has forgotten: it does so when it is
    /// to send or to receive something on one. Which of the calls does it depends on how far request
    /// and response were; the last has it report the request's end, unless it has done so.
    fn forget_cut_short(&mut self, quic: &mut QuicConnection) {
        let http = &mut self.h3;
        self.cut_short.retain(|stream| {
            let is_gone = is_forgotten(quic, *stream);
            if is_gone {
                let _ = http.send_body(quic, *stream, b"", true);
                let _ = http.send_response::<h3::Header, _>(quic, *stream, &[], true);
                let _ = http.recv_body(quic, *stream, &mut []);
                self.open.insert(*stream);
                self.forgotten.push(*stream);
            }
            !is_gone
        });
    }

    /// Rounds over the responses, a turn each, until none gets on. How many were given up.
    fn write<H: Handler<Exchange = E>>(
        &mut self,
        quic: &mut QuicConnection,
        shared: &mut Shared<'_, H>,
    ) -> u32 {
        let before = self.progress.body_bytes;
        let mut ended = Vec::new();
        let mut advanced = true;
        while std::mem::take(&mut advanced) {
            self.ask_for_more(shared);
            // Who got nothing, for want of room, comes first when there is some again.
            self.exchanges
                .sort_by_key(|it| (it.transfer.precedence(), it.transfer.last_turn()));
            let memory = Memory {
                pool: shared.parts.pool,
                ledger: &self.ledger,
                bounds: shared.parts.bounds,
                sharers: self.exchanges.len(),
            };
            let (h3, progress) = (&mut self.h3, &mut self.progress);
            let (peer, now) = (self.peer.address(), shared.now);
            // Who gets on keeps those that come after from their turn.
            let mut floor = None;
            self.exchanges.retain_mut(|exchange| {
                let precedence = exchange.transfer.precedence();
                if floor.is_some_and(|floor| precedence > floor) {
                    return true;
                }
                let turn = exchange.take_turn(h3, quic, &memory, progress, shared.parts.counters);
                if turn == Turn::Advanced {
                    floor = Some(precedence);
                }
                advanced |= turn == Turn::Advanced || exchange.resumed;
                let Some(ending) = turn.ending() else {
                    return true;
                };
                exchange.report(shared.parts.hook, peer, now, ending);
                ended.push((exchange.stream(), exchange.body, ending));
                false
            });
        }
        shared.parts.counters.body_bytes += self.progress.body_bytes - before;
        let given_up = ended.iter().filter(|it| it.2 == Ending::GivenUp).count();
        for (stream, body, ending) in ended {
            self.end_response(stream, body, ending, quic);
        }
        if self.handed_over.len() > MANY_HANDED_OVER {
            self.forget_handed_over(quic);
        }
        u32::try_from(given_up).unwrap_or(u32::MAX)
    }

    /// A response is over.
    fn end_response(
        &mut self,
        stream: u64,
        body: BodyState,
        ending: Ending,
        quic: &mut QuicConnection,
    ) {
        if body == BodyState::Unread {
            // Nobody reads it any more, and it would take room from the other requests.
            self.refuse_rest(stream, quic, h3::WireErrorCode::NoError);
        }
        if ending == Ending::Complete {
            self.credit.earn();
            self.handed_over.push(stream);
        } else {
            self.cut_short.push(stream);
        }
    }

    /// Asks handlers for more, where there is room for it or they have something.
    fn ask_for_more<H: Handler<Exchange = E>>(&mut self, shared: &mut Shared<'_, H>) {
        let mut resumed = Vec::new();
        for exchange in &mut self.exchanges {
            if std::mem::take(&mut exchange.resumed) {
                resumed.push(exchange.stream());
            }
        }
        for stream in resumed {
            self.with_reply(stream, shared, H::resume);
        }
    }

    /// When the server is about to end: says so, and ends once all was answered and delivered.
    fn leave(&mut self, quic: &mut QuicConnection) {
        if self.leaving == Leaving::Asked {
            match self.h3.send_goaway(quic, self.next_stream) {
                Err(h3::Error::StreamBlocked) => return,
                _ => self.leaving = Leaving::Told(self.next_stream),
            }
        }
        if self.leaving != Leaving::No && self.exchanges.is_empty() {
            self.forget_handed_over(quic);
            if self.handed_over.is_empty() {
                let code = h3::WireErrorCode::NoError as u64;
                let _ = quic.close(true, code, b"the server is shutting down");
            }
        }
    }

    fn forget_handed_over(&mut self, quic: &mut QuicConnection) {
        self.handed_over
            .retain(|stream| !is_forgotten(quic, *stream));
    }
}

/// Whether the client has opened more unidirectional streams than any does. HTTP/3 has a use for
/// three; those of other kinds are read past, but quiche keeps something of each.
fn opens_too_many(quic: &QuicConnection) -> bool {
    let mut unidirectional = quic.readable().filter(|stream| stream & 2 != 0);
    unidirectional.any(|stream| stream >> 2 >= MAX_UNIDIRECTIONAL_STREAMS)
}
