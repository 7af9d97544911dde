//! `HttpsServer`: a port of TCP, on the thread that it is given.

use std::cell::RefCell;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rustls::ServerConfig as TlsConfig;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use xskit_quic::server::Guests;
use xskit_quic::{Application, Handler, Http, HttpCounters, Identity, RequestKey, ServerConfig};

use crate::activity::Limits;
use crate::error::HttpsError;
use crate::runtime::{Runtime, Started};
use crate::service::Service;
use crate::tls;

/// A server of HTTP/1.1 and 2 over TLS.
pub struct HttpsServer<H: Handler> {
    /// Made early: a program that then gives up what it doesn't need may not be allowed to.
    started: Started,
    service: Service<H>,
    resumer: Resumer,
    resumed: UnboundedReceiver<RequestKey>,
    /// Where requests in the clear come, and the port that they are sent to.
    clear: Option<(TcpListener, u16)>,
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
    pub(crate) tls: Rc<RefCell<Arc<TlsConfig>>>,
    pub(crate) alt_svc: Rc<RefCell<Option<HeaderValue>>>,
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

impl<H: Handler> std::fmt::Debug for HttpsServer<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpsServer")
            .field("counters", &self.service.counters)
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
        let service = Service {
            runtime,
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
        };
        Ok(Self {
            started: Started::new(runtime)?,
            service,
            resumer: Resumer(resumer),
            resumed,
            clear: None,
        })
    }

    /// What can be changed while it runs.
    #[must_use]
    pub fn control(&self) -> Control {
        self.service.control.clone()
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
        self,
        listener: TcpListener,
        end: impl Future<Output = Duration>,
    ) -> Result<HttpsStats, HttpsError> {
        let (service, clear, resumed) = (self.service, self.clear, self.resumed);
        match self.started {
            Started::Tokio(tokio) => {
                tokio.run(service.run::<tokio::net::TcpListener>(listener, clear, resumed, end))?;
            }
            #[cfg(feature = "tcp-uring")]
            Started::Uring(uring) => {
                uring
                    .run(service.run::<compio::net::TcpListener>(listener, clear, resumed, end))?;
            }
        }
        Ok(service.stats())
    }
}
