//! `LoneExchange`: one request that came by another transport than QUIC, such as HTTP/1.1 or HTTP/2
//! over TCP, and a handler's response to it.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;
use quiche::h3::{Header, NameValue};

use super::application::Http;
use super::chunk::Ledger;
use super::exchange::{Arrived, Exchange};
use super::handler::Handler;
use super::incoming::{BodyState, Incoming, Source};
use super::memory::Memory;
use super::priority::Priority;
use super::record::Ending;
use super::request::{self, Fields, RequestKey};
use super::transfer::Pulled;
use crate::server::Guest;

/// The approximate overhead of a piece in memory: a client may send single bytes.
const PIECE_BYTES: usize = 64;

/// A request, and the response to it piece by piece. `E` is the handler's state of it.
///
/// Pass it the rest of the request ([`receive`](Self::receive), [`trailers`](Self::trailers),
/// [`end`](Self::end)), call [`next`](Self::next) until it has nothing for now, and finally report
/// how the exchange ended ([`finish`](Self::finish)).
pub struct LoneExchange<E> {
    exchange: Exchange<E>,
    unread: VecDeque<Bytes>,
    unread_bytes: usize,
    /// The next piece is in a file, and the bound on memory is reached.
    is_starved: bool,
    /// Not passed to the handler yet.
    trailers: Option<Vec<Header>>,
    /// The request is complete.
    is_ended: bool,
    received_bytes: u64,
    body_bytes: u64,
    /// The handler was called for more of a streamed body since it last wrote some.
    is_asked: bool,
}

/// File bytes that one connection's responses hold in memory, until the pieces with them are
/// dropped.
#[derive(Debug, Default)]
pub struct HeldBytes(Ledger);

/// The next piece of a response.
#[derive(Debug)]
#[non_exhaustive]
pub enum Piece {
    /// An interim response, such as 103 Early Hints (RFC 8297).
    Interim(Head),
    /// Status and header fields.
    Head(Head),
    /// Bytes of the body.
    Body(Bytes),
    /// The trailer section, after the body.
    Trailers(Head),
    /// Nothing for now: call again when more of the request has come, or after
    /// [`resume`](LoneExchange::resume).
    Awaiting,
    /// The response is complete.
    Done,
    /// The response was cut short. The client must learn that it is incomplete.
    Broken,
}

/// A header section.
#[derive(Debug)]
pub struct Head {
    fields: Vec<Header>,
}

impl Head {
    /// The status, if it is a response's header section.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        let status = self.fields.iter().find(|field| field.name() == b":status");
        std::str::from_utf8(status?.value()).ok()?.parse().ok()
    }

    /// Names, which are in lower case, and values.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        Fields::new(&self.fields).iter()
    }
}

impl<E> std::fmt::Debug for LoneExchange<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoneExchange")
            .field("unread", &self.unread.len())
            .finish_non_exhaustive()
    }
}

impl<E> LoneExchange<E> {
    /// Begins an exchange. `fields` are the request's header section in the form of HTTP/2 and
    /// HTTP/3: first `:method`, `:scheme`, `:authority` and `:path`, then the others, names in
    /// lower case. A malformed request is answered with 400, and one with too many or too long
    /// fields with 431. `protocol` is for the access log; `number` names the request within its
    /// connection.
    pub fn begin<'f, H: Handler<Exchange = E>>(
        http: &mut Http<H>,
        guest: &Guest,
        (protocol, number): (&'static str, u64),
        fields: impl IntoIterator<Item = (&'f [u8], &'f [u8])>,
        has_body: bool,
        now: Instant,
    ) -> Self {
        let fields = fields.into_iter();
        let list: Vec<Header> = fields
            .map(|(name, value)| Header::new(name, value))
            .collect();
        let arrived = Arrived {
            stream: number,
            list: &list,
            protocol,
            priority: Priority::default(),
            has_body,
            is_early: false,
            at: now,
        };
        Self {
            exchange: Exchange::begin(arrived, guest.peer(), &mut http.parts()),
            unread: VecDeque::new(),
            unread_bytes: 0,
            is_starved: false,
            trailers: None,
            is_ended: false,
            received_bytes: 0,
            body_bytes: 0,
            is_asked: false,
        }
    }

    /// The request's name within its server, for [`resume`](Self::resume).
    #[must_use]
    pub fn key(&self, guest: &Guest) -> RequestKey {
        RequestKey::new(guest.peer().connection(), self.exchange.stream())
    }

    /// Passes on bytes of the request's body. False once the handler wants no more of it.
    pub fn receive<H: Handler<Exchange = E>>(
        &mut self,
        http: &mut Http<H>,
        guest: &Guest,
        bytes: Bytes,
    ) -> bool {
        if self.exchange.state.is_none() || self.exchange.body == BodyState::Refused {
            return false;
        }
        if !bytes.is_empty() {
            self.unread_bytes += bytes.len();
            self.unread.push_back(bytes);
        }
        self.offer(http, guest)
    }

    /// Has the handler read the unread bytes. False once it wants no more.
    fn offer<H: Handler<Exchange = E>>(&mut self, http: &mut Http<H>, guest: &Guest) -> bool {
        if self.unread.is_empty() {
            return true;
        }
        let parts = http.parts();
        let (mut state, before) = (BodyState::Unread, self.received_bytes);
        let mut body = Incoming {
            source: Source::Pieces(&mut self.unread),
            state: &mut state,
            read: &mut self.received_bytes,
        };
        if let Some((kept, mut reply)) = self.exchange.parts(guest.peer(), parts.open) {
            parts.handler.body(kept, &mut body, &mut reply);
        }
        self.exchange.body = state;
        let read = usize::try_from(self.received_bytes - before).unwrap_or(usize::MAX);
        self.unread_bytes = self.unread_bytes.saturating_sub(read);
        let is_wanted = state != BodyState::Refused;
        if !is_wanted {
            self.unread.clear();
            self.unread_bytes = 0;
        }
        self.tell_rest(http, guest);
        is_wanted
    }

