//! One request: hyper's side of an exchange with the handler.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ALT_SVC, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use xskit_quic::server::Guest;
use xskit_quic::{Ending, Handler, Head, HeldBytes, Http, LoneExchange, Piece, RequestKey};

use crate::activity::Activity;

/// What a handler leaves unread of a body; beyond, no more is taken from the client.
const MAX_UNREAD_BYTES: usize = 16 << 10;

/// Before memory is asked for again that there wasn't.
const STARVED: Duration = Duration::from_millis(10);

/// A response that is broken off: hyper resets the stream, or closes the connection.
#[derive(Debug, thiserror::Error)]
#[error("the response was broken off")]
pub(crate) struct BrokenOff;

/// What a connection's requests share.
pub(crate) struct Host<H: Handler> {
    pub(crate) http: Rc<RefCell<Http<H>>>,
    pub(crate) guest: Guest,
    pub(crate) activity: Rc<Activity>,
    /// By all of its responses.
    pub(crate) held: HeldBytes,
    /// What is said of HTTP/3.
    pub(crate) alt_svc: Rc<RefCell<Option<HeaderValue>>>,
    pub(crate) exchanges: Rc<Exchanges<H>>,
}

/// The exchanges of a server, by their keys.
pub(crate) struct Exchanges<H: Handler>(RefCell<HashMap<RequestKey, Weak<RefCell<Shared<H>>>>>);

impl<H: Handler> Default for Exchanges<H> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<H: Handler> Exchanges<H> {
    /// Has the handler asked for more of one, if it isn't over.
    pub(crate) fn resume(&self, key: RequestKey) {
        let found = self.0.borrow().get(&key).and_then(Weak::upgrade);
        if let Some(shared) = found {
            shared.borrow_mut().with(LoneExchange::resume);
        }
    }
}

/// An exchange, shared by those who bring the request and those who take the response.
pub(crate) struct Shared<H: Handler> {
    host: Rc<Host<H>>,
    key: RequestKey,
    exchange: Option<LoneExchange<H::Exchange>>,
    ending: Ending,
    /// Who waits for more of the response.
    taker: Option<Waker>,
    /// Who waits for the handler to read.
    bringer: Option<Waker>,
}

impl<H: Handler> Shared<H> {
    /// Runs something on the exchange, after which there may be more.
    fn with<T>(
        &mut self,
        call: impl FnOnce(&mut LoneExchange<H::Exchange>, &mut Http<H>, &Guest) -> T,
    ) -> Option<T> {
        let (http, guest) = (&mut self.host.http.borrow_mut(), &self.host.guest);
        let outcome = self.exchange.as_mut().map(|it| call(it, http, guest));
        for waker in [self.taker.take(), self.bringer.take()]
            .into_iter()
            .flatten()
        {
            waker.wake();
        }
        outcome
    }

    /// Gives the handler a piece of the request. False once nobody wants more.
    fn take(&mut self, frame: Frame<Bytes>) -> bool {
        let taken = self.with(|it, http, guest| match frame.into_data() {
            Ok(bytes) => it.receive(http, guest, bytes),
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    it.trailers(http, guest, fields(&trailers));
                }
                true
            }
        });
        taken == Some(true)
    }

    /// Until the handler has read enough.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let unread = self.exchange.as_ref().map(LoneExchange::unread_bytes);
        if unread.is_none_or(|bytes| bytes < MAX_UNREAD_BYTES) {
            return Poll::Ready(());
        }
        self.bringer = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl<H: Handler> Drop for Shared<H> {
    fn drop(&mut self) {
        if let Some(bringer) = self.bringer.take() {
            bringer.wake();
        }
        self.host.exchanges.0.borrow_mut().remove(&self.key);
        if let Some(exchange) = self.exchange.take() {
            let (http, guest) = (&mut self.host.http.borrow_mut(), &self.host.guest);
            exchange.finish(http, guest, self.ending, Instant::now());
        }
        self.host.activity.end_request();
    }
}

/// Answers a request. `number` is its own among those of its connection.
pub(crate) async fn answer<H: Handler + 'static>(
    host: Rc<Host<H>>,
    number: u64,
    request: Request<Incoming>,
) -> Result<Response<Answer<H>>, BrokenOff> {
    let (parts, body) = request.into_parts();
    let has_body = !body.is_end_stream();
    host.activity.begin_request();
    let exchange = begin(&host, number, &parts, has_body);
    let key = exchange.key(&host.guest);
    let exchanges = Rc::clone(&host.exchanges);
    let shared = Rc::new(RefCell::new(Shared {
        host,
        key,
        exchange: Some(exchange),
        ending: Ending::GivenUp,
        taker: None,
        bringer: None,
    }));
    exchanges.0.borrow_mut().insert(key, Rc::downgrade(&shared));
    match has_body {
        true => drop(tokio::task::spawn_local(bring(
            Rc::downgrade(&shared),
            body,
        ))),
        false => drop(shared.borrow_mut().with(LoneExchange::end)),
    }
    let head = poll_fn(|cx| poll_head(&shared, cx)).await?;
    let alt_svc = shared.borrow().host.alt_svc.borrow().clone();
    respond(&head, alt_svc, Answer { shared })
}

