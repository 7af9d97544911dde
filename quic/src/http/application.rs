//! `Http`: HTTP/3 as an application of the server, and its bounds (`HttpConfig`).

use std::sync::Arc;
use std::time::Instant;

use quiche::h3;

use super::chunk::{ChunkPool, MIN_READ_BYTES};
use super::counters::HttpCounters;
use super::exchange::Parts;
use super::handler::Handler;
use super::memory::Bounds;
use super::open_files::OpenFiles;
use super::record::{Hook, Served};
use super::session::{Session, Shared};
use crate::error::SetupError;
use crate::quic::QuicConnection;
use crate::server::{Activity, Application, Close, Peer, ServerConfig};

/// The largest header section of a request, uncompressed. quiche closes the connection beyond it,
/// so it is well above the limit for status 431 (see `Request`). While a section is incomplete,
/// quiche holds up to half as much again for each stream, outside the flow-control windows.
const MAX_FIELD_SECTION_BYTES: u64 = 48 << 10;

/// Bounds of one connection, and of all of them together. Create one with [`HttpConfig::default`],
/// then change fields.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Files open at once, one per response under way. A host may have a quarter of those left, a
    /// network half of them; further requests are answered with 503. It should be below
    /// RLIMIT_NOFILE by what else the process has open, and some spare.
    pub max_open_files: usize,
    /// File bytes that one connection may hold in memory, in steps of up to 128 KiB: those read and
    /// not yet acknowledged. It limits the connection's rate to this many bytes per round trip.
    /// Raised to at least 32 KiB per stream of
    /// [`TransportConfig::max_streams`](crate::TransportConfig).
    pub max_body_bytes_held: usize,
    /// File bytes that all connections together may hold in memory, exceeded by at most 128 KiB.
    /// Half of it is shared: a connection may hold an eighth of what is free, so that some is
    /// always left for the next one. The other half is divided among
    /// [`ServerConfig::max_connections`](crate::ServerConfig), and each connection may always use
    /// its part: clients that don't read can slow others down, but not stop them. At the bound,
    /// responses wait before more of their files is read. Raised to at least 64 KiB per connection
    /// of [`ServerConfig::max_connections`](crate::ServerConfig).
    pub max_total_body_bytes_held: usize,
    /// Requests that a client may cancel in a row, by resetting or stopping their streams. Each
    /// response that it takes to the end, and each 10 ms, allows one more. Beyond that, the
    /// connection is closed with H3_EXCESSIVE_LOAD.
    pub max_requests_given_up: u32,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            max_open_files: 512,
            max_body_bytes_held: 4 << 20,
            max_total_body_bytes_held: 256 << 20,
            max_requests_given_up: 1000,
        }
    }
}

/// HTTP/3 (RFC 9114), with a [`Handler`] that answers the requests.
pub struct Http<H> {
    handler: H,
    common: HttpCommon,
    h3_config: h3::Config,
    bounds: Bounds,
    counters: HttpCounters,
    hook: Option<Hook>,
}

/// The shared state of a port's workers: the bounds on files and memory hold for all of them
/// together.
#[derive(Clone, Debug)]
pub struct HttpCommon {
    config: HttpConfig,
    pool: Arc<ChunkPool>,
    open_files: Arc<OpenFiles>,
}

impl HttpCommon {
    /// Shared state with these bounds.
    #[must_use]
    pub fn new(config: &HttpConfig) -> Self {
        Self {
            config: config.clone(),
            pool: Arc::default(),
            open_files: Arc::new(OpenFiles::new(config.max_open_files)),
        }
    }

    /// File bytes in memory now: those read and not yet acknowledged by the clients.
    #[must_use]
    pub fn body_bytes_held(&self) -> usize {
        self.pool.held_bytes()
    }

    /// Files open now.
    #[must_use]
    pub fn open_files(&self) -> usize {
        self.open_files.count()
    }
}

impl<H> std::fmt::Debug for Http<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http")
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

impl<H: Handler> Http<H> {
    /// HTTP/3 with this handler, within these bounds.
    ///
    /// # Errors
    ///
    /// [`SetupError::Http`] if quiche refuses a setting.
    pub fn new(handler: H, config: &HttpConfig) -> Result<Self, SetupError> {
        Self::for_worker(handler, HttpCommon::new(config))
    }

