//! `Connection`: one QUIC connection to a server, whatever protocol runs on it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use quiche::RecvInfo;

use super::acks::AckClock;
use super::config::ClientConfig;
use super::connect::connect;
use super::ending::{self, Ending, Verdict};
use super::failure::ConnectionEnd;
use super::own_address::OwnAddress;
use super::silence::Silence;
use super::stats::ClientStats;
use super::ticket::{Ticket, Whom};
use crate::black_hole::BlackHole;
use crate::endpoint::{Endpoint, Transmit};
use crate::error::SetupError;
use crate::key_use::{KeyUse, MAX_PACKETS_SENT};
use crate::notices::Notices;
use crate::pacer::Pacer;
use crate::quic::{QuicConnection, packets_received};

/// A QUIC connection to a server over datagrams that the caller moves, for a protocol of your own.
/// ([`Client`](super::Client) is HTTP/3 over one.)
///
/// It handles the handshake's time limit, the timers and the acknowledgements. Streams and
/// unreliable datagrams are read and written with quiche's methods on [`quic`](Self::quic). Move
/// packets with the methods of [`Endpoint`], or have a [driver](crate::driver) do it. After each
/// received datagram and each timeout, read until quiche returns `Done`, write, and call
/// [`flush`](Self::flush).
///
/// With a [`ticket`](ClientConfig::ticket), data written while quiche's `is_in_early_data` is true
/// (from the first [`poll_transmit`](Endpoint::poll_transmit) on) is sent before the handshake is
/// done, and an attacker can replay it to the server.
///
/// Don't call `recv`, `send`, `on_timeout`, `close`, `retire_dcid` or `path_event_next` on the
/// [`QuicConnection`]: those are the connection's.
///
/// ```
/// use std::net::SocketAddr;
/// use std::time::Instant;
/// use xskit_quic::client::{Connection, Trust};
/// use xskit_quic::{ClientConfig, SetupError};
///
/// # fn f(local: SocketAddr, peer: SocketAddr) -> Result<(), SetupError> {
/// let config = ClientConfig::new("server.test", 4433, Trust::System);
/// let mut connection = Connection::new(&config, &[b"echo"], local, peer, (), Instant::now())?;
/// // Once the handshake is done:
/// if connection.is_established() {
///     connection.quic().stream_send(0, b"hello", true)?;
///     connection.flush();
/// }
/// # Ok(())
/// # }
/// ```
pub struct Connection<L> {
    quic: Box<QuicConnection>,
    acks: AckClock,
    black_hole: BlackHole,
    pacer: Pacer,
    /// When the next datagram may leave, if the pacer holds it back now.
    held_until: Option<Instant>,
    keys: KeyUse,
    silence: Silence,
    /// Marks this connection's tickets: the server's name and the trust.
    whom: Whom,
    /// A response is due from the server.
    is_waiting: bool,
    own: OwnAddress,
    link: L,
    ending: Ending,
    /// When to abandon the handshake; `None` once it is done.
    handshake_deadline: Option<Instant>,
    /// When the last authentic packet came.
    heard: Instant,
    /// Not everything that is due has been written.
    flushing: bool,
    /// A packet has left since the handshake was done here, with the message that completes it at
    /// the server.
    has_finished: bool,
    /// The application's error code and reason of a close that waits for that packet. The server
    /// can't read the close earlier, and quiche sends nothing else on a closed connection.
    close_later: Option<(u64, Vec<u8>)>,
    counters: ClientStats,
    notices: Notices,
}

impl<L> std::fmt::Debug for Connection<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("server_name", &self.ending.server_name)
            .field("established", &self.quic.is_established())
            .finish_non_exhaustive()
    }
}

