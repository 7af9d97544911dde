//! `Exchange`: a request that was sent, and the state of its response.

use std::time::Instant;

use quiche::h3::{Header, NameValue};

use super::event::{ClientEvent, RequestId, ResponseHead};
use super::failure::RequestError;
use super::head::Head;
use super::outgoing::Outgoing;

/// Interim responses reported per request, however many the server sends.
const MAX_INTERIM_TOLD: u32 = 16;

#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) id: RequestId,
    pub(super) stream: u64,
    /// The rest of the request, to be sent.
    pub(super) outgoing: Outgoing,
    /// The head of a request sent before the handshake was done, to send it again if the server
    /// rejects it as too early.
    pub(super) early: Option<Head>,
    /// The number of its last turn to send; the lowest is next.
    pub(super) last_turn: u64,
    /// The request was HEAD.
    is_head: bool,
    interim: u32,
    /// Set once the response's header fields have come.
    head: Option<Expected>,
    /// Trailers came: nothing may follow them.
    has_trailers: bool,
    /// A `Body` event was reported, and the application has not read all bytes since.
    pub(super) is_announced: bool,
    /// Reads in a row that found nothing, each after a `Body` event.
    pub(super) reads_in_vain: u32,
    /// Body bytes read.
    pub(super) received: u64,
    /// When it last made progress, and whether it has made any since.
    pub(super) since: Instant,
    pub(super) has_moved: bool,
}

#[derive(Clone, Copy, Debug)]
struct Expected {
    body_bytes: Option<u64>,
}

impl Exchange {
    pub(super) fn new(
        id: RequestId,
        stream: u64,
        is_head: bool,
        outgoing: Outgoing,
        since: Instant,
    ) -> Self {
        Self {
            id,
            stream,
            outgoing,
            early: None,
            last_turn: 0,
            is_head,
            interim: 0,
            head: None,
            has_trailers: false,
            is_announced: false,
            reads_in_vain: 0,
            received: 0,
            since,
            has_moved: true,
        }
    }

    /// Whether the response has begun, so that there can be body bytes.
    pub(super) fn is_answered(&self) -> bool {
        self.head.is_some()
    }

    /// Whether body bytes may come now.
    pub(super) fn takes_data(&self) -> bool {
        self.head.is_some() && !self.has_trailers
    }

    /// Processes header fields. `None` for an interim response beyond the bound.
    pub(super) fn take_fields(
        &mut self,
        list: &[Header],
    ) -> Result<Option<ClientEvent>, RequestError> {
        if self.has_trailers {
            return Err(RequestError::Malformed);
        }
        if self.head.is_some() {
            self.has_trailers = true;
            let trailers = trailers(list).ok_or(RequestError::Malformed)?;
            return Ok(Some(ClientEvent::Trailers(self.id, trailers)));
        }
        let head = ResponseHead::parse(list).ok_or(RequestError::Malformed)?;
        if head.status < 200 {
            self.interim = self.interim.saturating_add(1);
            let is_told = self.interim <= MAX_INTERIM_TOLD;
            return Ok(is_told.then_some(ClientEvent::Interim(self.id, head)));
        }
        // These have no body, whatever their content-length (RFC 9110, section 8.6).
        let bodiless = self.is_head || matches!(head.status, 204 | 304);
        self.head = Some(Expected {
            body_bytes: head.content_length.filter(|_| !bodiless),
        });
        Ok(Some(ClientEvent::Response(self.id, head)))
    }

    /// The request's head, if these fields say that it was sent too early (425: RFC 8470, section
    /// 5.2).
    pub(super) fn take_too_early(&mut self, list: &[Header]) -> Option<Head> {
        let is_too_early = |it: &Header| it.name() == b":status" && it.value() == b"425";
        let is_first = self.head.is_none();
        self.early
            .take_if(|_| is_first && list.iter().any(is_too_early))
    }

    /// The event for the end of the stream.
    pub(super) fn finish(&self) -> ClientEvent {
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

/// `None` if there are pseudo-header fields, which trailers must not have (RFC 9114, section 4.3).
fn trailers(list: &[Header]) -> Option<Vec<(String, String)>> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let field = |header: &Header| {
        let name = header.name();
        (!name.starts_with(b":")).then(|| (text(name), text(header.value())))
    };
    list.iter().map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::RequestBody;

    fn exchange(is_head: bool) -> Exchange {
        let outgoing = Outgoing::new(RequestBody::Empty);
        Exchange::new(RequestId(1), 0, is_head, outgoing, Instant::now())
    }

    fn fields(list: &[(&str, &str)]) -> Vec<Header> {
        let field = |(n, v): &(&str, &str)| Header::new(n.as_bytes(), v.as_bytes());
        list.iter().map(field).collect()
    }

    #[test]
    fn interim_responses_are_told_up_to_a_bound() {
        let mut exchange = exchange(false);
        let hints = fields(&[(":status", "103"), ("link", "</a>")]);
        for _ in 0..MAX_INTERIM_TOLD {
            let event = exchange.take_fields(&hints).unwrap();
            let Some(ClientEvent::Interim(_, head)) = event else {
                panic!("{event:?}");
            };
            assert_eq!((head.status, head.field("link")), (103, Some("</a>")));
        }
        assert!(exchange.take_fields(&hints).unwrap().is_none());
        assert!(!exchange.takes_data());
        let last = exchange.take_fields(&fields(&[(":status", "200")]));
        assert!(matches!(last, Ok(Some(ClientEvent::Response(..)))));
        assert!(exchange.takes_data());
    }

    #[test]
    fn the_answer_to_head_has_a_length_and_no_body() {
        for (is_head, finished) in [(true, true), (false, false)] {
            let mut exchange = exchange(is_head);
            let list = fields(&[(":status", "200"), ("content-length", "5")]);
            exchange.take_fields(&list).unwrap();
            let is_finished = matches!(exchange.finish(), ClientEvent::Finished(_));
            assert_eq!(is_finished, finished);
        }
    }
}
