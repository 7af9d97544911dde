//! `Reply`: how a handler answers one request.

use bytes::Bytes;
use quiche::h3::Header;

use super::open_files::OpenFiles;
use super::request::RequestKey;
use super::response::{self, Body, Response};
use super::transfer::Transfer;
use crate::server::{Account, Peer};

/// The answer to one request, from the handler's side.
///
/// The response is handed to the transport after the call, in turns with the connection's other
/// responses.
#[derive(Debug)]
pub struct Reply<'a> {
    transfer: &'a mut Transfer,
    open: &'a OpenFiles,
    account: &'a Account,
    key: RequestKey,
}

impl<'a> Reply<'a> {
    pub(super) fn new(transfer: &'a mut Transfer, peer: &'a Peer, open: &'a OpenFiles) -> Self {
        Self {
            key: RequestKey::new(peer.connection(), transfer.stream()),
            transfer,
            open,
            account: peer.account(),
        }
    }
}

impl Reply<'_> {
    /// The request's name within its server, for an answer that comes later: see
    /// [`Server::resume`](crate::Server::resume).
    #[must_use]
    pub fn key(&self) -> RequestKey {
        self.key
    }

    /// Sends an interim response before the final one, such as 103 Early Hints (RFC 8297). No
    /// effect after [`respond`](Self::respond).
    pub fn inform(&mut self, status: u16, fields: &[(&str, &str)]) {
        let mut section = vec![response::status_field(status)];
        section.extend(headers(fields));
        self.transfer.inform(section);
    }

    /// Sends the final response. Only the first call has an effect.
    ///
    /// If the share of open files of the client's host or network is used up
    /// ([`HttpConfig::max_open_files`](super::HttpConfig)), a response with a file is replaced by
    /// one with status 503.
    pub fn respond(&mut self, response: Response) {
        if self.is_begun() {
            return;
        }
        let is_file = matches!(response.body, Body::File { .. });
        let lease = is_file.then(|| self.open.lease(self.account)).flatten();
        if is_file && lease.is_none() {
            let busy = Response::text(503, "the server is busy").field("retry-after", "1");
            self.transfer.refuse_file();
            self.transfer.respond(busy, None);
        } else {
            self.transfer.respond(response, lease);
        }
    }

    /// Whether [`respond`](Self::respond) was called.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.transfer.is_begun()
    }

    /// How many bytes of a streamed body can be written now.
    #[must_use]
    pub fn room(&self) -> usize {
        self.transfer.room()
    }

    /// Sends more of a streamed body, without copying it. Write at most [`room`](Self::room) bytes,
    /// then wait for [`Handler::resume`](super::Handler::resume): anything beyond is kept in
    /// memory. No effect on other bodies, and after [`finish`](Self::finish).
    pub fn write(&mut self, bytes: impl Into<Bytes>) {
        self.transfer.write(bytes.into());
    }

    /// Ends a streamed body.
    pub fn finish(&mut self) {
        self.transfer.finish(Vec::new());
    }

    /// Ends a streamed body, with a trailer section.
    pub fn finish_with(&mut self, trailers: &[(&str, &str)]) {
        self.transfer.finish(headers(trailers).collect());
    }

    /// Cuts the response short: the stream is reset with this error code, so that the client knows
    /// that the response is incomplete (RFC 9114, section 8.1; H3_INTERNAL_ERROR is 0x102).
    pub fn reset(&mut self, code: u64) {
        self.transfer.reset(code);
    }
}

fn headers<'a>(fields: &'a [(&str, &str)]) -> impl Iterator<Item = Header> + 'a {
    fields
        .iter()
        .map(|(name, value)| response::field(name, value.as_bytes()))
}
