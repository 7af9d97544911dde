//! `Server`: all clients of one UDP port, without sockets or threads.
//!
//! ```text
//! datagram -> header -> cid table -> connection --(marked ready)--> ready queue
//!                          | unknown                                    |
//!                          v                                      poll_transmit
//!                      admission -> stateless answers ----------------->|
//! ```
//!
//! A connection is touched when a datagram comes for it, when its timer fires, and while it
//! has something to send; nothing ever walks over all of them except `stats` and `close_all`.

mod admission;
mod cid;
mod config;
mod connection;
mod header;
mod links;
mod stateless;
mod stats;
mod timers;
mod token;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slab::Slab;

pub use config::ServerConfig;
pub use stats::{Answered, ConnectionCounters, Dropped, HttpCounters, PacketCounters, ServerStats};

use crate::error::SetupError;
use crate::http::{Bounds, ChunkPool, Files, MIN_READ_BYTES, Root};
use crate::transmit::Transmit;
use cid::{Cid, CidTable};
use connection::{BURST_DATAGRAMS, Connection, Received};
use header::Header;
use stateless::Stateless;
use timers::Timers;
use token::Tokens;

/// Header fields of a request may be this large together, uncompressed. Beyond, quiche closes the
/// connection; so this is far more than what is answered (see `Request`).
const MAX_FIELD_SECTION_BYTES: u64 = 128 << 10;

/// An HTTP/3 file server over datagrams that the caller moves.
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
pub struct Server<L> {
    quic_config: quiche::Config,
    h3_config: quiche::h3::Config,
    root: Root,
    pool: Arc<ChunkPool>,
    tokens: Tokens,

    max_connections: usize,
    retry_above_half_open: usize,
    handshake_timeout: Duration,
    memory: Bounds,
    max_requests_given_up: u32,

    connections: Slab<Box<Connection<L>>>,
    ids: CidTable,
    /// Connections with something to do, each at most once.
    ready: VecDeque<usize>,
    timers: Timers,
    stateless: Stateless<L>,
    half_open: usize,
    closing: bool,
    counters: ServerStats,
}

/// Where a datagram came from.
#[derive(Clone, Copy)]
struct Origin<L> {
    from: SocketAddr,
    to: SocketAddr,
    link: L,
}

impl<L> std::fmt::Debug for Server<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("connections", &self.connections.len())
            .field("ready", &self.ready.len())
            .finish_non_exhaustive()
    }
}

impl<L: Copy + PartialEq> Server<L> {
    /// Sets up a server; `now` begins its clock.
    ///
    /// # Errors
    ///
    /// [`SetupError`]: the directory, the certificate or a setting can't be used.
    pub fn new(config: &ServerConfig, now: Instant) -> Result<Self, SetupError> {
        let root = Root::open(&config.root)?.with_dotfiles(config.dotfiles);
        let tls = config.identity.tls_context()?;
        let version = quiche::PROTOCOL_VERSION;
        let mut quic_config = quiche::Config::with_boring_ssl_ctx_builder(version, tls)?;
        config.transport.apply(&mut quic_config)?;
        let mut h3_config = quiche::h3::Config::new()?;
        h3_config.set_max_field_section_size(MAX_FIELD_SECTION_BYTES);
        Ok(Self {
            quic_config,
            h3_config,
            root,
            pool: Arc::default(),
            tokens: Tokens::new(now).ok_or(quiche::Error::CryptoFail)?,
            max_connections: config.max_connections,
            retry_above_half_open: config.retry_above_half_open,
            handshake_timeout: config.handshake_timeout,
            memory: Bounds::new(
                config.max_body_bytes_held.max(least_allowance(config)),
                config.max_total_body_bytes_held,
                config.max_connections,
            ),
            max_requests_given_up: config.max_requests_given_up,
            connections: Slab::new(),
            ids: CidTable::default(),
            ready: VecDeque::new(),
            timers: Timers::default(),
            stateless: Stateless::new(),
            half_open: 0,
            closing: false,
            counters: ServerStats::default(),
        })
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
        let Some(header) = Header::parse(datagram) else {
            self.counters.dropped.malformed += 1;
            return;
        };
        match self.ids.get(header.dcid()) {
            Some(slot) => self.deliver(slot, datagram, Origin { from, to, link }),
            None => self.admit(now, datagram, Origin { from, to, link }),
        }
    }

