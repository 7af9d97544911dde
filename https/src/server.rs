//! `HttpsServer`: a port of TCP, on the thread that it is given.

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

impl<H: Handler> std::fmt::Debug for HttpsServer<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpsServer")
            .field("counters", &self.service.counters)
            .finish_non_exhaustive()
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
