//! `Service`: accepts connections, and holds what they share; `Control` changes that while it runs.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rustls::ServerConfig as TlsConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use xskit_quic::server::{Guest, Guests};
use xskit_quic::{Handler, HeldBytes, Http, HttpCounters, Identity, RequestKey};

use crate::activity::{Activity, Limits};
use crate::answer::{Exchanges, Host};
use crate::connection::{self, Way, tls_config};
use crate::error::HttpsError;
use crate::redirect;
use crate::runtime::{Listener, Runtime};

/// The pause after accept(2) has failed, most likely for lack of descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// The interval of checks whether all connections have ended.
const LOOK: Duration = Duration::from_millis(10);

/// Changes settings of a running server, on its thread.
#[derive(Clone)]
pub struct Control {
    runtime: Runtime,
    tls: Rc<RefCell<Arc<TlsConfig>>>,
    alt_svc: Rc<RefCell<Option<HeaderValue>>>,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control")
            .field("alt_svc", &self.alt_svc)
            .finish_non_exhaustive()
    }
}

impl Control {
    pub(crate) fn new(runtime: Runtime, identity: &Identity) -> Result<Self, HttpsError> {
        Ok(Self {
            runtime,
            tls: Rc::new(RefCell::new(tls_config(identity)?)),
            alt_svc: Rc::default(),
        })
    }

    /// Presents another certificate to new clients.
    ///
    /// # Errors
    ///
    /// [`HttpsError::Identity`] or [`Tls`](HttpsError::Tls) if it can't be used. The present one is
    /// kept.
    pub fn set_identity(&self, identity: &Identity) -> Result<(), HttpsError> {
        *self.tls.borrow_mut() = tls_config(identity)?;
        Ok(())
    }

    /// Advertises HTTP/3 on this UDP port in each response, for a day (`alt-svc`: RFC 7838; RFC
    /// 9114, section 3.1.1). `None` withdraws it (`clear`).
    pub fn advertise(&self, port: Option<u16>) {
        let value = match port {
            Some(port) => HeaderValue::try_from(format!("h3=\":{port}\"; ma=86400")).ok(),
            None => Some(HeaderValue::from_static("clear")),
        };
        *self.alt_svc.borrow_mut() = value;
    }

    /// Sleeps, in a future that runs in the server's runtime: the `end` of
    /// [`HttpsServer::serve`](crate::HttpsServer::serve).
    pub async fn sleep(&self, time: Duration) {
        self.runtime.sleep(time).await;
    }
}

/// A server's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpsStats {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections closed at once, because a bound was reached, in total or per host or network.
    pub refused: u64,
    /// Requests and responses.
    pub http: HttpCounters,
}

impl HttpsStats {
    /// Adds another thread's counters.
    pub fn add(&mut self, other: &Self) {
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.http.add(&other.http);
    }
}

/// A server without its runtime and listeners.
pub(crate) struct Service<H: Handler> {
    pub(crate) runtime: Runtime,
    pub(crate) http: Rc<RefCell<Http<H>>>,
    pub(crate) guests: Guests,
    pub(crate) limits: Limits,
    /// The longest TLS handshake, and the longest plain HTTP request.
    pub(crate) patience: Duration,
    pub(crate) max_streams: u32,
    pub(crate) control: Control,
    pub(crate) counters: Rc<Counters>,
    pub(crate) exchanges: Rc<Exchanges<H>>,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    accepted: Cell<u64>,
    refused: Cell<u64>,
    open: Cell<u64>,
}

/// An open connection, counted until it is dropped.
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

impl<H: Handler + 'static> Service<H> {
    /// The counters so far.
    pub(crate) fn stats(&self) -> HttpsStats {
        HttpsStats {
            accepted: self.counters.accepted.get(),
            refused: self.counters.refused.get(),
            http: *self.http.borrow().counters(),
        }
    }

    /// Serves until `end` returns the time limit for the connections that are left.
    pub(crate) async fn run<L: Listener>(
        &self,
        listener: TcpListener,
        clear: Option<(TcpListener, u16)>,
        mut resumed: UnboundedReceiver<RequestKey>,
        end: impl Future<Output = Duration>,
    ) -> Result<(), HttpsError> {
        let listener = L::new(listener)?;
        let clear = clear.map(|(it, port)| Ok::<_, HttpsError>((L::new(it)?, port)));
        let clear = clear.transpose()?;
        let (drain, draining) = watch::channel(false);
        let exchanges = Rc::clone(&self.exchanges);
        self.runtime.spawn(async move {
            while let Some(request) = resumed.recv().await {
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
        self.control.advertise(None);
        drain.send_replace(true);
        listener.close().await;
        if let Some((clear, _)) = clear {
            clear.close().await;
        }
        let all_have_ended = async {
            while self.counters.open.get() > 0 {
                self.runtime.sleep(LOOK).await;
            }
        };
        // Connections that are left are closed with the runtime.
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
