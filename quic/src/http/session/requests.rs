//! A session's requests: what arrives on their streams, and the calls that pass it to the handler.

use quiche::h3;

use super::{Leaving, Session, Shared};
use crate::http::exchange::{Arrived, Exchange};
use crate::http::handler::Handler;
use crate::http::incoming::{BodyState, Incoming, Source};
use crate::http::priority::Priority;
use crate::http::record::Ending;
use crate::http::request::{self, Fields};
use crate::quic::{MAX_EMPTY_FRAMES, QuicConnection, take_end};

impl<E> Session<E> {
    /// Processes HTTP/3's events. Returns how many requests the client cancelled.
    pub(super) fn handle_events<H: Handler<Exchange = E>>(
        &mut self,
        quic: &mut QuicConnection,
        shared: &mut Shared<'_, H>,
    ) -> u32 {
        let mut given_up = 0;
        loop {
            match self.h3.poll(quic) {
                Ok((stream, h3::Event::Headers { list, more_frames })) => {
                    if self.is_too_late(stream) {
                        // Its end may have come already, and is reported next.
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
                Ok((stream, h3::Event::Data)) => {
                    given_up += self.take_body(stream, quic, shared);
                    if take_end(quic, stream).is_some() {
                        given_up += self.give_up(stream, quic, shared);
                    }
                }
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
                    self.break_off(quic, shared);
                    return given_up;
                }
            }
        }
    }

    /// The client has broken the protocol. quiche has closed the connection with the right code,
    /// unless a frame was cut off by the end of its stream (RFC 9114, section 7.1).
    fn break_off<H>(&mut self, quic: &mut QuicConnection, shared: &mut Shared<'_, H>) {
        let code = h3::WireErrorCode::FrameError as u64;
        let _ = quic.close(true, code, b"a frame is cut off");
        shared.parts.counters.protocol_errors += 1;
        self.disconnect(shared.parts.hook, shared.now);
    }

    /// A stream with more of a body, of which HTTP/3 does not tell: quiche does so once, and again
    /// only after a read that found nothing, but a read also ends at an empty DATA frame.
    pub(super) fn behind_empty_frame(&mut self, quic: &QuicConnection) -> Option<u64> {
        if quic.local_error().is_some() {
            return None;
        }
        let is_behind = |it: &&mut Exchange<E>| {
            it.body == BodyState::Drained && it.state.is_some() && quic.stream_readable(it.stream())
        };
        let exchange = self.exchanges.iter_mut().find(is_behind)?;
        exchange.empty_frames += 1;
        Some(exchange.stream())
    }

    fn is_too_late(&self, stream: u64) -> bool {
        matches!(self.leaving, Leaving::Told(first) if stream >= first)
    }

    /// Begins a new request.
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

    /// A new request's priority: an update that came before it overrides its own field (RFC 9218,
    /// section 7).
    fn priority(&mut self, stream: u64, list: &[h3::Header]) -> Priority {
        let update = self.h3.take_last_priority_update(stream).ok();
        let field = Fields::new(list).get("priority");
        let value = update.as_deref().or(field);
        value.and_then(Priority::parse).unwrap_or_default()
    }

    /// Applies a priority update. One that precedes its request stays with quiche until then.
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
            // After refusing the body, the handler is not told of its end, even if that came first.
            let is_refused = exchange.body == BodyState::Refused;
            exchange.body = BodyState::Ended;
            if !is_refused {
                self.with_reply(stream, shared, H::end);
            }
        }
    }

    /// Processes part of a request's body. Returns how many requests were cancelled: 0 or 1.
    pub(super) fn take_body<H: Handler<Exchange = E>>(
        &mut self,
        stream: u64,
        quic: &mut QuicConnection,
        shared: &mut Shared<'_, H>,
    ) -> u32 {
        match self.exchange(stream) {
            Some(exchange) if exchange.empty_frames > MAX_EMPTY_FRAMES => {
                self.refuse_rest(stream, quic, h3::WireErrorCode::ExcessiveLoad);
                self.give_up(stream, quic, shared)
            }
            Some(exchange) if exchange.state.is_some() && exchange.body != BodyState::Refused => {
                exchange.body = BodyState::Unread;
                self.read_body(stream, quic, shared)
            }
            // There is no handler to read it.
            _ => {
                self.refuse_rest(stream, quic, h3::WireErrorCode::NoError);
                0
            }
        }
    }

    /// Continues with the bodies that the handler has left unread. Returns how many requests were
    /// cancelled.
    pub(super) fn read_bodies<H: Handler<Exchange = E>>(
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

    /// Has the handler read. Returns 1 if the client turns out to have cancelled the request,
    /// otherwise 0.
    fn read_body<H: Handler<Exchange = E>>(
        &mut self,
        stream: u64,
        quic: &mut QuicConnection,
        shared: &mut Shared<'_, H>,
    ) -> u32 {
        let (mut state, before) = (BodyState::Unread, self.received_bytes);
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
        if self.received_bytes > before {
            exchange.empty_frames = 0;
        }
        match state {
            BodyState::Refused => {
                self.refuse_rest(stream, quic, h3::WireErrorCode::NoError);
                0
            }
            BodyState::Reset => self.give_up(stream, quic, shared),
            BodyState::Broken => {
                self.break_off(quic, shared);
                0
            }
            BodyState::Drained | BodyState::Unread | BodyState::Ended => 0,
        }
    }

    /// Tells the client to send no more of a request (RFC 9114, section 4.1.1).
    pub(super) fn refuse_rest(
        &mut self,
        stream: u64,
        quic: &mut QuicConnection,
        code: h3::WireErrorCode,
    ) {
        let _ = quic.stream_shutdown(stream, quiche::Shutdown::Read, code as u64);
        // Its end is no longer reported, unless it has come already.
        if !quic.stream_finished(stream) {
            self.open.remove(&stream);
        }
        self.cut_short.push(stream);
    }

    /// The client has reset a request. Returns 1 if that counts as cancelled, otherwise 0.
    fn give_up<H>(
        &mut self,
        stream: u64,
        quic: &mut QuicConnection,
        shared: &mut Shared<'_, H>,
    ) -> u32 {
        let is_answered = self.open.remove(&stream);
        // Otherwise the response was sent already, or was cancelled before.
        if self.cancel(stream, shared) || !is_answered {
            self.abort(stream, quic, h3::WireErrorCode::RequestCancelled);
            return 1;
        }
        0
    }

    /// Drops a response that the client has cancelled. False if there is none under way.
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

    /// Ends our side of a stream without an answer, so that the client may open another.
    fn abort(&mut self, stream: u64, quic: &mut QuicConnection, code: h3::WireErrorCode) {
        let _ = quic.stream_shutdown(stream, quiche::Shutdown::Write, code as u64);
        self.cut_short.push(stream);
    }
}
