//! `Client`: one connection to a server, without sockets or threads.
//!
//! ```text
//! request() -> waiting -> a stream -> events: Response, Body, Finished or Failed
//!   head        method, path and fields -> a checked header section
//!   outgoing    the body, as the stream takes it
//!   exchange    what of the response has come
//! handle_datagram -> ack clock -> poll_transmit asks quiche only when an answer is due
//! ```

mod acks;
mod asking;
mod certificate;
mod config;
mod connect;
mod ending;
mod event;
mod exchange;
mod failure;
mod head;
mod outgoing;
mod own_address;
mod requests;
mod responses;
mod silence;
mod stats;
mod validator;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use quiche::{RecvInfo, h3};

pub use acks::AckPolicy;
pub use certificate::{CertificateProblem, CertificateProblemKind};
pub use config::{ClientConfig, Trust};
pub use event::{ClientEvent, RequestId, ResponseHead};
pub use failure::{ConnectionEnd, RequestError};
pub use head::InvalidRequest;
pub use outgoing::RequestBody;
pub use stats::ClientStats;
pub use validator::{NoValidator, Validator};

use crate::black_hole::BlackHole;
use crate::error::SetupError;
use crate::notices::Notices;
use crate::quic::{QuicConnection, packets_received};
use crate::transmit::Transmit;
use acks::AckClock;
use connect::connect;
use ending::{Ending, Verdict};
use own_address::OwnAddress;
use requests::Requests;
use silence::Silence;

/// Header fields of a response may be this large together, uncompressed.
const MAX_FIELD_SECTION_BYTES: u64 = 64 << 10;

/// An HTTP/3 client over datagrams that the caller moves.
///
/// Give every received UDP payload to [`handle_datagram`](Self::handle_datagram); then take
/// events by [`poll_event`](Self::poll_event) and body bytes by [`read_body`](Self::read_body);
/// [`request`](Self::request) asks for something, with a body if need be;
/// then call [`poll_transmit`](Self::poll_transmit) until it returns `None`. When the time
/// that [`poll_timeout`](Self::poll_timeout) names is reached, call
/// [`handle_timeout`](Self::handle_timeout), and the others again.
///
/// The `now` arguments drive what this crate times: the handshake limit and held back
/// acknowledgements. quiche's own loss detection reads the clock itself, so `now` must be
/// the real time.
pub struct Client<L> {
    quic: Box<QuicConnection>,
    h3: Option<h3::Connection>,
    h3_config: h3::Config,
    requests: Requests,
    events: VecDeque<ClientEvent>,
    acks: AckClock,
    black_hole: BlackHole,
    silence: Silence,
    own: OwnAddress,
    link: L,
    ending: Ending,
    /// Until the handshake is done: when to give it up.
    handshake_deadline: Option<Instant>,
    /// When the last authentic packet came.
    heard: Instant,
    /// Something happened that was not looked at yet.
    dirty: bool,
    /// In the middle of writing what is due.
    flushing: bool,
    counters: ClientStats,
    notices: Notices,
}

impl<L> std::fmt::Debug for Client<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("server_name", &self.ending.server_name)
            .field("established", &self.quic.is_established())
            .finish_non_exhaustive()
    }
}

impl<L: Copy> Client<L> {
    /// Prepares a connection from `local` to `peer`; the first
    /// [`poll_transmit`](Self::poll_transmit) begins the handshake.
    ///
    /// `link` is the link-layer way to `peer`; see [`set_link`](Self::set_link).
    ///
    /// # Errors
    ///
    /// [`SetupError`]: the name, the trusted certificates or a setting can't be used.
    pub fn new(
        config: &ClientConfig,
        local: SocketAddr,
        peer: SocketAddr,
        link: L,
        now: Instant,
    ) -> Result<Self, SetupError> {
        let mut h3_config = h3::Config::new()?;
        h3_config.set_max_field_section_size(MAX_FIELD_SECTION_BYTES);
        Ok(Self {
            quic: Box::new(connect(config, local, peer)?),
            h3: None,
            h3_config,
            requests: Requests::new(config.authority.clone(), config.progress_timeout, now),
            events: VecDeque::new(),
            acks: AckClock::new(config.acks),
            black_hole: BlackHole::default(),
            silence: Silence::default(),
            own: OwnAddress::new(local),
            link,
            ending: Ending::new(config),
            handshake_deadline: Some(now + config.handshake_timeout),
            heard: now,
            dirty: false,
            flushing: false,
            counters: ClientStats::default(),
            notices: Notices::default(),
        })
    }

