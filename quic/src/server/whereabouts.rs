//! `Whereabouts`: the client's present address, which is hidden from quiche.
//!
//! quiche has separate loss recovery per path, and follows a client to a new address at once. What
//! was in flight on the old path is then never declared lost, because no later packet on that path
//! is acknowledged. quiche also never frees a path, so it follows only a few moves. So quiche sees
//! the client's first address, the *home*, for the life of the connection, and `Whereabouts`
//! translates. The server moves to an address once the client has proven it (RFC 9000, section 9):
//!
//! ```text
//! datagram from elsewhere -> probe: a second path of quiche's, used for PATH_CHALLENGE alone
//!          PATH_RESPONSE  -> the client is there; the probe is made to fail, so that it can be used
//!                            for the next address
//! ```
//!
//! Until then data goes where it went before, so a forged source address diverts nothing. The new
//! address gets challenges, at most three times the bytes that came from it.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::paths::{self, State, Taken, deliver};
use crate::quic::QuicConnection;

/// Bytes that may be sent to an unproven address per byte received from it.
const AMPLIFICATION: usize = 3;

/// Set in the first byte of a packet with a long header.
const LONG_FORM: u8 = 0x80;

/// The first byte of a packet with a short header.
const SHORT_HEADER: u8 = 0x40;

/// Room for a packet that holds a PATH_CHALLENGE or a PING and little else.
const SMALL_PACKET_BYTES: usize = 64;

/// Sealed packets of the probe that may wait; more are of no use.
const MAX_SEALED: usize = 8;

/// A client's address, and the address that it may have moved to.
#[derive(Debug)]
pub(super) struct Whereabouts {
    /// The server's address and the client's first, as quiche knows them.
    local: SocketAddr,
    home: SocketAddr,
    /// The client's proven address.
    current: SocketAddr,
    /// Set if the client's last datagram came from another address.
    heard: Option<Heard>,
    probe: Probe,
    /// quiche has seen an answer to a challenge, so it no longer limits what the probe sends.
    is_tried: bool,
    /// quiche needs a datagram on the probe's path before it can write packets there: there was
    /// none yet, or the client has retired the id of the last one.
    is_stale: bool,
    /// quiche's active path is the probe's: nothing is sent until that changes.
    astray: bool,
    /// The probe's packets, and where they go.
    sealed: VecDeque<(Vec<u8>, SocketAddr)>,
    moves: u64,
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    from: SocketAddr,
    /// Bytes that may be sent there.
    credit: usize,
}

/// The state of the path that carries the challenges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Probe {
    /// It can be used: it doesn't exist yet, or has failed.
    Ready,
    /// Challenges were sent to this address, and to no other.
    Asked(SocketAddr),
    /// A challenge was answered. quiche reports an answer only if the path had failed before, so
    /// the next challenge is written and thrown away; true once that is done.
    Failing(bool),
}

/// A datagram that was written, and its addresses.
pub(super) struct Outgoing {
    pub(super) len: usize,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
}

impl Whereabouts {
    pub(super) fn new(local: SocketAddr, peer: SocketAddr) -> Self {
        Self {
            local,
            home: peer,
            current: peer,
            heard: None,
            probe: Probe::Ready,
            is_tried: false,
            is_stale: true,
            astray: false,
            sealed: VecDeque::new(),
            moves: 0,
        }
    }

    /// The client's proven address.
    pub(super) fn peer(&self) -> SocketAddr {
        self.current
    }

    /// Hands a datagram to quiche.
    pub(super) fn receive(
        &mut self,
        quic: &mut QuicConnection,
        datagram: &mut [u8],
        from: SocketAddr,
        to: SocketAddr,
    ) -> Taken {
        if !quic.is_established() {
            // Clients must not move before (RFC 9000, section 9), and quiche enforces that.
            let taken = deliver(quic, datagram, from, to);
            self.begin(quic);
            return taken;
        }
        if from != self.current || to != self.local {
            return self.receive_elsewhere(quic, datagram, from, to);
        }
        let for_probe = self.probe == Probe::Failing(false) && self.needs_datagram(datagram);
        let taken = match for_probe {
            true => self.show_probe(quic, datagram),
            false => deliver(quic, datagram, self.home, self.local),
        };
        if taken.is_authentic() {
            self.heard = None;
        }
        self.look(quic);
        taken
    }

    /// Once the handshake is done, home is quiche's active path.
    fn begin(&mut self, quic: &QuicConnection) {
        if !quic.is_established() {
            return;
        }
        if let Some(path) = quic.path_stats().find(|path| path.active) {
            (self.local, self.home, self.current) =
                (path.local_addr, path.peer_addr, path.peer_addr);
        }
    }

