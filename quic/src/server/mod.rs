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
//! What a connection is for is the [`Application`]'s to say; HTTP/3 is one
//! ([`Http`](crate::Http)). Who is admitted, ids, timers and bounds are the server's.
//!
//! A connection is touched when a datagram comes for it, when its timer fires, and while it
//! has something to send; nothing ever walks over all of them except `stats` and `close_all`.

mod account;
mod admission;
mod allowance;
mod application;
mod cid;
mod cid_format;
mod coalesced;
mod config;
mod connection;
mod ending;
mod failure;
mod flight;
mod goodbye;
mod guests;
mod katran;
mod links;
mod metrics;
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
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use slab::Slab;

pub(crate) use account::{Account, Count};
pub use application::{Activity, Application, Close, ConnectionKey, Peer, WaitsFor};
pub use cid_format::{ConnectionIdError, ConnectionIdFormat, RandomIds};
pub use config::ServerConfig;
pub use connection::LinkJudge;
pub use guests::{Guest, Guests};
pub use katran::{HostBits, Katran};
pub use metrics::Metric;
pub use quic_lb::QuicLb;
pub use stats::{Answered, ConnectionCounters, Dropped, PacketCounters, Refused, ServerStats};
pub use worker::Worker;

use crate::diagnostics::Diagnostics;
use crate::error::SetupError;
use crate::header::{Header, is_by_a_clients_id};
use crate::identity::Identity;
use crate::key_use::KeyUse;
use crate::notices::Notices;
use crate::timers::Timers;
use crate::transmit::Transmit;
use crate::transport::{MIN_UDP_PAYLOAD_BYTES, TransportConfig};
use cid::{Cid, CidTable};
use coalesced::Coalesced;
use connection::{BURST_DATAGRAMS, Connection, Received};
use ending::log;
use progress::Limits;
use reset::Resets;
use stateless::Stateless;
use tickets::Tickets;
use worker::Parcel;

/// A QUIC server over datagrams that the caller moves, for an [`Application`] `A`.
///
/// `L` is the link-layer way back to a client (see [`Transmit`]). It is learnt from each
/// authentic datagram, so answers go back along the path that the client is heard on.
///
/// Give every received UDP payload to [`handle_datagram`](Self::handle_datagram), then call
/// [`poll_transmit`](Self::poll_transmit) until it returns `None`; when the time that
/// [`poll_timeout`](Self::poll_timeout) names is reached, call
/// [`handle_timeout`](Self::handle_timeout), and `poll_transmit` again.
///
/// The `now` arguments drive what this crate times: handshake limits and Retry tokens.
/// quiche's own loss detection reads the clock itself, so `now` must be the real time.
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
    /// A new connection's.
    keys: KeyUse,

    connections: Slab<Box<Connection<L, A::Session>>>,
    /// Given to the next connection.
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

/// Where a datagram came from.
#[derive(Clone, Copy)]
struct Origin<L> {
    from: SocketAddr,
    to: SocketAddr,
    link: L,
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
    /// [`SetupError`]: the certificate or a setting can't be used, or the application can't.
    pub fn new(config: &ServerConfig, application: A, now: Instant) -> Result<Self, SetupError> {
        let mut team = Worker::team(config, 1, now)?.into_iter();
        let worker = team.next().ok_or(quiche::Error::InvalidState)?;
        Self::for_worker(config, worker, application)
    }