    /// Changes the link-layer way to the server, when routes or neighbours have changed.
    pub fn set_link(&mut self, link: L) {
        self.link = link;
    }

    /// Goes on from another local address or port, when the one so far is gone. The server learns of it
    /// by a packet that [`poll_transmit`](Self::poll_transmit) then has; its answers are addressed to
    /// `local`, and `handle_datagram` takes them. Before the handshake is done a server goes on
    /// sending to the first address (RFC 9000, section 9).
    pub fn set_local(&mut self, local: SocketAddr) {
        if self.own.change(&mut self.quic, local) {
            self.acks.urge();
        }
    }

    /// Takes in a UDP payload, decrypting it where it lies. `from` is the server, `to` the
    /// local address it was sent to. The bytes are scrambled.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        from: SocketAddr,
        to: SocketAddr,
    ) {
        self.counters.datagrams_in += 1;
        self.counters.bytes_in += datagram.len() as u64;
        if !self.quic.is_established() {
            // Each step of the handshake wants its answer at once.
            self.acks.urge();
        }
        let to = self.own.to_quiche(to);
        let before = packets_received(&self.quic, to, from);
        match self.quic.recv(datagram, RecvInfo { from, to }) {
            Ok(_) => {}
            Err(error) => {
                if let Some(left_out) = self.notices.admit(now) {
                    tracing::debug!(%error, left_out, "the connection to the server failed");
                }
                if error == quiche::Error::UnknownVersion {
                    self.ending.note(Verdict::WrongVersion);
                }
                self.acks.urge();
            }
        }
        if packets_received(&self.quic, to, from) > before {
            self.acks.received(now);
            self.heard = now;
            self.silence.heard(now);
        } else {
            self.counters.datagrams_ignored += 1;
        }
        if self.quic.is_established() {
            self.handshake_deadline = None;
        }
        self.dirty = true;
    }

    /// The next event. `None`: nothing new until a datagram arrives or a timeout is handled.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.service();
        if self.events.is_empty() {
            let end = self.ending.tell(&mut self.quic);
            self.events.extend(end.map(ClientEvent::Closed));
        }
        self.events.pop_front()
    }

    /// Writes the next datagram to send into `out`, sealed there. `None`: nothing to send
    /// until a datagram arrives or the timeout is reached.
    ///
    /// `out` must hold `max_udp_payload_bytes` of the configuration. What only acknowledges
    /// is held back as [`AckPolicy`] says, so calling this after every few received
    /// datagrams costs little; `poll_timeout` then names the time by which to call again.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit<L>> {
        self.service();
        self.requests.note_progress(now);
        if !self.flushing && !self.acks.is_due(now) {
            return None;
        }
        let Some((len, info)) = self.send(out) else {
            self.flushing = false;
            self.acks.flushed();
            return None;
        };
        self.flushing = true;
        self.counters.datagrams_out += 1;
        self.counters.bytes_out += len as u64;
        Some(Transmit {
            len,
            from: self.own.current(),
            to: info.to,
            link: self.link,
        })
    }

    fn send(&mut self, out: &mut [u8]) -> Option<(usize, quiche::SendInfo)> {
        let out = self.black_hole.room(out);
        match self.quic.send(out) {
            Ok(sent) => Some(sent),
            Err(quiche::Error::Done) => None,
            Err(error) => {
                tracing::debug!(%error, "the connection to the server can't send");
                self.dirty = true;
                let code = quiche::WireErrorCode::InternalError as u64;
                // Refused when it is closing already, for example after a failed handshake.
                let _ = self.quic.close(false, code, b"");
                self.quic.send(out).ok()
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) must be called at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.quic.is_closed() {
            return None;
        }
        let timers = [
            self.quic.timeout_instant(),
            self.handshake_deadline,
            self.acks.deadline(),
            self.h3.as_ref().and_then(|_| self.requests.deadline()),
            self.silence.deadline().filter(|_| self.is_waiting()),
        ];
        timers.into_iter().flatten().min()
    }

    /// Has the time for the handshake begin at `now`, if it is not complete: for a client that was made
    /// before packets could leave.
    pub fn restart_handshake_timeout(&mut self, now: Instant) {
        if let Some(deadline) = &mut self.handshake_deadline {
            *deadline = now + self.ending.handshake_timeout;
        }
    }

    /// Does what is due at `now`. Then look for events and transmits.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.quic.timeout_instant().is_some_and(|due| due <= now) {
            self.black_hole.on_timeout(&mut self.quic);
            self.acks.urge();
            self.dirty = true;
        }
        if self.is_waiting() && self.silence.is_over(now) {
            // Fails only for a connection that is over.
            let _ = self.quic.send_ack_eliciting();
            self.acks.urge();
        }
        if self.handshake_deadline.is_some_and(|due| due <= now) {
            self.handshake_deadline = None;
            self.end(Verdict::HandshakeExpired);
        }
        self.service();
        self.requests.note_progress(now);
        if self.h3.is_some() && self.requests.deadline().is_some_and(|due| due <= now) {
            // A server that is silent is more than a request without progress.
            let silence = now.saturating_duration_since(self.heard);
            if !self
                .requests
                .may_wait(now, silence, self.ending.idle_timeout)
            {
                self.requests.expire(now, &mut self.quic, &mut self.events);
                self.acks.urge();
            }
        }
    }

    /// Whether a response is due.
    fn is_waiting(&self) -> bool {
        self.requests.are_active() && !self.is_over()
    }

    /// Ends the connection, telling the server. Call [`poll_transmit`](Self::poll_transmit)
    /// once more until it returns `None`.
    pub fn close(&mut self, _now: Instant) {
        self.end(Verdict::ClosedByUs);
    }

    fn end(&mut self, verdict: Verdict) {
        self.ending.note(verdict);
        let code = h3::WireErrorCode::NoError as u64;
        let _ = self.quic.close(true, code, b"");
        self.acks.urge();
        self.dirty = true;
    }

    /// Whether the handshake is done.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.quic.is_established() && !self.is_over()
    }

    /// Whether the connection is over: the client can be dropped once
    /// [`poll_transmit`](Self::poll_transmit) has nothing more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        ending::is_over(&self.quic)
    }

    /// The counters so far.
    #[must_use]
    pub fn stats(&self) -> ClientStats {
        let mut stats = self.counters;
        let quic = self.quic.stats();
        stats.packets_sent = quic.sent as u64;
        stats.packets_received = quic.recv as u64;
        stats.packets_lost = quic.lost as u64;
        stats.packets_retransmitted = quic.retrans as u64;
        if let Some(path) = self.quic.path_stats().find(|path| path.active) {
            stats.rtt = path.rtt;
            stats.min_rtt = path.min_rtt.unwrap_or_default();
            stats.congestion_window_bytes = path.cwnd;
            stats.udp_payload_bytes = self.black_hole.payload_bytes(path.pmtu);
        }
        stats
    }

    /// Starts HTTP/3, sends waiting requests, and turns what came in into events.
    fn service(&mut self) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        while self.quic.path_event_next().is_some() {}
        if self.h3.is_none() && self.quic.is_established() && !self.is_over() {
            match h3::Connection::with_transport(&mut self.quic, &self.h3_config) {
                Ok(h3) => {
                    self.h3 = Some(h3);
                    self.requests.begin();
                    self.events.push_back(ClientEvent::Connected);
                    self.acks.urge();
                }
                Err(error) => {
                    tracing::debug!(%error, "HTTP/3 can't start");
                    let code = h3::WireErrorCode::GeneralProtocolError as u64;
                    let _ = self.quic.close(true, code, b"HTTP/3 can't start");
                }
            }
        }
        let Some(h3) = &mut self.h3 else {
            return;
        };
        let quic = &mut self.quic;
        let mut any = self.requests.send(h3, quic, &mut self.events);
        if !ending::is_over(quic) {
            any |= self.requests.send_bodies(h3, quic, &mut self.events);
        }
        if any {
            self.acks.urge();
        }
        self.requests.poll(h3, quic, &mut self.events);
        self.requests.forget_cut_short(h3, quic);
    }
}