    fn deliver(&mut self, slot: usize, datagram: &mut [u8], origin: Origin<L>) {
        let Some(connection) = self.connections.get_mut(slot) else {
            self.counters.dropped.unknown_connection += 1;
            return;
        };
        match connection.receive(datagram, origin.from, origin.to, origin.link) {
            Received::Taken => self.counters.delivered += 1,
            Received::Ignored => self.counters.dropped.unauthentic += 1,
            Received::Failed => self.counters.dropped.violation += 1,
        }
        if connection.handshake_deadline.is_some() && connection.quic.is_established() {
            connection.handshake_deadline = None;
            self.half_open -= 1;
            self.counters.connections.established += 1;
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
            let files = Files {
                root: &self.root,
                pool: &self.pool,
                bounds: self.memory,
                credit: self.max_requests_given_up,
            };
            connection.service(&self.h3_config, &files, &mut self.counters.http, now);
            let migrations = connection.keep_ids(slot, &mut self.ids);
            self.counters.connections.migrations += migrations;
        }
        let (len, info) = connection.transmit(out)?;
        let transmit = Transmit {
            len,
            from: info.from,
            to: info.to,
            link: connection.links.to(info.to),
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
        let Some(connection) = self.connections.get_mut(slot) else {
            return;
        };
        connection.queued = false;
        connection.burst_left = BURST_DATAGRAMS;
        if connection.is_over(self.closing) {
            self.remove(slot);
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
            match connection.deadline() {
                Some(deadline) if deadline > now => {
                    connection.armed = self.timers.arm(slot, None, Some(deadline));
                }
                _ => {
                    connection.quic.on_timeout();
                    connection.dirty = true;
                    self.mark_ready(slot);
                }
            }
        }
    }

    /// Tells the client, unless that would be more than an address that isn't proven may be sent
    /// (RFC 9000, section 8.1).
    fn give_up_handshake(&mut self, slot: usize) {
        let Some(connection) = self.connections.get_mut(slot) else {
            return;
        };
        connection.handshake_deadline = None;
        connection.is_given_up = true;
        connection.dirty = true;
        let code = quiche::WireErrorCode::ConnectionRefused as u64;
        let _ = connection
            .quic
            .close(false, code, b"the handshake took too long");
        self.half_open -= 1;
        self.counters.connections.handshake_timeouts += 1;
        self.mark_ready(slot);
    }

    /// Says goodbye to every client, and accepts no more. Then call
    /// [`poll_transmit`](Self::poll_transmit) until [`is_drained`](Self::is_drained).
    pub fn close_all(&mut self, _now: Instant) {
        self.closing = true;
        let code = quiche::h3::WireErrorCode::NoError as u64;
        let slots: Vec<usize> = self.connections.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            if let Some(connection) = self.connections.get_mut(slot) {
                let _ = connection
                    .quic
                    .close(true, code, b"the server is shutting down");
                connection.dirty = true;
            }
            self.mark_ready(slot);
        }
    }

    /// After [`close_all`](Self::close_all): every goodbye has been written.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.closing && self.connections.is_empty() && self.stateless.is_empty()
    }

    /// The counters so far. Walks over the connections; not for every packet.
    #[must_use]
    pub fn stats(&self) -> ServerStats {
        let mut stats = self.counters;
        stats.connections.active = self.connections.len();
        stats.connections.half_open = self.half_open;
        stats.connections.ids = self.ids.len();
        stats.body_bytes_held = self.pool.held_bytes();
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

    fn remove(&mut self, slot: usize) {
        let Some(connection) = self.connections.try_remove(slot) else {
            return;
        };
        if let Some(armed) = connection.armed {
            self.timers.disarm(slot, armed);
        }
        if connection.handshake_deadline.is_some() {
            self.half_open -= 1;
        }
        for id in &connection.ids {
            self.ids.remove(*id);
        }
        self.counters.packets.add(&connection.quic.stats());
        self.counters.connections.idle_timeouts += u64::from(connection.quic.is_timed_out());
    }
}

/// With less, streams that a client doesn't read could keep those that it does from going on.
fn least_allowance(config: &ServerConfig) -> usize {
    let streams = usize::try_from(config.transport.max_streams).unwrap_or(usize::MAX);
    streams.saturating_mul(2 * MIN_READ_BYTES)
}
