//! What an application asks of a client: requests, their bodies, and those of the responses.

use bytes::Bytes;

use super::head::{self, InvalidRequest};
use super::{Client, ClientEvent, RequestBody, RequestError, RequestId, Validator};
use crate::files::ByteRange;

impl<L: Copy> Client<L> {
    /// Asks for a path (percent-encoded, beginning with a slash), or a part of it. It goes
    /// out as soon as the handshake is done and the server allows another stream. A path that
    /// can't be asked for fails with [`RequestError::Invalid`].
    pub fn get(&mut self, path: &str, range: Option<ByteRange>) -> RequestId {
        let range = range.map(|range| range.to_string());
        let fields = range.as_deref().map(|range| ("range", range));
        self.ask_for(path, fields.as_slice())
    }

    /// Asks for a part of a path if the file is still of the version that `validator` tells, and for
    /// all of it if not: status 206 or 200 says which (`If-Range`: RFC 9110, section 13.1.5). A server
    /// may also answer with all of it, or with status 416, whatever the version.
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

    /// Sends a request. It goes out as soon as the handshake is done and the server allows another
    /// stream; the body follows as the server takes it.
    ///
    /// The path is percent-encoded and begins with a slash (or is `*`, for OPTIONS). Field names
    /// become lower case. `user-agent` is added unless it is there, and `content-length` where the
    /// length is known and such a request usually has a body.
    ///
    /// A body of [`RequestBody::Stream`] is written by [`write_body`](Self::write_body), at once or
    /// later, and ended by [`finish_body`](Self::finish_body). If it has a `content-length` field,
    /// what is written must be as long.
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
    /// An [`InvalidRequest`], and nothing is sent: the method, the path or a field can't be in a
    /// request, or `content-length` is not the body's.
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

    /// How many bytes a streamed request body takes now. 0 also for one that takes no more.
    #[must_use]
    pub fn room(&self, request: RequestId) -> usize {
        self.requests.room(request)
    }

    /// Sends more of a streamed request body, by reference. Write no more than there is
    /// [`room`](Self::room) for (64 KiB at first), and wait for [`ClientEvent::Room`]: what is written
    /// beyond it waits in memory all the same.
    ///
    /// False: the body takes no more. It isn't streamed, is finished, the server has refused it, or
    /// the request is over.
    pub fn write_body(&mut self, request: RequestId, bytes: impl Into<Bytes>) -> bool {
        self.dirty = true;
        self.requests.write_body(request, bytes.into())
    }

    /// Ends a streamed request body. No effect on others.
    pub fn finish_body(&mut self, request: RequestId) {
        self.dirty = true;
        self.requests.finish_body(request, Vec::new());
    }

    /// Ends a streamed request body with a trailer section.
    ///
    /// # Errors
    ///
    /// An [`InvalidRequest`]: a field can't be in a request. The body is not ended.
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

    /// Gives a request up, and tells the server if it was sent (H3_REQUEST_CANCELLED). There are no
    /// more events of it. No effect on one that is over.
    pub fn cancel(&mut self, request: RequestId) {
        self.requests.cancel(request, self.connection.quic());
        self.events.retain(|event| event.request() != Some(request));
        self.note_waiting();
        self.connection.flush();
        self.dirty = true;
    }

    /// Reads body bytes of a response that has had its `Body` event; 0 when there are none
    /// now. Reading is what lets the server send more.
    pub fn read_body(&mut self, request: RequestId, buf: &mut [u8]) -> usize {
        let Some(h3) = &mut self.h3 else {
            return 0;
        };
        let quic = self.connection.quic();
        let read = self.requests.read_body(h3, quic, request, buf);
        self.body_bytes += read as u64;
        // The end may have been read, or an empty frame with more behind it.
        self.dirty = true;
        read
    }
}
