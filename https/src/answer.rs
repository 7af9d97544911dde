//! `answer`: hyper's side of an exchange with the handler.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ALT_SVC, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::{Body, Frame};
use hyper::body::Incoming;
use xskit_quic::server::Guest;
use xskit_quic::{Ending, Handler, Head, HeldBytes, Http, LoneExchange, Piece, RequestKey};

use crate::activity::{Activity, Open, Taken};
use crate::runtime::Runtime;

/// The most bytes of a body that a handler may leave unread before no more is read from the client.
const MAX_UNREAD_BYTES: usize = 16 << 10;

/// The pauses after a bound on memory was reached: each is twice the one before, up to a second.
const STARVED: Duration = Duration::from_millis(10);
const LONG_STARVED: Duration = Duration::from_secs(1);

/// A response was cut short: hyper resets the stream, or closes the connection.
#[derive(Debug, thiserror::Error)]
#[error("the response was broken off")]
pub(crate) struct BrokenOff;

/// The shared state of a connection's requests.
pub(crate) struct Host<H: Handler> {
    pub(crate) runtime: Runtime,
    pub(crate) http: Rc<RefCell<Http<H>>>,
    pub(crate) guest: Guest,
    pub(crate) activity: Rc<Activity>,
    /// File bytes held by all of its responses.
    pub(crate) held: HeldBytes,
    /// The `alt-svc` field, which advertises HTTP/3.
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
    /// Has the handler called for more of an exchange, if it isn't over.
    pub(crate) fn resume(&self, key: RequestKey) {
        let found = self.0.borrow().get(&key).and_then(Weak::upgrade);
        if let Some(shared) = found {
            shared.borrow_mut().with(LoneExchange::resume);
        }
    }
}

/// An exchange, shared by the task that reads the request and the one that takes the response.
pub(crate) struct Shared<H: Handler> {
    host: Rc<Host<H>>,
    key: RequestKey,
    exchange: LoneExchange<H::Exchange>,
    ending: Ending,
    /// Woken when there is more of the response.
    taker: Option<Waker>,
    /// Woken when the handler has read, or more of the request may be read.
    bringer: Option<Waker>,
    /// The client must act next.
    is_clients: bool,
    /// The request was cut short.
    is_abandoned: bool,
    /// How long it last paused for lack of memory.
    pause: Duration,
}

impl<H: Handler> Shared<H> {
    /// Runs `call` on the exchange, then wakes both tasks.
    fn with<T>(
        &mut self,
        call: impl FnOnce(&mut LoneExchange<H::Exchange>, &mut Http<H>, &Guest) -> T,
    ) -> T {
        let (http, guest) = (&mut self.host.http.borrow_mut(), &self.host.guest);
        let outcome = call(&mut self.exchange, http, guest);
        let is_clients = self.exchange.is_the_clients_move();
        if std::mem::replace(&mut self.is_clients, is_clients) != is_clients {
            self.host.activity.count_of_client(is_clients);
        }
        for waker in [self.taker.take(), self.bringer.take()]
            .into_iter()
            .flatten()
        {
            waker.wake();
        }
        outcome
    }

    /// Passes a piece of the request to the handler. False once it wants no more.
    fn take(&mut self, frame: Frame<Bytes>) -> bool {
        self.host.activity.touch();
        self.with(|it, http, guest| match frame.into_data() {
            Ok(bytes) => it.receive(http, guest, bytes),
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    it.trailers(http, guest, fields(&trailers));
                }
                true
            }
        })
    }

    /// The request was cut short.
    fn abandon(&mut self) {
        self.is_abandoned = true;
        if let Some(taker) = self.taker.take() {
            taker.wake();
        }
    }

    /// Ready once the handler has read enough.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.exchange.unread_bytes() < MAX_UNREAD_BYTES {
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
        let activity = &self.host.activity;
        if self.is_clients {
            activity.count_of_client(false);
        }
        match self.ending {
            Ending::Complete => activity.count_complete(),
            Ending::GivenUp if activity.is_gone() => self.ending = Ending::Disconnected,
            Ending::GivenUp => activity.count_given_up(),
            _ => {}
        }
        let (http, guest) = (&mut self.host.http.borrow_mut(), &self.host.guest);
        self.exchange
            .finish(http, guest, self.ending, Instant::now());
    }
}

/// Answers a request. `number` names it within its connection.
pub(crate) async fn answer<H: Handler + 'static>(
    host: Rc<Host<H>>,
    number: u64,
    request: Request<Incoming>,
) -> Result<Response<Answer<H>>, BrokenOff> {
    let (parts, body) = request.into_parts();
    let has_body = !body.is_end_stream();
    let open = Open::new(&host.activity);
    let exchange = begin(&host, number, &parts, has_body);
    let key = exchange.key(&host.guest);
    let (runtime, exchanges) = (host.runtime, Rc::clone(&host.exchanges));
    let shared = Rc::new(RefCell::new(Shared {
        host,
        key,
        exchange,
        ending: Ending::GivenUp,
        taker: None,
        bringer: None,
        is_clients: false,
        is_abandoned: false,
        pause: Duration::ZERO,
    }));
    exchanges.0.borrow_mut().insert(key, Rc::downgrade(&shared));
    match has_body {
        true => runtime.spawn(bring(Rc::downgrade(&shared), body)),
        false => shared.borrow_mut().with(LoneExchange::end),
    }
    let head = poll_fn(|cx| poll_head(&shared, cx)).await?;
    let alt_svc = shared.borrow().host.alt_svc.borrow().clone();
    respond(&head, alt_svc, Answer { shared, open })
}

