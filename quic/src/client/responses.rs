//! What the server sends on the streams of a client's requests.

use std::collections::VecDeque;

use quiche::h3;

use super::event::{ClientEvent, RequestId};
use super::exchange::Exchange;
use super::failure::RequestError;
use super::outgoing::{Outgoing, RequestBody};
use super::requests::{Requests, Waiting};
use crate::quic::{MAX_EMPTY_FRAMES, QuicConnection, take_end};

impl Requests {
    /// Turns HTTP/3's events into ours.
    pub(super) fn poll(
        &mut self,
        h3: &mut h3::Connection,
        quic: &mut QuicConnection,
        events: &mut VecDeque<ClientEvent>,
    ) {
        loop {
            match h3.poll(quic) {
                Ok((stream, h3::Event::GoAway)) => self.going_away(stream, quic, events),
                Ok((_, h3::Event::PriorityUpdate)) => {}
                Ok((stream, event)) => {
                    self.stream_event(stream, event, quic, events);
                    if let Some(code) = take_end(quic, stream) {
                        self.stream_event(stream, h3::Event::Reset(code), quic, events);
                    }
                }
                // quiche has closed the connection and reads no more bodies. The end is reported
                // later.
                Err(_) if quic.local_error().is_some() => break,
                Err(h3::Error::TransportError(quiche::Error::InvalidStreamState(stream)))
                    if self.end_amid_frame(stream, quic, events) => {}
                Err(_) => break self.announce(h3, quic, events),
            }
        }
    }

    /// The transport has forgotten a stream that ended inside a frame's header. False if it is no
    /// request's.
    fn end_amid_frame(
        &mut self,
        stream: u64,
        quic: &mut QuicConnection,
        events: &mut VecDeque<ClientEvent>,
    ) -> bool {
        let of_stream = |active: &Exchange| active.stream == stream;
        let Some(at) = self.active.iter().position(of_stream) else {
            return false;
        };
        let code = h3::WireErrorCode::FrameError;
        self.give_up(at, RequestError::Malformed, code, quic, events);
        true
    }

    /// Reports body bytes that can be read. quiche does so once, and again only after a read that
    /// found nothing; but a read also ends at an empty DATA frame with more after it.
    ///
    /// Once the server has closed the connection, quiche stops at a frame that breaks the protocol,
    /// with the stream readable for good: reads in vain are bounded.
    fn announce(
        &mut self,
        h3: &mut h3::Connection,
        quic: &mut QuicConnection,
        events: &mut VecDeque<ClientEvent>,
    ) {
        let is_stuck = |active: &Exchange| active.reads_in_vain > MAX_EMPTY_FRAMES;
        while let Some(at) = self.active.iter().position(is_stuck) {
            let code = h3::WireErrorCode::ExcessiveLoad;
            self.give_up(at, RequestError::Malformed, code, quic, events);
        }
        for active in self.active.iter_mut().filter(|it| it.is_answered()) {
            if !quic.stream_readable(active.stream) {
                // The read that finds nothing.
                let _ = h3.recv_body(quic, active.stream, &mut [0]);
            } else if !active.is_announced {
                active.is_announced = true;
                events.push_back(ClientEvent::Body(active.id));
            }
        }
    }

    fn stream_event(
        &mut self,
        stream: u64,
        event: h3::Event,
        quic: &mut QuicConnection,
        events: &mut VecDeque<ClientEvent>,
    ) {
        let Some(at) = self
            .active
            .iter()
            .position(|active| active.stream == stream)
        else {
            return;
        };
        let Some(active) = self.active.get_mut(at) else {
            return;
        };
        // Body bytes count when they are read: a DATA frame may be empty.
        let is_progress = matches!(event, h3::Event::Headers { .. });
        active.has_moved |= is_progress;
        self.has_moved |= is_progress;
        let code = h3::WireErrorCode::MessageError;
        if let h3::Event::Headers { list, .. } = &event
            && let Some(head) = active.take_too_early(list)
        {
            let id = self.cut_off(at, h3::WireErrorCode::RequestCancelled, quic);
            let outgoing = Outgoing::new(RequestBody::Empty);
            self.too_early.push(Waiting { id, head, outgoing });
            return;
        }
        match event {
            h3::Event::Headers { list, .. } => match active.take_fields(&list) {
                Ok(told) => events.extend(told),
                Err(error) => self.give_up(at, error, code, quic, events),
            },
            h3::Event::Data if !active.takes_data() => {
                self.give_up(at, RequestError::Malformed, code, quic, events);
            }
            // Reported by `announce`.
            h3::Event::Data => {}
            h3::Event::Finished => {
                events.push_back(active.finish());
                self.answered(at, quic);
            }
            h3::Event::Reset(code) => {
                let received = active.received;
                let error = RequestError::Reset { code, received };
                events.push_back(ClientEvent::Failed(active.id, error));
                self.answered(at, quic);
            }
            h3::Event::GoAway | h3::Event::PriorityUpdate => {}
        }
    }