impl<L: Copy> Connection<L> {
    /// Prepares a connection from `local` to `peer`; the first
    /// [`poll_transmit`](Endpoint::poll_transmit) begins the handshake.
    ///
    /// `protocols` are the names to offer by ALPN (RFC 7301), in order of preference. `authority`
    /// and `progress_timeout` of the configuration are HTTP's and have no effect here. `link` is
    /// the way to `peer` on the link layer; see [`set_link`](Self::set_link).
    ///
    /// # Errors
    ///
    /// - [`SetupError::ServerName`] if the name is neither a host name nor an IP address.
    /// - [`SetupError::TrustFile`] or [`TrustPem`](SetupError::TrustPem) if the trusted
    ///   certificates can't be read, or there are none.
    /// - [`SetupError::UdpPayload`] if `max_udp_payload_bytes` is outside QUIC's range.
    /// - [`SetupError::Tls`] or [`Quic`](SetupError::Quic) if BoringSSL or quiche refuses a
    ///   setting, or the random source fails.
    pub fn new(
        config: &ClientConfig,
        protocols: &[&[u8]],
        local: SocketAddr,
        peer: SocketAddr,
        link: L,
        now: Instant,
    ) -> Result<Self, SetupError> {
        Ok(Self {
            quic: Box::new(connect(config, protocols, local, peer)?),
            acks: AckClock::new(config.acks),
            black_hole: BlackHole::default(),
            pacer: Pacer::new(now),
            held_until: None,
            keys: KeyUse::new(MAX_PACKETS_SENT),
            silence: Silence::default(),
            whom: config.whom(),
            is_waiting: false,
            own: OwnAddress::new(local),
            link,
            ending: Ending::new(config),
            handshake_deadline: Some(now + config.handshake_timeout),
            heard: now,
            flushing: false,
            has_finished: false,
            close_later: None,
            counters: ClientStats::default(),
            notices: Notices::default(),
        })
    }

    /// quiche's connection: streams, unreliable datagrams, and what was negotiated.
    pub fn quic(&mut self) -> &mut QuicConnection {
        &mut self.quic
    }

    /// Has the next [`poll_transmit`](Endpoint::poll_transmit) send what was written. Otherwise it
    /// may wait as long as an acknowledgement does ([`AckPolicy`](super::AckPolicy)).
    pub fn flush(&mut self) {
        self.acks.urge();
    }

    /// Sets whether a response is due from the server. If it is and the server falls silent, a
    /// packet is sent to it: behind a NAT that has dropped this client's binding, the server learns
    /// the new address by it.
    pub fn set_waiting(&mut self, is_waiting: bool) {
        self.is_waiting = is_waiting;
    }

    /// Changes the link to the server, after a change of routes or neighbours.
    pub fn set_link(&mut self, link: L) {
        self.link = link;
    }

    /// Moves to another local address or port, when the present one is gone. The next
    /// [`poll_transmit`](Endpoint::poll_transmit) has a packet that informs the server, which then
    /// answers to `local`. Before the handshake is done, a server keeps sending to the first
    /// address (RFC 9000, section 9).
    pub fn set_local(&mut self, local: SocketAddr) {
        if self.own.change(&mut self.quic, local) {
            self.acks.urge();
        }
    }

    fn send(&mut self, out: &mut [u8]) -> Option<(usize, quiche::SendInfo)> {
        if self.keys.take_spent() {
            let code = quiche::WireErrorCode::AeadLimitReached as u64;
            let reason = b"the keys have protected all that they may";
            let _ = self.quic.close(false, code, reason);
        }
        let out = self.black_hole.room(out);
        match self.quic.send(out) {
            Ok(sent) => {
                self.keys.add_sent();
                self.has_finished |= self.quic.is_established();
                if let Some((code, reason)) = self.close_later.take() {
                    let _ = self.quic.close(true, code, &reason);
                }
                Some(sent)
            }
            Err(quiche::Error::Done) => None,
            Err(error) => {
                tracing::debug!(%error, "the connection to the server can't send");
                let code = quiche::WireErrorCode::InternalError as u64;
                // Fails if it is closing already, for example after a failed handshake.
                let _ = self.quic.close(false, code, b"");
                self.quic.send(out).ok()
            }
        }
    }

    /// Restarts the handshake's time limit at `now`, if the handshake is not complete: for a
    /// connection that was created before packets could leave.
    pub fn restart_handshake_timeout(&mut self, now: Instant) {
        if let Some(deadline) = &mut self.handshake_deadline {
            *deadline = now + self.ending.handshake_timeout;
        }
    }

    fn breaks_silence(&self) -> bool {
        self.is_waiting && !self.is_over()
    }

