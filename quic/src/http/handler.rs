//! `Handler`: what answers requests.

use super::incoming::Incoming;
use super::reply::Reply;
use super::request::{Fields, Request};

/// Answers the requests of an HTTP server, without a runtime.
///
/// Every method has a [`Reply`], by which the handler answers at once or in a later call. An
/// *exchange* is the handler's state of one request. It is dropped when the response is handed
/// over, the client cancels the request, or the connection ends.
///
/// One handler serves one thread, so its methods must not block.
///
/// ```
/// use xskit_quic::{Handler, Incoming, Reply, Request, Response};
///
/// /// Sends back what it is sent.
/// struct Echo;
///
/// impl Handler for Echo {
///     type Exchange = Vec<u8>;
///
///     fn request(&mut self, request: &Request<'_>, reply: &mut Reply<'_>) -> Vec<u8> {
///         if request.method() != "POST" {
///             reply.respond(Response::new(405).field("allow", "POST"));
///         }
///         Vec::new()
///     }
///
///     fn body(&mut self, received: &mut Vec<u8>, body: &mut Incoming<'_>, reply: &mut Reply<'_>) {
///         let room = (64 << 10) - received.len();
///         body.read_into(received, room);
///         if received.len() == 64 << 10 && !reply.is_begun() {
///             reply.respond(Response::new(413));
///             body.refuse();
///         }
///     }
///
///     fn end(&mut self, received: &mut Vec<u8>, reply: &mut Reply<'_>) {
///         if !reply.is_begun() {
///             reply.respond(Response::new(200).body(std::mem::take(received)));
///         }
///     }
/// }
/// ```
pub trait Handler {
    /// The handler's state of one request.
    type Exchange;

    /// A request's header section has come, checked by the rules of RFC 9114, section 4.3. Its
    /// body, if any, follows in [`body`](Self::body).
    fn request(&mut self, request: &Request<'_>, reply: &mut Reply<'_>) -> Self::Exchange;

    /// Bytes of the request's body can be read. What is left unread stays with the transport, whose
    /// flow control then stops the client. The method is called again when something comes from the
    /// client, or after [`Server::resume`](crate::Server::resume). Once the response is over, the
    /// unread rest is refused. By default the body is refused.
    fn body(
        &mut self,
        exchange: &mut Self::Exchange,
        body: &mut Incoming<'_>,
        reply: &mut Reply<'_>,
    ) {
        let _ = (exchange, reply);
        body.refuse();
    }

    /// The request has a trailer section.
    fn trailers(
        &mut self,
        exchange: &mut Self::Exchange,
        trailers: Fields<'_>,
        reply: &mut Reply<'_>,
    ) {
        let _ = (exchange, trailers, reply);
    }

    /// The request is complete. Not called if its body was refused.
    fn end(&mut self, exchange: &mut Self::Exchange, reply: &mut Reply<'_>) {
        let _ = (exchange, reply);
    }

    /// A response's streamed body has run empty and has room ([`Reply::room`]), or
    /// [`Server::resume`](crate::Server::resume) was called for this request.
    fn resume(&mut self, exchange: &mut Self::Exchange, reply: &mut Reply<'_>) {
        let _ = (exchange, reply);
    }
}
