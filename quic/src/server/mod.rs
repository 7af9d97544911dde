//! `Server`: all clients of one UDP port, without sockets or threads.
//!
//! ```text
//! datagram -> header -> cid table -> connection --(marked ready)--> ready queue
//!                          | unknown       |                            |
//!                          v               v                      poll_transmit
//!                      admission      application                       |
//!                          +-> stateless answers ---------------------->|
//! ```
//!
//! The server handles admission, ids, timers and bounds. The [`Application`] is the protocol on
//! top; HTTP/3 is one ([`Http`](crate::Http)).
//!
//! A connection is touched when a datagram comes for it, when its timer fires, and while it has
//! something to send. Only `stats`, `drain` and `close_all` walk over all connections.

mod admission;
mod allowance;
mod application;
mod cid;
mod cid_format;
mod coalesced;
mod config;
mod connection;
mod ending;
mod endpoint;
mod flight;
mod goodbye;
mod guests;
mod katran;
mod links;
mod metrics;
mod own_ids;
mod paths;
mod progress;
mod quic_lb;
mod reset;
mod rotation;
mod sources;
mod stateless;
mod stats;
mod strikes;
mod tickets;
mod token;
mod whereabouts;
mod worker;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use slab::Slab;

pub use application::{Activity, Application, Close, ConnectionKey, Peer, WaitsFor};
pub use cid_format::{ConnectionIdError, ConnectionIdFormat, RandomIds};
pub use config::ServerConfig;
pub use connection::LinkJudge;
pub use guests::{Guest, Guests};
pub use katran::{HostBits, Katran};
pub use metrics::Metric;
pub use quic_lb::QuicLb;
pub(crate) use sources::{Account, Count};
pub use stats::{Answered, ConnectionCounters, Dropped, PacketCounters, Refused, ServerStats};
pub use worker::Worker;

use crate::diagnostics::Diagnostics;
#[cfg(doc)]
use crate::endpoint::Endpoint;
use crate::error::SetupError;
use crate::identity::Identity;
use crate::key_use::KeyUse;
use crate::notices::Notices;
use crate::timers::Timers;
use crate::transport::TransportConfig;
use cid::{Cid, CidTable};
use connection::Connection;
use progress::Limits;
use reset::Resets;
use stateless::Stateless;
use tickets::Tickets;

/// A QUIC server over datagrams that the caller moves, for an [`Application`] `A`.
///
/// `L` is the way to a client ([`Endpoint::LinkPath`]). It is learnt from authentic datagrams, so
/// answers take the path that the client is heard on.
///
/// Move packets with the methods of [`Endpoint`], or have a [driver](crate::driver) do it.
pub struct Server<L, A: Application> {
    application: A,
    quic_config: quiche::Config,
    transport: TransportConfig,
    diagnostics: Diagnostics,
    worker: Worker<L>,
    resets: Resets,

    max_connections: usize,
    retry_above_half_open: usize,
    early_data: bool,
    handshake_timeout: Duration,
    limits: Limits,
    /// A new connection's count.
    keys: KeyUse,

    connections: Slab<Box<Connection<L, A::Session>>>,
    /// That of the latest connection.
    serial: u64,
    ids: CidTable,
    /// Connections with something to do, each at most once.
    ready: VecDeque<usize>,
    timers: Timers,
    stateless: Stateless<L>,
    half_open: usize,
    draining: bool,
    closing: bool,
    counters: ServerStats,
    notices: Notices,
    link_judge: Option<LinkJudge<L>>,
}

impl<L, A: Application> std::fmt::Debug for Server<L, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("connections", &self.connections.len())
            .field("ready", &self.ready.len())
            .finish_non_exhaustive()
    }
}

impl<L: Copy + PartialEq, A: Application> Server<L, A> {
    /// Sets up a server; `now` begins its clock.
    ///
    /// # Errors
    ///
    /// - [`SetupError::ConnectionId`] if the ids of `connection_ids` don't have 8 to 20 bytes.
    /// - [`SetupError::UdpPayload`] if `max_udp_payload_bytes` is outside QUIC's range.
    /// - [`SetupError::Tls`] or [`Quic`](SetupError::Quic) if BoringSSL or quiche refuses a
    ///   setting, or the random source fails.
    /// - The application's own error of [`Application::prepare`].
    pub fn new(config: &ServerConfig, application: A, now: Instant) -> Result<Self, SetupError> {
        let mut team = Worker::team(config, 1, now)?.into_iter();
        let worker = team.next().ok_or(quiche::Error::InvalidState)?;
        Self::for_worker(config, worker, application)
    }

