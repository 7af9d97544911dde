//! `Requests`: a client's requests, from waiting to finished.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use quiche::h3::{self, Header};

use super::event::{ClientEvent, RequestId, ResponseHead};
use super::failure::RequestError;
use super::validator::Validator;
use crate::files::ByteRange;
use crate::quic::QuicConnection;

/// All requests of one connection.
#[derive(Debug)]
pub(super) struct Requests {
    authority: String,
    next: u64,
    waiting: VecDeque<Waiting>,
    active: Vec<Active>,
    /// How long a request may make no progress.
    patience: Duration,
    /// When any request last made progress; and whether one has since.
    since: Instant,
    has_moved: bool,
    /// Has waited for the idle timeout once since then.
    has_waited: bool,
}

#[derive(Debug)]
struct Waiting {
    id: RequestId,
    headers: Vec<Header>,
}

#[derive(Debug)]
struct Active {
    id: RequestId,
    stream: u64,
    /// From the response's header fields, once they have come.
    head: Option<Expected>,
    /// Header fields came after the body: nothing may follow them.
    has_trailers: bool,
    /// The application was told of body bytes, and has not read them to the end since.
    is_announced: bool,
    received: u64,
    /// When it last made progress; and whether it has since.
    since: Instant,
    has_moved: bool,
}

#[derive(Clone, Copy, Debug)]
struct Expected {
    body_bytes: Option<u64>,
}

impl Requests {
    pub(super) fn new(authority: String, patience: Duration, now: Instant) -> Self {
        Self {
            authority,
            next: 0,
            waiting: VecDeque::new(),
            active: Vec::new(),
            patience,
            since: now,
            has_moved: false,
            has_waited: false,
        }
    }

    /// From now on requests can be sent, so that they can also make no progress.
    pub(super) fn begin(&mut self) {
        self.has_moved = true;
    }

    /// Notes that it is `now` that requests made progress, if any did since it was called last.
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