    /// The same for one of several workers.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn for_worker(handler: H, common: HttpCommon) -> Result<Self, SetupError> {
        let mut h3_config = h3::Config::new()?;
        h3_config.set_max_field_section_size(MAX_FIELD_SECTION_BYTES);
        Ok(Self {
            handler,
            common,
            h3_config,
            bounds: Bounds::new(0, 0, 0),
            counters: HttpCounters::default(),
            hook: None,
        })
    }

    /// Calls `hook` at the end of each response, complete or not: for an access log. The hook must
    /// not block.
    ///
    /// Requests without a response are not reported: those reset before their header section was
    /// complete, and those after a GOAWAY.
    ///
    /// ```
    /// use xskit_quic::{Files, Http, Printable};
    ///
    /// fn logging(http: Http<Files>) -> Http<Files> {
    ///     http.on_response(|served| {
    ///         let (path, status) = (Printable(served.path()), served.status());
    ///         eprintln!("{path}: {status:?}, {} bytes, {:?}", served.body_bytes(), served.ending());
    ///     })
    /// }
    /// ```
    #[must_use]
    pub fn on_response(mut self, hook: impl FnMut(&Served<'_>) + Send + 'static) -> Self {
        self.hook = Some(Box::new(hook));
        self
    }

    /// The handler, to change. Call [`Server::resume`](crate::Server::resume) for each request that
    /// can then continue.
    pub fn handler_mut(&mut self) -> &mut H {
        &mut self.handler
    }

    /// What an exchange needs.
    pub(super) fn parts(&mut self) -> Parts<'_, H> {
        Parts {
            handler: &mut self.handler,
            pool: &self.common.pool,
            bounds: self.bounds,
            open: &self.common.open_files,
            counters: &mut self.counters,
            hook: &mut self.hook,
        }
    }

    /// The counters so far.
    #[must_use]
    pub fn counters(&self) -> &HttpCounters {
        &self.counters
    }

    /// The state that it shares with other workers.
    #[must_use]
    pub fn common(&self) -> &HttpCommon {
        &self.common
    }
}

impl<H: Handler> Application for Http<H> {
    type Session = Session<H::Exchange>;

    fn protocols(&self) -> &[&[u8]] {
        h3::APPLICATION_PROTOCOL
    }

    fn takes_early_data(&self) -> bool {
        true
    }

    fn prepare(&mut self, config: &ServerConfig) -> Result<(), SetupError> {
        // With less, streams that a client doesn't read could block those that it does read.
        let streams = usize::try_from(config.transport.max_streams).unwrap_or(usize::MAX);
        let least = streams.saturating_mul(2 * MIN_READ_BYTES);
        self.bounds = Bounds::new(
            self.common.config.max_body_bytes_held.max(least),
            self.common.config.max_total_body_bytes_held,
            config.max_connections,
        );
        Ok(())
    }

    fn begin(
        &mut self,
        quic: &mut QuicConnection,
        peer: &Peer,
        now: Instant,
    ) -> Result<Self::Session, Close> {
        let credit = self.common.config.max_requests_given_up;
        Session::start(quic, &self.h3_config, credit, peer.clone(), now).map_err(|_| {
            self.counters.protocol_errors += 1;
            Close {
                code: h3::WireErrorCode::GeneralProtocolError as u64,
                reason: "HTTP/3 can't start",
            }
        })
    }

    fn service(
        &mut self,
        session: &mut Self::Session,
        quic: &mut QuicConnection,
        now: Instant,
    ) -> Activity {
        let parts = self.parts();
        let mut shared = Shared { parts, now };
        session.service(quic, &mut shared)
    }

    fn resume(&mut self, session: &mut Self::Session, stream: u64) {
        session.resume(stream);
    }

    fn drain(&mut self, session: &mut Self::Session) {
        session.drain();
    }

    fn end(&mut self, mut session: Self::Session, now: Instant) {
        session.disconnect(&mut self.hook, now);
    }
}
