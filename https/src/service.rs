//! `Service`: what accepts connections, and what all of them share; `Control` changes that while it runs.

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

/// After accept(2) has failed, most likely for want of a descriptor.
const PAUSE: Duration = Duration::from_millis(50);

/// Between looks at whether all has ended.
const LOOK: Duration = Duration::from_millis(10);

/// What can be changed while a server runs, on its thread.
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

    /// Proves itself with another certificate to clients that come from now on.
    ///
    /// # Errors
    ///
    /// [`HttpsError::Identity`] or [`Tls`](HttpsError::Tls): it can't be used, and the one so far is.
    pub fn set_identity(&self, identity: &Identity) -> Result<(), HttpsError> {
        *self.tls.borrow_mut() = tls_config(identity)?;
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

    /// Lets time pass, in a future that runs beside the server: that of [`HttpsServer::serve`](crate::HttpsServer::serve).
    pub async fn sleep(&self, time: Duration) {
        self.runtime.sleep(time).await;
    }
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

/// A server, but for its runtime and its listeners.
pub(crate) struct Service<H: Handler> {
    pub(crate) runtime: Runtime,
    pub(crate) http: Rc<RefCell<Http<H>>>,
    pub(crate) guests: Guests,
    pub(crate) limits: Limits,
    /// For TLS's handshake, and for a request in the clear.
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

impl<H: Handler + 'static> Service<H> {
    /// What was done so far.
    pub(crate) fn stats(&self) -> HttpsStats {
        HttpsStats {
            accepted: self.counters.accepted.get(),
            refused: self.counters.refused.get(),
            http: *self.http.borrow().counters(),
        }
    }

    /// Runs connections until `end` says how long those that are left may take.
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