    /// Ends an exchange whose response is complete. The response doesn't depend on the unsent rest
    /// of the request (RFC 9114, section 4.1).
    fn answered(&mut self, at: usize, quic: &mut QuicConnection) {
        let active = self.active.remove(at);
        if active.outgoing.is_under_way() {
            let code = h3::WireErrorCode::RequestCancelled as u64;
            let _ = quic.stream_shutdown(active.stream, quiche::Shutdown::Write, code);
        }
        if !active.outgoing.is_sent() {
            self.cut_short.push(active.stream);
        }
    }

    /// Fails a request and has the server stop answering it.
    pub(super) fn give_up(
        &mut self,
        at: usize,
        error: RequestError,
        code: h3::WireErrorCode,
        quic: &mut QuicConnection,
        events: &mut VecDeque<ClientEvent>,
    ) {
        let id = self.cut_off(at, code, quic);
        events.push_back(ClientEvent::Failed(id, error));
    }

    /// Ends both directions of a request's stream.
    pub(super) fn cut_off(
        &mut self,
        at: usize,
        code: h3::WireErrorCode,
        quic: &mut QuicConnection,
    ) -> RequestId {
        let active = self.active.swap_remove(at);
        // Fails if that direction has ended.
        for direction in [quiche::Shutdown::Read, quiche::Shutdown::Write] {
            let _ = quic.stream_shutdown(active.stream, direction, code as u64);
        }
        self.cut_short.push(active.stream);
        active.id
    }

    /// The server won't answer requests from stream `first_refused` on.
    fn going_away(
        &mut self,
        first_refused: u64,
        quic: &mut QuicConnection,
        events: &mut VecDeque<ClientEvent>,
    ) {
        let code = h3::WireErrorCode::RequestCancelled;
        let is_refused = |active: &Exchange| active.stream >= first_refused;
        while let Some(at) = self.active.iter().position(is_refused) {
            self.give_up(at, RequestError::GoingAway, code, quic, events);
        }
        let fail = |it: Waiting| ClientEvent::Failed(it.id, RequestError::GoingAway);
        events.extend(self.waiting.drain(..).map(fail));
    }

    pub(super) fn read_body(
        &mut self,
        h3: &mut h3::Connection,
        quic: &mut QuicConnection,
        id: RequestId,
        buf: &mut [u8],
        events: &mut VecDeque<ClientEvent>,
    ) -> usize {
        let Some(active) = self.active.iter_mut().find(|active| active.id == id) else {
            return 0;
        };
        let stream = active.stream;
        let read = match h3.recv_body(quic, stream, buf) {
            Ok(read) => read,
            Err(h3::Error::Done) => 0,
            // The end of the connection is reported later.
            Err(_) if quic.local_error().is_some() => 0,
            // quiche tells of a reset once, and drops what it had read before an error.
            Err(h3::Error::TransportError(quiche::Error::StreamReset(code))) => {
                self.stream_event(stream, h3::Event::Reset(code), quic, events);
                return 0;
            }
            Err(_) => {
                self.end_amid_frame(stream, quic, events);
                return 0;
            }
        };
        active.reads_in_vain = match read {
            0 => active.reads_in_vain + u32::from(active.is_announced),
            _ => 0,
        };
        active.is_announced = read > 0;
        active.received += read as u64;
        active.has_moved |= read > 0;
        self.has_moved |= read > 0;
        read
    }
}