fn begin<H: Handler>(
    host: &Host<H>,
    number: u64,
    parts: &http::request::Parts,
    has_body: bool,
) -> LoneExchange<H::Exchange> {
    let uri = &parts.uri;
    // HTTP/1.1 has it in the field `host`. If the target is an absolute URL, that counts (RFC 9112,
    // section 3.2.2).
    let authority = uri.authority().map(|it| it.as_str().as_bytes());
    // None if the target is an authority, which only CONNECT may have.
    let path = uri.path_and_query().map(|it| match it.as_str() {
        query if query.starts_with('?') => format!("/{query}"),
        path => path.to_owned(),
    });
    let path = path.filter(|_| parts.method != Method::CONNECT);
    let scheme = (parts.method != Method::CONNECT).then_some(&b"https"[..]);
    let pseudo: [(&[u8], Option<&[u8]>); 4] = [
        (b":method", Some(parts.method.as_str().as_bytes())),
        (b":scheme", scheme),
        (b":authority", authority),
        (b":path", path.as_deref().map(str::as_bytes)),
    ];
    let pseudo = pseudo
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    let fields = parts.headers.iter();
    let has_one_host = parts.headers.get_all(HOST).iter().count() == 1;
    let is_superseded = authority.is_some() && has_one_host && parts.version != Version::HTTP_2;
    let fields = fields.filter(|(name, _)| !is_superseded || *name != HOST);
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

/// Passes the request's body to the handler, as fast as the handler reads. It holds no strong
/// reference to the exchange while it waits, and ends with it.
async fn bring<H: Handler>(shared: Weak<RefCell<Shared<H>>>, mut body: Incoming) {
    loop {
        let frame = poll_fn(|cx| {
            let Some(shared) = shared.upgrade() else {
                return Poll::Ready(None);
            };
            let mut shared = shared.borrow_mut();
            if shared.poll_room(cx).is_pending() {
                return Poll::Pending;
            }
            shared.bringer = Some(cx.waker().clone());
            Pin::new(&mut body).poll_frame(cx).map(Some)
        });
        let (Some(frame), Some(shared)) = (frame.await, shared.upgrade()) else {
            return;
        };
        let mut shared = shared.borrow_mut();
        match frame {
            Some(Ok(frame)) => {
                if !shared.take(frame) {
                    return;
                }
            }
            // Over HTTP/1.1, hyper still waits for the response.
            Some(Err(_)) => return shared.abandon(),
            None => {
                shared.with(LoneExchange::end);
                return;
            }
        }
    }
}

fn fields(map: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    map.iter()
        .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
}

/// Ready once the handler has answered.
fn poll_head<H: Handler>(
    shared: &RefCell<Shared<H>>,
    cx: &mut Context<'_>,
) -> Poll<Result<Head, BrokenOff>> {
    loop {
        return match poll_piece(shared, cx) {
            Poll::Ready(Piece::Head(head)) => Poll::Ready(Ok(head)),
            // hyper can't send interim responses.
            Poll::Ready(Piece::Interim(_)) => continue,
            Poll::Ready(_) => Poll::Ready(Err(BrokenOff)),
            Poll::Pending => Poll::Pending,
        };
    }
}

fn poll_piece<H: Handler>(shared: &RefCell<Shared<H>>, cx: &mut Context<'_>) -> Poll<Piece> {
    let mut shared = shared.borrow_mut();
    if shared.is_abandoned {
        return Poll::Ready(Piece::Broken);
    }
    // The caller need not be woken.
    shared.taker = None;
    let host = Rc::clone(&shared.host);
    let piece = shared.with(|it, http, guest| it.next(http, guest, &host.held));
    match piece {
        Piece::Awaiting => {
            let waker = cx.waker().clone();
            if shared.exchange.is_starved() {
                // Thousands that are starved for long would keep the thread busy.
                let pause = (2 * shared.pause).clamp(STARVED, LONG_STARVED);
                shared.pause = pause;
                let runtime = host.runtime;
                runtime.spawn(async move {
                    runtime.sleep(pause).await;
                    waker.wake();
                });
            } else {
                shared.taker = Some(waker);
            }
            return Poll::Pending;
        }
        Piece::Broken => shared.ending = Ending::BrokenOff,
        // hyper may not poll for the end.
        _ if shared.exchange.is_done() => {
            shared.ending = Ending::Complete;
        }
        _ => {}
    }
    shared.pause = Duration::ZERO;
    Poll::Ready(piece)
}

fn respond<H: Handler>(
    head: &Head,
    alt_svc: Option<HeaderValue>,
    answer: Answer<H>,
) -> Result<Response<Answer<H>>, BrokenOff> {
    let status = head.status();
    let Some(status) = status.and_then(|it| StatusCode::from_u16(it).ok()) else {
        answer.shared.borrow_mut().ending = Ending::BrokenOff;
        return Err(BrokenOff);
    };
    let mut response = Response::new(answer);
    *response.status_mut() = status;
    append(response.headers_mut(), head);
    if let Some(alt_svc) = alt_svc {
        response.headers_mut().entry(ALT_SVC).or_insert(alt_svc);
    }
    Ok(response)
}

/// Appends the fields that are valid, and skips the others.
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
    open: Rc<Open>,
}

impl<H: Handler> Body for Answer<H> {
    type Data = Taken;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Taken>, BrokenOff>>> {
        let piece = match poll_piece(&self.shared, cx) {
            Poll::Ready(piece) => piece,
            Poll::Pending => return Poll::Pending,
        };
        Poll::Ready(match piece {
            Piece::Body(bytes) => Some(Ok(Frame::data(Taken::new(bytes, &self.open)))),
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
