//! The application's side of a client: requests, their bodies, and response bodies.

use bytes::Bytes;

use super::head::{self, InvalidRequest};
use super::{Client, ClientEvent, RequestBody, RequestError, RequestId, Validator};
use crate::files::ByteRange;

impl<L: Copy> Client<L> {
    /// Requests a path (percent-encoded, beginning with a slash), or a range of it. The request is
    /// sent once the handshake is done and the server allows another stream. An invalid path is
    /// reported as [`ClientEvent::Failed`] with [`RequestError::Invalid`].
    pub fn get(&mut self, path: &str, range: Option<ByteRange>) -> RequestId {
        let range = range.map(|range| range.to_string());
        let fields = range.as_deref().map(|range| ("range", range));
        self.ask_for(path, fields.as_slice())
    }

    /// Requests a range of a path if the file is still of the version that `validator` names, and
    /// otherwise the whole file: status 206 or 200 says which (`If-Range`: RFC 9110, section
    /// 13.1.5). A server may also answer with the whole file, or with status 416, whatever the
    /// version.
    pub fn get_if_range(
        &mut self,
        path: &str,
        range: ByteRange,
        validator: &Validator,
    ) -> RequestId {
        let range = range.to_string();
        let fields = [("range", &*range), ("if-range", validator.as_str())];
        self.ask_for(path, &fields)
    }

    fn ask_for(&mut self, path: &str, fields: &[(&str, &str)]) -> RequestId {
        self.request("GET", path, fields, RequestBody::Empty)
            .unwrap_or_else(|error| {
                let id = self.requests.next_id();
                let error = RequestError::Invalid(error);
                self.events.push_back(ClientEvent::Failed(id, error));
                id
            })
    }

    /// Sends a request once the handshake is done and the server allows another stream. The body
    /// follows as the server takes it.
    ///
    /// The path is percent-encoded and begins with a slash (or is `*`, for OPTIONS). Field names
    /// are converted to lower case. `user-agent` is added unless it is given. So is
    /// `content-length` if the length is known, and there is a body or the method usually has one
    /// (POST, PUT, PATCH).
    ///
    /// A body of [`RequestBody::Stream`] is written by [`write_body`](Self::write_body), at any
    /// time, and ended by [`finish_body`](Self::finish_body). If `fields` have a `content-length`,
    /// exactly as many bytes must be written.
    ///
    /// ```
    /// use xskit_quic::Client;
    /// use xskit_quic::client::{InvalidRequest, RequestId};
    ///
    /// fn post(client: &mut Client<()>) -> Result<RequestId, InvalidRequest> {
    ///     let fields = [("content-type", "application/json")];
    ///     client.request("POST", "/echo", &fields, r#"{"a": 1}"#)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// An [`InvalidRequest`] if the method, the path or a field is not valid, or `content-length`
    /// is not the body's. Nothing is sent then.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: impl Into<RequestBody>,
    ) -> Result<RequestId, InvalidRequest> {
        self.dirty = true;
        self.requests.add(method, path, fields, body.into())
    }

    /// How many bytes of a streamed request body can be written now. 0 for a body that takes no
    /// more.
    #[must_use]
    pub fn room(&self, request: RequestId) -> usize {
        self.requests.room(request)
    }

    /// Sends more of a streamed request body, without copying it. Write at most
    /// [`room`](Self::room) bytes (64 KiB at first), then wait for [`ClientEvent::Room`]: anything
    /// beyond is kept in memory.
    ///
    /// False if the body takes no more: it isn't streamed, is finished, was refused by the server,
    /// or the request is over.
    pub fn write_body(&mut self, request: RequestId, bytes: impl Into<Bytes>) -> bool {
        self.dirty = true;
        self.requests.write_body(request, bytes.into())
    }

    /// Ends a streamed request body. No effect on other bodies.
    pub fn finish_body(&mut self, request: RequestId) {
        self.dirty = true;
        self.requests.finish_body(request, Vec::new());
    }

    /// Ends a streamed request body with a trailer section.
    ///
    /// # Errors
    ///
    /// An [`InvalidRequest`] if a field is not valid. The body is not ended then.
    pub fn finish_body_with(
        &mut self,
        request: RequestId,
        trailers: &[(&str, &str)],
    ) -> Result<(), InvalidRequest> {
        let trailers = head::section(trailers)?;
        self.dirty = true;
        self.requests.finish_body(request, trailers);
        Ok(())
    }

    /// Cancels a request, and tells the server if it was sent (H3_REQUEST_CANCELLED). No more of
    /// its events follow. No effect on a request that is over.
    pub fn cancel(&mut self, request: RequestId) {
        self.requests.cancel(request, self.connection.quic());
        self.events.retain(|event| event.request() != Some(request));
        self.note_waiting();
        self.connection.flush();
        self.dirty = true;
    }

    /// Reads body bytes of a response after its `Body` event; returns 0 if there are none now. The
    /// server may send more only as bytes are read.
    pub fn read_body(&mut self, request: RequestId, buf: &mut [u8]) -> usize {
        let Some(h3) = &mut self.h3 else {
            return 0;
        };
        let quic = self.connection.quic();
        let events = &mut self.events;
        let read = self.requests.read_body(h3, quic, request, buf, events);
        self.body_bytes += read as u64;
        // The end may have been read, or an empty frame with more after it.
        self.dirty = true;
        read
    }
}
