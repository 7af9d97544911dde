//! `Session`: the HTTP/3 side of one connection to the server.

mod requests;

use std::collections::HashSet;
use std::time::Instant;

use quiche::h3;

use super::chunk::Ledger;
use super::credit::Credit;
use super::exchange::{Exchange, Parts};
use super::handler::Handler;
use super::incoming::BodyState;
use super::memory::Memory;
use super::record::{Ending, Hook};
use super::reply::Reply;
use super::transfer::{Progress, Turn};
use crate::quic::{QuicConnection, is_forgotten};
use crate::server::{Activity, Peer, WaitsFor};

/// Unidirectional streams that a client may open during its connection.
const MAX_UNIDIRECTIONAL_STREAMS: u64 = 1000;

/// Beyond this many, delivered streams are removed from the list. More than a client may have open.
const MANY_HANDED_OVER: usize = 512;

/// What a call needs besides the session.
pub(super) struct Shared<'a, H> {
    pub(super) parts: Parts<'a, H>,
    pub(super) now: Instant,
}

/// Requests and responses of one connection. `E` is the handler's state of a request.
pub struct Session<E> {
    h3: h3::Connection,
    peer: Peer,
    /// Requests that have begun and whose end was not reported yet; further header fields on one of
    /// them are trailers.
    open: HashSet<u64>,
    /// Streams that were ended early. quiche's HTTP/3 keeps their state until it is asked to use
    /// them after the transport has forgotten them.
    cut_short: Vec<u64>,
    /// Streams of which quiche's HTTP/3 may still report the end, but nothing else.
    forgotten: Vec<u64>,
    /// Requests whose responses are under way, the next in turn first.
    exchanges: Vec<Exchange<E>>,
    progress: Progress,
    ledger: Ledger,
    credit: Credit,
    /// Bytes read of request bodies.
    received_bytes: u64,
    /// Streams whose responses were handed to the transport and may be undelivered.
    handed_over: Vec<u64>,
    leaving: Leaving,
    /// The first stream id above all requests so far.
    next_stream: u64,
}

/// How far the shutdown of a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    No,
    /// GOAWAY is to be sent.
    Asked,
    /// GOAWAY was sent: requests from this stream on are not answered (RFC 9114, section 5.2).
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

    /// Has the handler called for more of a response.
    pub(super) fn resume(&mut self, stream: u64) {
        if let Some(exchange) = self.exchange(stream) {
            exchange.resumed = true;
        }
    }

    /// Accepts no more requests, and closes the connection once the others are answered.
    pub(super) fn drain(&mut self) {
        if self.leaving == Leaving::No {
            self.leaving = Leaving::Asked;
        }
    }

    /// Processes new requests, and writes as much of the responses as the transport takes.
    pub(super) fn service<H: Handler<Exchange = E>>(
        &mut self,
        quic: &mut QuicConnection,
        shared: &mut Shared<'_, H>,
    ) -> Activity {
        let before = (shared.parts.counters.requests, self.progress.body_bytes);
        let received = self.received_bytes;
        let mut given_up = 0;
        // Checked before those streams are read.
        let crowded = opens_too_many(quic);
        if quic.is_readable() {
            given_up += self.read_bodies(quic, shared);
            given_up += self.handle_events(quic, shared);
            while let Some(stream) = self.behind_empty_frame(quic) {
                given_up += self.take_body(stream, quic, shared);
                given_up += self.handle_events(quic, shared);
            }
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

    /// Calls the handler for a request that it has seen.
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

    /// The connection has ended, and so have all responses.
    pub(super) fn disconnect(&mut self, hook: &mut Option<Hook>, now: Instant) {
        for mut exchange in self.exchanges.drain(..) {
            exchange.report(hook, self.peer.address(), now, Ending::Disconnected);
        }
    }

    /// Has quiche's HTTP/3 forget streams that the transport has forgotten: it does so when asked
    /// to send or receive on one. Which of the calls does it depends on the state of request and
    /// response; the last makes it report the request's end, unless it has done so.
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

    /// Writes the responses in rounds, one turn each, until none advances. Returns how many were
    /// cancelled.
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
            // A response that got nothing for lack of room is first when there is room again.
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
            // A response that advances keeps those of a later precedence from their turn.
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
            // It is no longer read, and would take room from the other requests.
            self.refuse_rest(stream, quic, h3::WireErrorCode::NoError);
        }
        if ending == Ending::Complete {
            self.credit.earn();
            self.handed_over.push(stream);
        } else {
            self.cut_short.push(stream);
        }
    }

    /// Calls the handler for responses with room for more, or with something new.
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

    /// While draining: sends GOAWAY, and closes the connection once everything was answered and
    /// delivered.
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

/// Whether the client has opened more unidirectional streams than a well-behaved client does.
/// HTTP/3 uses three; others are skipped, but quiche keeps some state of each.
fn opens_too_many(quic: &QuicConnection) -> bool {
    let mut unidirectional = quic.readable().filter(|stream| stream & 2 != 0);
    unidirectional.any(|stream| stream >> 2 >= MAX_UNIDIRECTIONAL_STREAMS)
}