    /// The time since the last authentic packet.
    pub(super) fn silence(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.heard)
    }

    pub(super) fn idle_timeout(&self) -> Duration {
        self.ending.idle_timeout
    }

    /// Closes the connection with the application's error code. Then call
    /// [`poll_transmit`](Endpoint::poll_transmit) until it returns `None`.
    pub fn close(&mut self, code: u64, reason: &[u8]) {
        self.end(Verdict::ClosedByUs, code, reason);
    }

    fn end(&mut self, verdict: Verdict, code: u64, reason: &[u8]) {
        self.ending.note(verdict);
        if self.quic.is_established() && !self.has_finished {
            self.close_later = Some((code, reason.to_vec()));
        } else {
            // Fails if it is closing already.
            let _ = self.quic.close(true, code, reason);
        }
        self.acks.urge();
    }

    /// Closes the connection because the server violated the application's protocol.
    pub(super) fn refuse(&mut self, code: u64, reason: &[u8]) {
        self.end(Verdict::Open, code, reason);
    }

    /// Whether the handshake is complete.
    #[must_use]
    pub fn is_established(&self) -> bool {
        self.quic.is_established()
    }

    /// Whether the connection is established and resumes an earlier one ([`ClientConfig::ticket`]).
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.is_established() && self.quic.is_resumed()
    }

    /// The server's latest ticket for another connection, if it has sent one. Servers send tickets
    /// after the handshake, so ask at the end of the connection.
    #[must_use]
    pub fn ticket(&self) -> Option<Ticket> {
        let session = self.quic.session()?;
        Some(Ticket::new(self.whom, session))
    }

    /// Whether written data is sent before the handshake is done.
    pub(super) fn is_early(&self) -> bool {
        self.quic.is_in_early_data() && !self.is_over()
    }

    /// Whether HTTP/3 can begin before the handshake is done: it opens three streams first (RFC
    /// 9114, section 6.2).
    pub(super) fn takes_early_http(&self) -> bool {
        self.is_early() && self.quic.peer_streams_left_uni() >= 3
    }

    /// Whether the connection is over. It can be dropped once
    /// [`poll_transmit`](Endpoint::poll_transmit) returns `None`.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.close_later.is_some() || ending::is_over(&self.quic)
    }

    /// How the connection ended. Returned once, when it is over and everything that came before the
    /// end was read.
    pub fn poll_end(&mut self) -> Option<ConnectionEnd> {
        self.ending.tell(&mut self.quic)
    }

    /// The counters so far; `body_bytes` is HTTP's and 0 here.
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
}

impl<L: Copy> Endpoint for Connection<L> {
    type LinkPath = L;

    /// The link that a datagram came by is not followed: the kernel's routes decide the way to the
    /// server ([`set_link`](Connection::set_link)).
    fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        from: SocketAddr,
        to: SocketAddr,
        _link: L,
    ) {
        self.counters.datagrams_in += 1;
        self.counters.bytes_in += datagram.len() as u64;
        if !self.quic.is_established() {
            // Each handshake message needs an immediate answer.
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
            self.keys.add_forged();
        }
        if self.quic.is_established() {
            self.handshake_deadline = None;
        }
        while self.quic.path_event_next().is_some() {}
    }

    /// A packet that only acknowledges is held back as [`AckPolicy`](super::AckPolicy) says, so
    /// calling this after every few received datagrams costs little. `poll_timeout` then returns
    /// when to call again.
    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit<L>> {
        if !self.flushing && !self.acks.is_due(now) {
            return None;
        }
        // The goodbye does not wait for the pacer, and neither does anything after it.
        let held_until = self.pacer.hold(now, &mut self.quic);
        self.held_until = held_until.filter(|_| !self.is_over());
        if self.held_until.is_some() {
            return None;
        }
        let Some((len, info)) = self.send(out) else {
            self.flushing = false;
            self.acks.flushed();
            return None;
        };
        self.flushing = true;
        self.pacer.sent(len);
        self.counters.datagrams_out += 1;
        self.counters.bytes_out += len as u64;
        Some(Transmit {
            len,
            from: self.own.current(),
            to: info.to,
            link: self.link,
        })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        if self.quic.is_closed() {
            return None;
        }
        let timers = [
            self.quic.timeout_instant(),
            self.handshake_deadline,
            self.held_until.or_else(|| self.acks.deadline()),
            self.silence.deadline().filter(|_| self.breaks_silence()),
        ];
        timers.into_iter().flatten().min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.quic.timeout_instant().is_some_and(|due| due <= now) {
            self.black_hole.on_timeout(&mut self.quic);
            self.acks.urge();
            while self.quic.path_event_next().is_some() {}
        }
        if self.breaks_silence() && self.silence.take_due(now) {
            // Fails only if the connection is over.
            let _ = self.quic.send_ack_eliciting();
            self.acks.urge();
        }
        if self.handshake_deadline.is_some_and(|due| due <= now) {
            self.handshake_deadline = None;
            // The code doesn't reach the server, which has no application keys yet.
            self.end(Verdict::HandshakeExpired, 0, b"");
        }
    }
}
