//! `HttpsServer`: a TCP port, served on one thread.

use std::cell::RefCell;
use std::net::TcpListener;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use xskit_quic::server::Guests;
use xskit_quic::{Application, Handler, Http, RequestKey, ServerConfig};

use crate::activity::Limits;
use crate::error::HttpsError;
use crate::runtime::{Runtime, Started};
use crate::service::{Control, HttpsStats, Service};

/// A server of HTTP/1.1 and HTTP/2 over TLS.
pub struct HttpsServer<H: Handler> {
    /// Created early: later the program may have given up the privileges for it.
    started: Started,
    service: Service<H>,
    resumer: Resumer,
    resumed: UnboundedReceiver<RequestKey>,
    /// The listener for plain HTTP, and the port that requests are redirected to.
    clear: Option<(TcpListener, u16)>,
}

/// Informs a server, from any thread, that its handler has something new for a request
/// ([`Reply::key`](xskit_quic::Reply::key)).
#[derive(Clone, Debug)]
pub struct Resumer(UnboundedSender<RequestKey>);

impl Resumer {
    /// Has the handler called for more ([`Handler::resume`]). No effect on a request that is over.
    pub fn resume(&self, request: RequestKey) {
        // Fails if the server is gone.
        let _ = self.0.send(request);
    }
}

impl<H: Handler> std::fmt::Debug for HttpsServer<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpsServer")
            .field("counters", &self.service.counters)
            .finish_non_exhaustive()
    }
}

impl<H: Handler + 'static> HttpsServer<H> {
    /// A server with the certificate and the limits of this configuration. All threads of a port
    /// share `guests`.
    ///
    /// # Errors
    ///
    /// - [`HttpsError::Identity`] or [`Tls`](HttpsError::Tls) if the certificate can't be used.
    /// - [`Io`](HttpsError::Io) without epoll(7), or io_uring(7) for [`Runtime`]'s `Uring`.
    pub fn new(
        config: &ServerConfig,
        mut http: Http<H>,
        guests: Guests,
        runtime: Runtime,
    ) -> Result<Self, HttpsError> {
        // Sets its bounds on memory.
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
            control: Control::new(runtime, &config.identity)?,
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

    /// A handle to change settings while the server runs.
    #[must_use]
    pub fn control(&self) -> Control {
        self.service.control.clone()
    }

    /// Redirects plain HTTP requests (`http://`) on this listener to TLS on `port`.
    #[must_use]
    pub fn redirect(mut self, listener: TcpListener, port: u16) -> Self {
        self.clear = Some((listener, port));
        self
    }

    /// A handle for parts of the program that have something for a request later.
    #[must_use]
    pub fn resumer(&self) -> Resumer {
        self.resumer.clone()
    }

    /// Serves on this thread until `end` returns the time limit for what is then under way. After
    /// that no more connections are accepted, and each is told to end (GOAWAY, or
    /// `connection: close`). `end` runs in the server's runtime: it may be woken from any thread,
    /// and may await [`Control::sleep`].
    ///
    /// # Errors
    ///
    /// [`HttpsError::Io`] if the listener can't be used.
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