    /// When the first request has made no progress for too long. Those that wait for others count
    /// only once there are no others.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let first = match self.active.iter().map(|active| active.since).min() {
            None if self.waiting.is_empty() => return None,
            None => self.since,
            Some(first) => first,
        };
        first.checked_add(self.patience)
    }

    /// Whether the idle timeout is about to end the connection, so that requests need not; they wait
    /// for that once. After `silence` the server hardly speaks again before it.
    pub(super) fn may_wait(&mut self, now: Instant, silence: Duration, idle: Duration) -> bool {
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
            if quic.stream_readable(active.stream) {
                // It is the application that doesn't go on.
                active.since = now;
                continue;
            }
            let received = active.received;
            let error = RequestError::Stalled { after, received };
            self.give_up(at, error, h3::WireErrorCode::RequestCancelled, quic, events);
        }
        // Those that waited behind them have their turn, and their time.
        self.has_moved = true;
    }

    pub(super) fn add(
        &mut self,
        path: &str,
        range: Option<ByteRange>,
        if_range: Option<&Validator>,
    ) -> RequestId {
        let id = RequestId(self.next);
        self.next += 1;
        let mut headers = vec![
            Header::new(b":method", b"GET"),
            Header::new(b":scheme", b"https"),
            Header::new(b":authority", self.authority.as_bytes()),
            Header::new(b":path", path.as_bytes()),
            Header::new(
                b"user-agent",
                concat!("xskit/", env!("CARGO_PKG_VERSION")).as_bytes(),
            ),
        ];
        if let Some(range) = range {
            headers.push(Header::new(b"range", range.to_string().as_bytes()));
        }
        if let Some(validator) = if_range {
            headers.push(Header::new(b"if-range", validator.as_str().as_bytes()));
        }
        self.waiting.push_back(Waiting { id, headers });
        self.has_moved |= self.active.is_empty();
        id
    }

    /// Whether any was sent that is not answered in full.
    pub(super) fn are_active(&self) -> bool {
        !self.active.is_empty()
    }

    /// Sends what waits, in order, as far as the server allows streams. True if any was sent.
    pub(super) fn send(
        &mut self,
        h3: &mut h3::Connection,
        quic: &mut QuicConnection,
        events: &mut VecDeque<ClientEvent>,
    ) -> bool {
        let mut any = false;
        while let Some(request) = self.waiting.front() {
            let id = request.id;
            match h3.send_request(quic, &request.headers, true) {
                Ok(stream) => {
                    any = true;
                    self.active.push(Active {
                        id,
                        stream,
                        head: None,
                        has_trailers: false,
                        is_announced: false,
                        received: 0,
                        since: self.since,
                        has_moved: true,
                    });
                    self.has_moved = true;
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

    /// Turns HTTP/3's events into ours.
    pub(super) fn poll(
        &mut self,
        h3: &mut h3::Connection,
        quic: &mut QuicConnection,
        events: &mut VecDeque<ClientEvent>,
    ) {
        loop {
            match h3.poll(quic) {
                Ok((stream, h3::Event::GoAway)) => self.going_away(stream, events),
                Ok((_, h3::Event::PriorityUpdate)) => {}
                Ok((stream, event)) => {
                    self.stream_event(stream, event, quic, events);
                    self.take_end(stream, quic, events);
                }
                Err(h3::Error::Done) => break self.announce(h3, quic, events),
                // It has closed the connection, which is told about when it ends.
                Err(_) => break,
            }
        }
    }

    /// Takes the end of a stream that came by itself behind a DATA frame's header. Left to quiche's
    /// HTTP/3, the stream would be forgotten but stay among the readable ones, and polling fail.
    fn take_end(
        &mut self,
        stream: u64,
        quic: &mut QuicConnection,
        events: &mut VecDeque<ClientEvent>,
    ) {
        if !(quic.stream_finished(stream) && quic.stream_readable(stream)) {
            return;
        }
        if let Err(quiche::Error::StreamReset(code)) = quic.stream_recv(stream, &mut [0]) {
            self.stream_event(stream, h3::Event::Reset(code), quic, events);
        }
    }

    /// Announces body bytes that can be read. quiche does so once, and again only after a read that
    /// found nothing more: but a read also ends at an empty DATA frame, with more behind it.
    fn announce(
        &mut self,
        h3: &mut h3::Connection,
        quic: &mut QuicConnection,
        events: &mut VecDeque<ClientEvent>,
    ) {
        for active in self.active.iter_mut().filter(|it| it.head.is_some()) {
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
        // Body bytes count when they are read: a frame may have none.
        let is_progress = matches!(event, h3::Event::Headers { .. });
        active.has_moved |= is_progress;
        self.has_moved |= is_progress;
        let code = h3::WireErrorCode::MessageError;
        match event {
            h3::Event::Headers { list, .. } => match active.head(&list) {
                Ok(Some(head)) => events.push_back(ClientEvent::Response(active.id, head)),
                // Interim responses and trailers say nothing that is needed.
                Ok(None) => {}
                Err(error) => self.give_up(at, error, code, quic, events),
            },
            h3::Event::Data if active.head.is_none() || active.has_trailers => {
                self.give_up(at, RequestError::Malformed, code, quic, events);
            }
            // Announced once all is polled.
            h3::Event::Data => {}
            h3::Event::Finished => {
                events.push_back(active.finish());
                self.active.remove(at);
            }
            h3::Event::Reset(code) => {
                let received = active.received;
                let error = RequestError::Reset { code, received };
                events.push_back(ClientEvent::Failed(active.id, error));
                self.active.remove(at);
            }
            h3::Event::GoAway | h3::Event::PriorityUpdate => {}
        }
    }

    /// Fails a request and has the server stop answering it.
    fn give_up(
        &mut self,
        at: usize,
        error: RequestError,
        code: h3::WireErrorCode,
        quic: &mut QuicConnection,
        events: &mut VecDeque<ClientEvent>,
    ) {
        let active = self.active.swap_remove(at);
        events.push_back(ClientEvent::Failed(active.id, error));
        // Refused where that direction has ended.
        for direction in [quiche::Shutdown::Read, quiche::Shutdown::Write] {
            let _ = quic.stream_shutdown(active.stream, direction, code as u64);
        }
    }

    /// Requests from `first_refused` on are not answered on this connection any more.
    fn going_away(&mut self, first_refused: u64, events: &mut VecDeque<ClientEvent>) {
        let mut fail = |id| events.push_back(ClientEvent::Failed(id, RequestError::GoingAway));
        self.active.retain(|active| {
            let refused = active.stream >= first_refused;
            if refused {
                fail(active.id);
            }
            !refused
        });
        self.waiting.drain(..).for_each(|request| fail(request.id));
    }

    pub(super) fn read_body(
        &mut self,
        h3: &mut h3::Connection,
        quic: &mut QuicConnection,
        id: RequestId,
        buf: &mut [u8],
    ) -> usize {
        let Some(active) = self.active.iter_mut().find(|active| active.id == id) else {
            return 0;
        };
        // Errors come as events.
        let read = h3.recv_body(quic, active.stream, buf).unwrap_or(0);
        active.is_announced = read > 0;
        active.received += read as u64;
        active.has_moved |= read > 0;
        self.has_moved |= read > 0;
        read
    }
}

impl Active {
    /// `None` for header fields that are not the response's own.
    fn head(&mut self, list: &[Header]) -> Result<Option<ResponseHead>, RequestError> {
        if self.head.is_some() {
            self.has_trailers = true;
            return Ok(None);
        }
        let head = ResponseHead::parse(list).ok_or(RequestError::Malformed)?;
        if head.status < 200 {
            return Ok(None);
        }
        // These have no body, whatever length they name (RFC 9110, section 8.6).
        let bodiless = matches!(head.status, 204 | 304);
        self.head = Some(Expected {
            body_bytes: head.content_length.filter(|_| !bodiless),
        });
        Ok(Some(head))
    }

    fn finish(&self) -> ClientEvent {
        let received = self.received;
        match self.head {
            None => ClientEvent::Failed(self.id, RequestError::Malformed),
            Some(Expected {
                body_bytes: Some(announced),
            }) if announced != received => {
                let error = RequestError::Length {
                    announced,
                    received,
                };
                ClientEvent::Failed(self.id, error)
            }
            Some(_) => ClientEvent::Finished(self.id),
        }
    }
}