    fn receive_elsewhere(
        &mut self,
        quic: &mut QuicConnection,
        datagram: &mut [u8],
        from: SocketAddr,
        to: SocketAddr,
    ) -> Taken {
        if to != self.local {
            // A connection has one address of the server.
            let nothing = Ok(datagram.len());
            return Taken {
                result: nothing,
                packets: 0,
            };
        }
        let credit = datagram.len() * AMPLIFICATION;
        let for_probe = self.probe == Probe::Ready && self.needs_datagram(datagram);
        let taken = match for_probe {
            true => self.begin_probe(quic, datagram, from, credit),
            false => self.show_home(quic, datagram, from, credit),
        };
        self.look(quic);
        taken
    }

    fn show_home(
        &mut self,
        quic: &mut QuicConnection,
        datagram: &mut [u8],
        from: SocketAddr,
        credit: usize,
    ) -> Taken {
        let before = quic.stats().path_challenge_rx_count;
        let taken = deliver(quic, datagram, self.home, self.local);
        if !taken.is_authentic() {
            return taken;
        }
        // The answer to a PATH_CHALLENGE must go where the challenge came from.
        let asks = quic.stats().path_challenge_rx_count > before;
        let answer = asks.then(|| self.seal(quic, self.home, credit)).flatten();
        let spent = answer.as_ref().map_or(0, Vec::len);
        self.hear(from, credit.saturating_sub(spent));
        if let Some(answer) = answer {
            self.put(answer, from);
        }
        taken
    }

    /// Whether to deliver this datagram on the probe's path. Long headers belong to the handshake.
    fn needs_datagram(&self, datagram: &[u8]) -> bool {
        let is_short = datagram.first().is_some_and(|first| first & LONG_FORM == 0);
        self.is_stale && is_short
    }

    /// Delivers a datagram on the probe's path. quiche follows the client there, until the next
    /// datagram comes from home or a challenge fails.
    fn show_probe(&mut self, quic: &mut QuicConnection, datagram: &mut [u8]) -> Taken {
        let taken = deliver(quic, datagram, self.probe_address(), self.local);
        if taken.is_authentic() {
            self.is_stale = false;
            self.astray = !paths::is_active(quic, self.home);
        }
        taken
    }

    fn begin_probe(
        &mut self,
        quic: &mut QuicConnection,
        datagram: &mut [u8],
        from: SocketAddr,
        credit: usize,
    ) -> Taken {
        let taken = self.show_probe(quic, datagram);
        if !taken.is_authentic() {
            return taken;
        }
        if self.astray {
            self.hear(from, credit);
        } else if let Some(answer) = self.seal(quic, self.probe_address(), credit) {
            // The client only probes the address and wants an answer; quiche adds a challenge.
            self.put(answer, from);
            if self.state(quic) == Some(State::Validating) {
                self.probe = Probe::Asked(from);
            }
        }
        taken
    }

    fn hear(&mut self, from: SocketAddr, credit: usize) {
        let before = self.heard.filter(|heard| heard.from == from);
        let left = before.map_or(0, |heard| heard.credit);
        let credit = left.saturating_add(credit);
        self.heard = Some(Heard { from, credit });
    }

    /// Checks the probe's state and acts on it. Nothing to do for a client that has not moved.
    fn look(&mut self, quic: &mut QuicConnection) {
        if self.heard.is_none() && self.probe == Probe::Ready && !self.astray {
            return;
        }
        if self.astray {
            self.astray = !paths::is_active(quic, self.home);
        }
        let state = self.state(quic);
        match (self.probe, state) {
            (Probe::Asked(asked), Some(state)) if state > State::Validating => {
                self.probe = Probe::Failing(false);
                self.is_tried = true;
                self.moved(asked);
            }
            (_, None | Some(State::Failed)) => self.probe = Probe::Ready,
            (Probe::Ready, Some(state)) if state > State::Unknown => {
                self.probe = Probe::Failing(false);
            }
            _ => {}
        }
        match self.probe {
            Probe::Ready => self.challenge(quic),
            Probe::Failing(false) => {
                let _ = quic.probe_path(self.local, self.probe_address());
                let thrown_away = self.seal(quic, self.probe_address(), SMALL_PACKET_BYTES);
                self.probe = Probe::Failing(thrown_away.is_some());
            }
            Probe::Failing(true) | Probe::Asked(_) => {}
        }
        if self.astray && !paths::works(quic) {
            // quiche has followed the client to a path that has failed: make it return home.
            quic.on_timeout();
            self.astray = !paths::is_active(quic, self.home);
        }
    }