    /// Sets up one of several servers of a port. All must have the same configuration.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn for_worker(
        config: &ServerConfig,
        worker: Worker<L>,
        mut application: A,
    ) -> Result<Self, SetupError> {
        application.prepare(config)?;
        let protocols = application.protocols();
        let tickets = worker.tickets();
        let early_data = config.early_data && application.takes_early_data();
        let mut quic_config = quic_config(&config.identity, &config.transport, protocols, tickets)?;
        if early_data {
            quic_config.enable_early_data();
        }
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

    /// Proves itself with another certificate to clients that come from now on. Those that are there keep
    /// their connections, and the tokens by which the server resets those that it has lost: a token is
    /// made by the private key of when its id was given out, and the last two keys are known.
    ///
    /// # Errors
    ///
    /// [`SetupError`]: it can't be used, and the one so far is.
    pub fn set_identity(&mut self, identity: &Identity) -> Result<(), SetupError> {
        let protocols = self.application.protocols();
        let tickets = self.worker.tickets();
        let mut quic_config = quic_config(identity, &self.transport, protocols, tickets)?;
        if self.early_data {
            quic_config.enable_early_data();
        }
        self.diagnostics.prepare(&mut quic_config);
        self.resets.set_identity(identity)?;
        self.quic_config = quic_config;
        Ok(())
    }

    /// What runs on the connections.
    #[must_use]
    pub fn application(&self) -> &A {
        &self.application
    }

    /// The same, to give it something. Call [`resume`](Self::resume) where it then has something
    /// to send.
    pub fn application_mut(&mut self) -> &mut A {
        &mut self.application
    }

    /// Has the application look at a stream of a connection again: for answers that come from
    /// elsewhere. Call [`poll_transmit`](Self::poll_transmit) afterwards. False when the
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

    /// Has `judge` say whether a way back that is new for a client's address is one. Without a judge, the
    /// latest genuine datagram says it.
    pub fn judge_links(&mut self, judge: LinkJudge<L>) {
        self.link_judge = Some(judge);
    }

    /// Takes in a UDP payload, decrypting it where it lies.
    ///
    /// `from` is the client, `to` the local address it was sent to, `link` the way back.
    /// Whatever the bytes are, this counts them and returns; the bytes are scrambled.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        from: SocketAddr,
        to: SocketAddr,
        link: L,
    ) {
        self.counters.datagrams_in += 1;
        self.counters.bytes_in += datagram.len() as u64;
        let Some(header) = self.parse(datagram) else {
            self.counters.dropped.malformed += 1;
            return;
        };
        // Also for a known connection, and wherever in the datagram it stands (RFC 9000, 14.1).
        if datagram.len() < MIN_UDP_PAYLOAD_BYTES && Coalesced::has_initial(datagram) {
            self.counters.dropped.short_initial += 1;
            return;
        }
        if let Some(slot) = self.ids.get(header.dcid()) {
            self.deliver(slot, datagram, Origin { from, to, link });
        } else if let Some(worker) = self.other_worker(&header) {
            self.hand_over(worker, datagram, Origin { from, to, link });
        } else {
            self.admit(now, datagram, Origin { from, to, link });
        }
    }

    fn parse<'a>(&self, datagram: &'a [u8]) -> Option<Header<'a>> {
        Header::parse(datagram, self.worker.cid_bytes())
    }

    /// The other worker that has the connection of this packet, if one has. A client's first packets
    /// go to ids of its own choice, which name nobody.
    fn other_worker(&self, header: &Header<'_>) -> Option<u8> {
        match header {
            Header::Long { first, version, .. }
                if is_by_a_clients_id(*first) || !quiche::version_is_supported(*version) =>
            {
                None
            }
            // A late packet by an id that its client has retired.
            _ if self.ids.is_retired(header.dcid()) => None,
            _ => self.worker.other_of(header.dcid()),
        }
    }

    fn hand_over(&mut self, worker: u8, datagram: &[u8], origin: Origin<L>) {
        let parcel = Parcel {
            datagram: datagram.to_vec(),
            from: origin.from,
            to: origin.to,
            link: origin.link,
        };
        if self.worker.hand_over(worker, parcel) {
            self.counters.handed_over += 1;
        } else {
            self.counters.dropped.handover_overflow += 1;
        }
    }

    /// Takes in what arrived at other workers, and says how many packets that were. Call it before each
    /// wait, and [`poll_transmit`](Self::poll_transmit) afterwards.
    pub fn take_over(&mut self, now: Instant) -> usize {
        let parcels = self.worker.look();
        let count = parcels.len();
        for mut parcel in parcels {
            self.counters.taken_over += 1;
            let origin = Origin {
                from: parcel.from,
                to: parcel.to,
                link: parcel.link,
            };
            let datagram = &mut parcel.datagram;
            match self
                .parse(datagram)
                .and_then(|header| self.ids.get(header.dcid()))
            {
                Some(slot) => self.deliver(slot, datagram, origin),
                None => self.admit(now, datagram, origin),
            }
        }
        count
    }

    fn deliver(&mut self, slot: usize, datagram: &mut [u8], origin: Origin<L>) {
        let Some(connection) = self.connections.get_mut(slot) else {
            self.counters.dropped.unknown_connection += 1;
            return;
        };
        let judge = self.link_judge.as_mut();
        match connection.receive(datagram, origin.from, origin.to, origin.link, judge) {
            Received::Taken => self.counters.delivered += 1,
            Received::Ignored => self.counters.dropped.unauthentic += 1,
            Received::Failed => self.counters.dropped.violation += 1,
        }
        if connection.handshake_deadline.is_some() && connection.quic.is_established() {
            connection.handshake_deadline = None;
            connection.unproven = None;
            self.half_open -= 1;
            self.counters.connections.established += 1;
        }
        if connection.seat.is_none() {
            self.seat(slot);
        }
        self.mark_ready(slot);
    }

    /// Writes the next datagram to send into `out`, sealed there. `None`: nothing to send
    /// until a datagram arrives or the timeout is reached.
    ///
    /// `out` must hold `max_udp_payload_bytes` of the configuration. Connections take turns
    /// of 16 datagrams.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit<L>> {
        let transmit = match self.stateless.pop(out) {
            Some(answer) => Some(answer),
            None => self.next_ready(now, out),
        };
        if let Some(transmit) = &transmit {
            self.counters.datagrams_out += 1;
            self.counters.bytes_out += transmit.len as u64;
        }
        transmit
    }

    fn next_ready(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit<L>> {
        while let Some(&slot) = self.ready.front() {
            if let Some(transmit) = self.step(slot, now, out) {
                return Some(transmit);
            }
            self.ready.pop_front();
            self.end_turn(slot, now);
        }
        None
    }

    /// One datagram of the connection whose turn it is.
    fn step(&mut self, slot: usize, now: Instant, out: &mut [u8]) -> Option<Transmit<L>> {
        let connection = self.connections.get_mut(slot)?;
        if connection.dirty {
            let key = ConnectionKey {
                slot,
                serial: connection.serial,
            };
            match connection.decide_early(&self.worker, now) {
                Some(true) => self.counters.connections.early += 1,
                Some(false) => self.counters.connections.early_held += 1,
                None => {}
            }
            let strangers = self.worker.strangers();
            connection.service(&mut self.application, key, self.draining, strangers, now);
            let migrations = connection.keep_ids(slot, &mut self.ids, (&self.worker, &self.resets));
            self.counters.connections.migrations += migrations;
        }
        let sent = connection.transmit(now, out)?;
        let transmit = Transmit {
            len: sent.len,
            from: sent.from,
            to: sent.to,
            link: connection.links.to(sent.to),
        };
        connection.burst_left = connection.burst_left.saturating_sub(1);
        if connection.burst_left == 0 {
            connection.burst_left = BURST_DATAGRAMS;
            self.ready.rotate_left(1);
        }
        Some(transmit)
    }

    /// A connection has nothing more to send: it waits for its timer, or it is over.
    fn end_turn(&mut self, slot: usize, now: Instant) {
        let is_leaving = self.is_leaving();
        let Some(connection) = self.connections.get_mut(slot) else {
            return;
        };
        connection.queued = false;
        connection.burst_left = BURST_DATAGRAMS;
        if let Some(failure) = connection.failure.take() {
            log(&mut self.notices, now, connection.host, failure);
        }
        if connection.is_over(is_leaving) {
            self.remove(slot, now);
            return;
        }
        let deadline = connection.deadline().map(|deadline| deadline.max(now));
        connection.armed = self.timers.arm(slot, connection.armed, deadline);
    }

    /// When [`handle_timeout`](Self::handle_timeout) must be called at the latest. It may be
    /// early, so that calling then does nothing but name a later time.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Does what is due at `now`. Call [`poll_transmit`](Self::poll_transmit) afterwards.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(slot) = self.timers.pop_due(now) {
            let Some(connection) = self.connections.get_mut(slot) else {
                continue;
            };
            connection.armed = None;
            if connection
                .handshake_deadline
                .is_some_and(|deadline| deadline <= now)
            {
                self.give_up_handshake(slot);
                continue;
            }
            if let Some(lapse) = connection.lapse(now) {
                self.end_lapsed(slot, lapse);
                continue;
            }
            match connection.deadline() {
                Some(deadline) if deadline > now => {
                    connection.armed = self.timers.arm(slot, None, Some(deadline));
                }
                _ => {
                    connection.on_timeout(now);
                    self.mark_ready(slot);
                }
            }
        }
    }

    /// The counters so far. Walks over the connections; not for every packet.
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
            connection.ids.push(id);
        }
    }
}

/// What new connections are made with.
fn quic_config(
    identity: &Identity,
    transport: &TransportConfig,
    protocols: &[&[u8]],
    tickets: &Tickets,
) -> Result<quiche::Config, SetupError> {
    let mut tls = identity.tls_context()?;
    tickets.seal_by(&mut tls);
    let mut config = quiche::Config::with_boring_ssl_ctx_builder(quiche::PROTOCOL_VERSION, tls)?;
    config.set_application_protos(protocols)?;
    transport.apply(&mut config)?;
    Ok(config)
}