    /// Bytes that the handler has left unread. While there are many, take no more from the client.
    #[must_use]
    pub fn unread_bytes(&self) -> usize {
        self.unread_bytes + self.unread.len() * PIECE_BYTES
    }

    /// Passes on the request's trailer section, which the handler gets once it has read the body.
    pub fn trailers<'f, H: Handler<Exchange = E>>(
        &mut self,
        http: &mut Http<H>,
        guest: &Guest,
        fields: impl IntoIterator<Item = (&'f [u8], &'f [u8])>,
    ) {
        let fields = fields.into_iter();
        let list: Vec<Header> = fields
            .map(|(name, value)| Header::new(name, value))
            .collect();
        if !request::is_too_large(&list) {
            self.trailers = Some(list);
            self.tell_rest(http, guest);
        }
    }

    /// The request is complete. The handler learns of it once it has read the body.
    pub fn end<H: Handler<Exchange = E>>(&mut self, http: &mut Http<H>, guest: &Guest) {
        self.is_ended = true;
        self.tell_rest(http, guest);
    }

    /// Passes trailers and end to the handler, unless some of the body is unread.
    fn tell_rest<H: Handler<Exchange = E>>(&mut self, http: &mut Http<H>, guest: &Guest) {
        if !self.unread.is_empty() || self.exchange.body == BodyState::Ended {
            return;
        }
        let parts = http.parts();
        let is_refused = self.exchange.body == BodyState::Refused;
        if self.is_ended {
            self.exchange.body = BodyState::Ended;
        }
        let Some((kept, mut reply)) = self.exchange.parts(guest.peer(), parts.open) else {
            return;
        };
        if is_refused {
            return;
        }
        if let Some(list) = self.trailers.take() {
            parts.handler.trailers(kept, Fields::new(&list), &mut reply);
        }
        if self.is_ended {
            parts.handler.end(kept, &mut reply);
        }
    }

    /// Calls the handler for more, because another part of the program has something for this
    /// request.
    pub fn resume<H: Handler<Exchange = E>>(&mut self, http: &mut Http<H>, guest: &Guest) {
        self.offer(http, guest);
        let parts = http.parts();
        if let Some((kept, mut reply)) = self.exchange.parts(guest.peer(), parts.open) {
            parts.handler.resume(kept, &mut reply);
        }
    }

    /// The next piece of the response. `held` counts the file bytes of all responses of its
    /// connection.
    pub fn next<H: Handler<Exchange = E>>(
        &mut self,
        http: &mut Http<H>,
        guest: &Guest,
        held: &HeldBytes,
    ) -> Piece {
        loop {
            let parts = http.parts();
            let memory = Memory {
                pool: parts.pool,
                ledger: &held.0,
                bounds: parts.bounds,
                sharers: 1,
            };
            let pulled = self.exchange.transfer.pull(&memory);
            self.is_starved = matches!(pulled, Pulled::Starved);
            self.exchange.count_status(parts.counters);
            return match pulled {
                Pulled::Section { fields, is_final } => match is_final {
                    true => Piece::Head(Head { fields }),
                    false => Piece::Interim(Head { fields }),
                },
                Pulled::Bytes(bytes) => {
                    self.is_asked = false;
                    parts.counters.body_bytes += bytes.len() as u64;
                    self.body_bytes += bytes.len() as u64;
                    Piece::Body(bytes)
                }
                Pulled::Trailers(fields) => Piece::Trailers(Head { fields }),
                Pulled::Awaiting if self.exchange.transfer.is_dry() && !self.is_asked => {
                    self.is_asked = true;
                    self.resume(http, guest);
                    continue;
                }
                Pulled::Awaiting | Pulled::Starved => Piece::Awaiting,
                Pulled::Done => Piece::Done,
                Pulled::Broken => Piece::Broken,
            };
        }
    }

    /// Whether the client must take something, or send more of the request. Otherwise the handler
    /// has not answered yet.
    #[must_use]
    pub fn is_the_clients_move(&self) -> bool {
        !self.is_starved && self.exchange.is_the_clients_move()
    }

    /// Whether [`next`](Self::next) returned nothing because a bound on file bytes is reached
    /// ([`HttpConfig`](super::HttpConfig)): call it again after a while.
    #[must_use]
    pub fn is_starved(&self) -> bool {
        self.is_starved
    }

    /// Whether the last piece ended the response.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.exchange.transfer.is_pulled()
    }

    /// Counts and reports the end of the exchange. Call it last.
    pub fn finish<H: Handler<Exchange = E>>(
        &mut self,
        http: &mut Http<H>,
        guest: &Guest,
        ending: Ending,
        now: Instant,
    ) {
        let parts = http.parts();
        let counters = parts.counters;
        match ending {
            Ending::Complete => counters.completed += 1,
            Ending::BrokenOff => counters.broken += 1,
            Ending::GivenUp => counters.cancelled += 1,
            Ending::Disconnected => {}
        }
        self.exchange.note_body(self.body_bytes);
        let peer = guest.peer().address();
        self.exchange.report(parts.hook, peer, now, ending);
    }
}