    /// An address was proven. If the client has been heard from another since, that one counts.
    fn moved(&mut self, proven: SocketAddr) {
        if self.heard.is_some_and(|heard| heard.from == proven) {
            tracing::debug!(from = %self.current, to = %proven, "a client has moved");
            self.heard = None;
            self.current = proven;
            self.moves += 1;
        }
    }

    /// Challenges the address that the client was last heard from.
    fn challenge(&mut self, quic: &mut QuicConnection) {
        let Some(heard) = self.heard.filter(|heard| heard.credit > 0) else {
            return;
        };
        if !self.is_tried && self.state(quic) == Some(State::Failed) {
            self.allow(quic, heard.credit);
        }
        if quic.probe_path(self.local, self.probe_address()).is_err() {
            self.is_stale = true;
            return;
        }
        let Some(challenge) = self.seal(quic, self.probe_address(), heard.credit) else {
            return;
        };
        let credit = heard.credit.saturating_sub(challenge.len());
        self.heard = Some(Heard { credit, ..heard });
        self.probe = Probe::Asked(heard.from);
        self.put(challenge, heard.from);
    }

    /// Raises quiche's limit on the bytes sent to the probe's address, which is unproven to it:
    /// quiche counts what comes from there, authentic or not.
    fn allow(&self, quic: &mut QuicConnection, bytes: usize) {
        let bytes = bytes.min(quic.max_send_udp_payload_size());
        let mut nothing = vec![SHORT_HEADER; bytes / AMPLIFICATION];
        deliver(quic, &mut nothing, self.probe_address(), self.local);
    }

    /// Call after quiche's timers have run.
    pub(super) fn after_timeout(&mut self, quic: &mut QuicConnection) {
        if self.state(quic).is_none() {
            return;
        }
        self.look(quic);
        let Some(packet) = self.seal(quic, self.probe_address(), SMALL_PACKET_BYTES) else {
            return;
        };
        // While a challenge is out, the packet may be another one: it is thrown away, so that the
        // path fails. Otherwise it recovers what was lost on the probe's path, whose timers stop
        // once it is acknowledged.
        if !matches!(self.probe, Probe::Asked(_)) {
            self.put(packet, self.current);
        }
    }

    /// Writes the next datagram and returns where it goes.
    pub(super) fn transmit(
        &mut self,
        quic: &mut QuicConnection,
        out: &mut [u8],
    ) -> quiche::Result<Outgoing> {
        while let Some((packet, to)) = self.sealed.pop_front() {
            // A packet that no longer fits counts as lost.
            let Some(room) = out.get_mut(..packet.len()) else {
                continue;
            };
            room.copy_from_slice(&packet);
            return Ok(Outgoing {
                len: packet.len(),
                from: self.local,
                to,
            });
        }
        if !quic.is_established() || quic.local_error().is_some() {
            let (len, info) = quic.send(out)?;
            let is_ours = info.to == self.home || info.to == self.probe_address();
            let to = if is_ours { self.current } else { info.to };
            let from = info.from;
            return Ok(Outgoing { len, from, to });
        }
        if self.astray {
            return Err(quiche::Error::Done);
        }
        let (len, info) = quic.send_on_path(out, Some(self.local), Some(self.home))?;
        Ok(Outgoing {
            len,
            from: info.from,
            to: self.current,
        })
    }

    /// How often the client has moved since the last call.
    pub(super) fn take_moves(&mut self) -> u64 {
        std::mem::take(&mut self.moves)
    }

    /// A packet of that path, if it has anything to send.
    fn seal(
        &mut self,
        quic: &mut QuicConnection,
        path: SocketAddr,
        bytes: usize,
    ) -> Option<Vec<u8>> {
        let mut packet = vec![0; bytes.min(quic.max_send_udp_payload_size())];
        match quic.send_on_path(&mut packet, Some(self.local), Some(path)) {
            Ok((len, _)) => {
                packet.truncate(len);
                Some(packet)
            }
            Err(error) => {
                let is_probe = path == self.probe_address();
                self.is_stale |= is_probe && error == quiche::Error::InvalidState;
                None
            }
        }
    }

    fn put(&mut self, packet: Vec<u8>, to: SocketAddr) {
        if self.sealed.len() < MAX_SEALED {
            self.sealed.push_back((packet, to));
        }
    }

    /// The probe's address in quiche: one that no datagram comes from.
    fn probe_address(&self) -> SocketAddr {
        match self.home {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        }
    }

    fn state(&self, quic: &QuicConnection) -> Option<State> {
        State::of(quic, self.probe_address())
    }
}