fn begin<H: Handler>(
    host: &Host<H>,
    number: u64,
    parts: &http::request::Parts,
    has_body: bool,
) -> LoneExchange<H::Exchange> {
    let uri = &parts.uri;
    // HTTP/1.1 has it in the field `host`, unless the target is a whole URL: then that counts (RFC 9112, section 3.2.2).
    let authority = uri.authority().map(|it| it.as_str().as_bytes());
    let path = match (uri.path_and_query(), parts.method.as_str()) {
        (_, "CONNECT") => None,
        (Some(path), _) => Some(path.as_str().as_bytes()),
        (None, _) => Some(&b"/"[..]),
    };
    let scheme = path.is_some().then_some(&b"https"[..]);
    let pseudo: [(&[u8], Option<&[u8]>); 4] = [
        (b":method", Some(parts.method.as_str().as_bytes())),
        (b":scheme", scheme),
        (b":authority", authority),
        (b":path", path),
    ];
    let pseudo = pseudo
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    let fields = parts.headers.iter();
    let fields = fields.filter(|(name, _)| authority.is_none() || *name != HOST);
    let fields = fields.map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    let (http, all) = (&mut host.http.borrow_mut(), pseudo.chain(fields));
    LoneExchange::begin(
        http,
        &host.guest,
        (protocol(parts.version), number),
        all,
        has_body,
        Instant::now(),
    )
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        _ => "HTTP/1.1",
    }
}

/// Brings the request's body to the handler, no faster than it reads. Nothing of the exchange is held meanwhile: it
/// is over when the response is.
async fn bring<H: Handler>(shared: Weak<RefCell<Shared<H>>>, mut body: Incoming) {
    loop {
        let frame = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await;
        let is_wanted = match (shared.upgrade(), frame) {
            (Some(shared), Some(Ok(frame))) => shared.borrow_mut().take(frame),
            (Some(shared), None) => {
                shared.borrow_mut().with(LoneExchange::end);
                false
            }
            // The client has broken it off: hyper drops the response, too.
            (_, Some(Err(_))) | (None, _) => false,
        };
        if !is_wanted {
            return;
        }
        poll_fn(|cx| match shared.upgrade() {
            Some(shared) => shared.borrow_mut().poll_room(cx),
            None => Poll::Ready(()),
        })
        .await;
    }
}

fn fields(map: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    map.iter()
        .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
}

/// Until the handler has answered.
fn poll_head<H: Handler>(
    shared: &RefCell<Shared<H>>,
    cx: &mut Context<'_>,
) -> Poll<Result<Head, BrokenOff>> {
    loop {
        return match poll_piece(shared, cx) {
            Poll::Ready(Piece::Head(head)) => Poll::Ready(Ok(head)),
            // hyper has no way to send it.
            Poll::Ready(Piece::Interim(_)) => continue,
            Poll::Ready(_) => Poll::Ready(Err(BrokenOff)),
            Poll::Pending => Poll::Pending,
        };
    }
}

fn poll_piece<H: Handler>(shared: &RefCell<Shared<H>>, cx: &mut Context<'_>) -> Poll<Piece> {
    let mut shared = shared.borrow_mut();
    let host = Rc::clone(&shared.host);
    let next = shared.with(|it, http, guest| it.next(http, guest, &host.held));
    let piece = next.unwrap_or(Piece::Done);
    match piece {
        Piece::Awaiting => {
            let waker = cx.waker().clone();
            let is_starved = |it: &LoneExchange<H::Exchange>| it.is_starved();
            if shared.exchange.as_ref().is_some_and(is_starved) {
                tokio::task::spawn_local(async move {
                    tokio::time::sleep(STARVED).await;
                    waker.wake();
                });
            } else {
                shared.taker = Some(waker);
            }
            return Poll::Pending;
        }
        Piece::Broken => shared.ending = Ending::BrokenOff,
        // hyper may not ask for the end.
        _ if shared.exchange.as_ref().is_none_or(LoneExchange::is_done) => {
            shared.ending = Ending::Complete;
        }
        _ => {}
    }
    Poll::Ready(piece)
}

fn respond<H: Handler>(
    head: &Head,
    alt_svc: Option<HeaderValue>,
    answer: Answer<H>,
) -> Result<Response<Answer<H>>, BrokenOff> {
    let status = head
        .status()
        .and_then(|status| StatusCode::from_u16(status).ok());
    let mut response = Response::new(answer);
    *response.status_mut() = status.ok_or(BrokenOff)?;
    append(response.headers_mut(), head);
    if let Some(alt_svc) = alt_svc {
        response.headers_mut().entry(ALT_SVC).or_insert(alt_svc);
    }
    Ok(response)
}

/// What can't be in a field is left out.
fn append(map: &mut HeaderMap, head: &Head) {
    for (name, value) in head.fields() {
        let name = HeaderName::from_bytes(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    }
}

/// A response's body.
pub(crate) struct Answer<H: Handler> {
    shared: Rc<RefCell<Shared<H>>>,
}

impl<H: Handler> Body for Answer<H> {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let piece = match poll_piece(&self.shared, cx) {
            Poll::Ready(piece) => piece,
            Poll::Pending => return Poll::Pending,
        };
        Poll::Ready(match piece {
            Piece::Body(bytes) => Some(Ok(Frame::data(bytes))),
            Piece::Trailers(head) => {
                let mut trailers = HeaderMap::new();
                append(&mut trailers, &head);
                Some(Ok(Frame::trailers(trailers)))
            }
            Piece::Done => None,
            _ => Some(Err(BrokenOff)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.shared.borrow().ending == Ending::Complete
    }
}