    /// Sets up one of several servers that share a port. All must have the same configuration.
    ///
    /// # Errors
    ///
    /// Those of [`new`](Self::new), except for `ConnectionId`, which [`Worker::team`] reports.
    pub fn for_worker(
        config: &ServerConfig,
        worker: Worker<L>,
        mut application: A,
    ) -> Result<Self, SetupError> {
        application.prepare(config)?;
        let protocols = application.protocols();
        let tickets = worker.tickets();
        let early_data = config.early_data && application.takes_early_data();
        let (identity, transport) = (&config.identity, &config.transport);
        let mut quic_config = quic_config(identity, transport, protocols, tickets, early_data)?;
        config.diagnostics.prepare(&mut quic_config);
        Ok(Self {
            application,
            quic_config,
            transport: config.transport.clone(),
            diagnostics: config.diagnostics.clone(),
            resets: Resets::new(&config.identity)?,
            max_connections: config.max_connections,
            retry_above_half_open: worker.part_of(config.retry_above_half_open),
            early_data,
            handshake_timeout: config.handshake_timeout,
            limits: Limits {
                request: config.request_timeout,
                response: config.response_timeout,
            },
            keys: KeyUse::new(config.max_packets_sent),
            worker,
            connections: Slab::new(),
            serial: 0,
            ids: CidTable::default(),
            ready: VecDeque::new(),
            timers: Timers::default(),
            stateless: Stateless::new(),
            half_open: 0,
            draining: false,
            closing: false,
            counters: ServerStats::default(),
            notices: Notices::default(),
            link_judge: None,
        })
    }

    /// Presents another certificate to new clients. Existing connections are kept, and so are the
    /// stateless reset tokens of their ids: a token depends on the private key at the time its id
    /// was issued, and the server remembers the last two keys.
    ///
    /// # Errors
    ///
    /// [`SetupError::Tls`] or [`Quic`](SetupError::Quic) if BoringSSL or quiche refuses it. The
    /// server keeps the present one.
    pub fn set_identity(&mut self, identity: &Identity) -> Result<(), SetupError> {
        let protocols = self.application.protocols();
        let tickets = self.worker.tickets();
        let (transport, early_data) = (&self.transport, self.early_data);
        let mut quic_config = quic_config(identity, transport, protocols, tickets, early_data)?;
        self.diagnostics.prepare(&mut quic_config);
        self.resets.set_identity(identity)?;
        self.quic_config = quic_config;
        Ok(())
    }

    /// The application.
    #[must_use]
    pub fn application(&self) -> &A {
        &self.application
    }

    /// The application, to change. Call [`resume`](Self::resume) if it then has something to send.
    pub fn application_mut(&mut self) -> &mut A {
        &mut self.application
    }

    /// Has the application look at a stream of a connection again, for answers that come from
    /// elsewhere. Call [`poll_transmit`](Endpoint::poll_transmit) afterwards. False if the
    /// connection is gone.
    pub fn resume(&mut self, connection: ConnectionKey, stream: u64) -> bool {
        let known = self.connections.get_mut(connection.slot);
        let Some(known) = known.filter(|known| known.serial == connection.serial) else {
            return false;
        };
        let Some(session) = &mut known.session else {
            return false;
        };
        self.application.resume(session, stream);
        known.dirty = true;
        self.mark_ready(connection.slot);
        true
    }

    /// Has `judge` decide whether to accept a new link to a known host. Without a judge, the latest
    /// authentic datagram decides.
    pub fn judge_links(&mut self, judge: LinkJudge<L>) {
        self.link_judge = Some(judge);
    }

    /// The counters so far. Walks over all connections, so don't call it per packet.
    #[must_use]
    pub fn stats(&self) -> ServerStats {
        let mut stats = self.counters;
        stats.connections.active = self.connections.len();
        stats.connections.half_open = self.half_open;
        stats.connections.ids = self.ids.len();
        for (_, connection) in &self.connections {
            stats.packets.add(&connection.quic.stats());
        }
        stats
    }

    fn mark_ready(&mut self, slot: usize) {
        let waiting = self.connections.get_mut(slot).filter(|c| !c.queued);
        if let Some(connection) = waiting {
            connection.queued = true;
            self.ready.push_back(slot);
        }
    }

    fn register(&mut self, slot: usize, id: Cid) {
        let Some(connection) = self.connections.get_mut(slot) else {
            return;
        };
        if self.ids.insert(id, slot) {
            connection.ids.add(id);
        }
    }
}

/// quiche's configuration for new connections.
fn quic_config(
    identity: &Identity,
    transport: &TransportConfig,
    protocols: &[&[u8]],
    tickets: &Tickets,
    early_data: bool,
) -> Result<quiche::Config, SetupError> {
    let mut tls = identity.tls_context()?;
    tickets.seal_by(&mut tls);
    let mut config = quiche::Config::with_boring_ssl_ctx_builder(quiche::PROTOCOL_VERSION, tls)?;
    config.set_application_protos(protocols)?;
    transport.apply(&mut config)?;
    if early_data {
        config.enable_early_data();
    }
    Ok(config)
}
