//! `HttpsServer`: a port of TCP, on the thread that it is given.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rustls::ServerConfig as TlsConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use xskit_quic::server::{Guest, Guests};
use xskit_quic::{
    Application, Handler, HeldBytes, Http, HttpCounters, Identity, RequestKey, ServerConfig,
};

use crate::activity::{Activity, Limits};
use crate::answer::{Exchanges, Host};
use crate::connection::{self, Way};
use crate::error::HttpsError;
use crate::runtime::{Listener, Runtime, Started};
use crate::{redirect, tls};

/// After accept(2) has failed, most likely for want of a descriptor.
const PAUSE: Duration = Duration::from_millis(50);

/// Between looks at whether all has ended.
const LOOK: Duration = Duration::from_millis(10);

/// A server of HTTP/1.1 and 2 over TLS.
pub struct HttpsServer<H: Handler> {
    runtime: Runtime,
    /// Made early: a program that then gives up what it doesn't need may not be allowed to. Until it serves.
    started: Option<Started>,
    http: Rc<RefCell<Http<H>>>,
    guests: Guests,
    limits: Limits,
    patience: Duration,
    max_streams: u32,
    control: Control,
    counters: Rc<Counters>,
    exchanges: Rc<Exchanges<H>>,
    resumer: Resumer,
    /// Where requests in the clear come, and the port that they are sent to.
    clear: Option<(TcpListener, u16)>,
    /// Until it serves.
    resumed: Option<UnboundedReceiver<RequestKey>>,
}

/// Tells a server, from any thread, that a handler has something new for a request
/// ([`Reply::key`](xskit_quic::Reply::key)).
#[derive(Clone, Debug)]
pub struct Resumer(UnboundedSender<RequestKey>);

impl Resumer {
    /// Has the handler asked for more ([`Handler::resume`]). A request that is over is left alone.
    pub fn resume(&self, request: RequestKey) {
        // Gone with the server.
        let _ = self.0.send(request);
    }
}

/// What can be changed while a server runs, on its thread.
#[derive(Clone)]
pub struct Control {
    runtime: Runtime,
    tls: Rc<RefCell<Arc<TlsConfig>>>,
    alt_svc: Rc<RefCell<Option<HeaderValue>>>,
}

/// What a server has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpsStats {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections closed at once, since there were as many as are allowed, in all or from one host or network.
    pub refused: u64,
    /// Requests and responses.
    pub http: HttpCounters,
}

impl HttpsStats {
    /// Adds those of another thread.
    pub fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.http.add(&other.http);
    }
}

#[derive(Debug, Default)]
struct Counters {
    accepted: Cell<u64>,
    refused: Cell<u64>,
    open: Cell<u64>,
}

/// A connection, however it ends.
struct Counted(Rc<Counters>);

impl Counted {
    fn new(counters: &Rc<Counters>) -> Self {
        counters.open.set(counters.open.get() + 1);
        Self(Rc::clone(counters))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get().saturating_sub(1));
    }
}

impl<H: Handler> std::fmt::Debug for HttpsServer<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpsServer")
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control")
            .field("alt_svc", &self.alt_svc)
            .finish_non_exhaustive()
    }
}

impl Control {
    /// Proves itself with another certificate to clients that come from now on.
    ///
    /// # Errors
    ///
    /// [`HttpsError::Identity`] or [`Tls`](HttpsError::Tls): it can't be used, and the one so far is.
    pub fn set_identity(&self, identity: &Identity) -> Result<(), HttpsError> {
        *self.tls.borrow_mut() = tls::config(identity)?;
        Ok(())
    }

    /// Says in each response that HTTP/3 is to be had on this port of UDP (RFC 7838; RFC 9114, section 3.1.1), for a day; or
    /// that it isn't, any more.
    pub fn advertise(&self, port: Option<u16>) {
        let value = match port {
            Some(port) => HeaderValue::try_from(format!("h3=\":{port}\"; ma=86400")).ok(),
            None => Some(HeaderValue::from_static("clear")),
        };
        *self.alt_svc.borrow_mut() = value;
    }

    /// Lets time pass, in a future that runs beside the server: that of [`HttpsServer::serve`].
    pub async fn sleep(&self, time: Duration) {
        self.runtime.sleep(time).await;
    }
}

