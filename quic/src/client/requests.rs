//! `Requests`: a client's requests, from waiting to finished.

use std::collections::VecDeque;

use quiche::h3::{self, Header};

use super::event::{ClientEvent, RequestId, ResponseHead};
use super::failure::RequestError;
use crate::http::ByteRange;
use crate::quic::Quic;

/// All requests of one connection.
#[derive(Debug)]
pub(super) struct Requests {
    authority: String,
    next: u64,
    waiting: VecDeque<Waiting>,
    active: Vec<Active>,
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
    received: u64,
}

#[derive(Clone, Copy, Debug)]
struct Expected {
    body_bytes: Option<u64>,
}

impl Requests {
    pub(super) fn new(authority: String) -> Self {
        Self {
            authority,
            next: 0,
            waiting: VecDeque::new(),
            active: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, path: &str, range: Option<ByteRange>) -> RequestId {
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
        self.waiting.push_back(Waiting { id, headers });
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
        quic: &mut Quic,
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
                        received: 0,
                    });
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
        quic: &mut Quic,
        events: &mut VecDeque<ClientEvent>,
    ) {
        // An error has closed the connection, which is told about when it ends.
        while let Ok((stream, event)) = h3.poll(quic) {
            match event {
                h3::Event::GoAway => self.going_away(stream, events),
                h3::Event::PriorityUpdate => {}
                event => self.stream_event(stream, event, quic, events),
            }
        }
    }

    fn stream_event(
        &mut self,
        stream: u64,
        event: h3::Event,
        quic: &mut Quic,
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
        match event {
            h3::Event::Headers { list, .. } => match active.head(&list) {
                Ok(Some(head)) => events.push_back(ClientEvent::Response(active.id, head)),
                // Interim responses and trailers say nothing that is needed.
                Ok(None) => {}
                Err(error) => {
                    events.push_back(ClientEvent::Failed(active.id, error));
                    let code = h3::WireErrorCode::MessageError as u64;
                    let _ = quic.stream_shutdown(stream, quiche::Shutdown::Read, code);
                    self.active.remove(at);
                }
            },
            h3::Event::Data => events.push_back(ClientEvent::Body(active.id)),
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
        quic: &mut Quic,
        id: RequestId,
        buf: &mut [u8],
    ) -> usize {
        let Some(active) = self.active.iter_mut().find(|active| active.id == id) else {
            return 0;
        };
        // Errors come as events.
        let read = h3.recv_body(quic, active.stream, buf).unwrap_or(0);
        active.received += read as u64;
        read
    }
}

impl Active {
    /// `None` for header fields that are not the response's own.
    fn head(&mut self, list: &[Header]) -> Result<Option<ResponseHead>, RequestError> {
        if self.head.is_some() {
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