impl<H: Handler + 'static> HttpsServer<H> {
    /// A server with the certificate and the limits of this configuration. `guests` are those of all threads of the
    /// port.
    ///
    /// # Errors
    ///
    /// [`HttpsError::Identity`] or [`Tls`](HttpsError::Tls): the certificate can't be used. [`Io`](HttpsError::Io):
    /// there is no epoll(7), or no io_uring(7) for [`Runtime`]'s `Uring`.
    pub fn new(
        config: &ServerConfig,
        mut http: Http<H>,
        guests: Guests,
        runtime: Runtime,
    ) -> Result<Self, HttpsError> {
        // By its bounds on memory.
        http.prepare(config)?;
        let (resumer, resumed) = unbounded_channel();
        Ok(Self {
            runtime,
            started: Some(Started::new(runtime)?),
            http: Rc::new(RefCell::new(http)),
            guests,
            limits: Limits {
                request: config.request_timeout,
                response: config.response_timeout,
            },
            patience: config.handshake_timeout,
            max_streams: u32::try_from(config.transport.max_streams).unwrap_or(u32::MAX),
            control: Control {
                runtime,
                tls: Rc::new(RefCell::new(tls::config(&config.identity)?)),
                alt_svc: Rc::default(),
            },
            counters: Rc::default(),
            exchanges: Rc::default(),
            resumer: Resumer(resumer),
            clear: None,
            resumed: Some(resumed),
        })
    }

    /// What can be changed while it runs.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Has it tell those who come to this listener without TLS (`http://`) to ask again on `port` with it.
    #[must_use]
    pub fn redirect(mut self, listener: TcpListener, port: u16) -> Self {
        self.clear = Some((listener, port));
        self
    }

    /// For parts of the program that have something for a request later.
    #[must_use]
    pub fn resumer(&self) -> Resumer {
        self.resumer.clone()
    }

    /// Serves, on this thread, until `end` says how long what is under way may take from then on. Then no more
    /// connections are taken, and each is told to end (GOAWAY, or `connection: close`). `end` is run by the server's
    /// own runtime: it may wait for what wakes it from any thread, and for [`Control::sleep`].
    ///
    /// # Errors
    ///
    /// [`HttpsError::Io`]: the listener can't be used.
    pub fn serve(
        mut self,
        listener: TcpListener,
        end: impl Future<Output = Duration>,
    ) -> Result<HttpsStats, HttpsError> {
        match self.started.take() {
            Some(Started::Tokio(tokio)) => {
                tokio.run(self.run::<tokio::net::TcpListener>(listener, end))?;
            }
            #[cfg(feature = "tcp-uring")]
            Some(Started::Uring(uring)) => {
                uring.run(self.run::<compio::net::TcpListener>(listener, end))?;
            }
            None => {}
        }
        Ok(HttpsStats {
            accepted: self.counters.accepted.get(),
            refused: self.counters.refused.get(),
            http: *self.http.borrow().counters(),
        })
    }

    async fn run<L: Listener>(
        &mut self,
        listener: TcpListener,
        end: impl Future<Output = Duration>,
    ) -> Result<(), HttpsError> {
        let (clear, mut resumed) = (self.clear.take(), self.resumed.take());
        let listener = L::new(listener)?;
        let clear = clear.map(|(it, port)| Ok::<_, HttpsError>((L::new(it)?, port)));
        let clear = clear.transpose()?;
        let (drain, draining) = watch::channel(false);
        let exchanges = Rc::clone(&self.exchanges);
        self.runtime.spawn(async move {
            while let Some(resumed) = resumed.as_mut()
                && let Some(request) = resumed.recv().await
            {
                exchanges.resume(request);
            }
        });
        let grace = tokio::select! {
            grace = end => grace,
            never = self.accept(&listener, |stream, guest| {
                self.begin(stream, guest, draining.clone());
            }) => match never {},
            never = self.accept_clear(clear.as_ref()) => match never {},
        };
        listener.close().await;
        if let Some((clear, _)) = clear {
            clear.close().await;
        }
        self.control.advertise(None);
        drain.send_replace(true);
        let all_have_ended = async {
            while self.counters.open.get() > 0 {
                self.runtime.sleep(LOOK).await;
            }
        };
        // Those that are left are closed with the runtime.
        let _ = self.runtime.timeout(grace, all_have_ended).await;
        Ok(())
    }

    async fn accept_clear<L: Listener>(&self, clear: Option<&(L, u16)>) -> Infallible {
        let Some((listener, port)) = clear else {
            return std::future::pending().await;
        };
        self.accept(listener, |stream, guest| {
            let runtime = self.runtime;
            let redirecting = redirect::run::<L>(runtime, self.patience, guest, *port, stream);
            runtime.spawn(redirecting);
        })
        .await
    }

    async fn accept<L: Listener>(
        &self,
        listener: &L,
        begin: impl Fn(L::Stream, Guest),
    ) -> Infallible {
        loop {
            match listener.accept().await {
                Ok((stream, from)) => match self.guests.enter(from) {
                    Some(guest) => {
                        self.counters.accepted.set(self.counters.accepted.get() + 1);
                        begin(stream, guest);
                    }
                    None => self.counters.refused.set(self.counters.refused.get() + 1),
                },
                Err(error) => {
                    tracing::debug!(%error, "accept(2)");
                    self.runtime.sleep(PAUSE).await;
                }
            }
        }
    }

    fn way(&self, draining: watch::Receiver<bool>) -> Way {
        Way {
            tls: self.control.tls.borrow().clone(),
            patience: self.patience,
            max_streams: self.max_streams,
            draining,
        }
    }

    fn begin<S>(&self, stream: S, guest: Guest, draining: watch::Receiver<bool>)
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let host = Rc::new(Host {
            runtime: self.runtime,
            http: Rc::clone(&self.http),
            guest,
            activity: Activity::new(self.limits),
            held: HeldBytes::default(),
            alt_svc: Rc::clone(&self.control.alt_svc),
            exchanges: Rc::clone(&self.exchanges),
        });
        let way = self.way(draining);
        let counted = Counted::new(&self.counters);
        self.runtime.spawn(async move {
            let _counted = counted;
            connection::run(way, host, stream).await;
        });
    }
}
