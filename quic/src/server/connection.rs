//! `Connection`: one client, from its first packet to its last.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use quiche::{RecvInfo, SendInfo};

use super::cid::{Cid, CidTable};
use super::links::Links;
use crate::http::{Files, HttpCounters, Session};
use crate::quic::{Quic, packets_received};

/// Datagrams a connection sends before the next one has its turn.
pub(super) const BURST_DATAGRAMS: u32 = 16;

/// A client's connection.
pub(super) struct Connection<L> {
    pub(super) quic: Quic,
    session: Option<Session>,
    pub(super) links: Links<L>,
    /// Every id it is known by in the table.
    pub(super) ids: Vec<Cid>,
    /// In the queue of those with something to do.
    pub(super) queued: bool,
    /// Something happened since it was last serviced.
    pub(super) dirty: bool,
    pub(super) burst_left: u32,
    /// Its entry in the timers.
    pub(super) armed: Option<Instant>,
    /// Until the handshake is done: when to give it up.
    pub(super) handshake_deadline: Option<Instant>,
    /// The handshake took too long.
    pub(super) is_given_up: bool,
}

/// Whether the second way leads to this host, where the first did until now.
pub type LinkJudge<L> = Box<dyn FnMut(IpAddr, L, L) -> bool + Send>;

/// What a datagram did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// Something new and authentic was in it.
    Taken,
    /// Nothing was.
    Ignored,
    /// It ended the connection.
    Failed,
}

impl<L: Copy + PartialEq> Connection<L> {
    pub(super) fn new(quic: Quic, peer: SocketAddr, link: L, handshake_deadline: Instant) -> Self {
        Self {
            quic,
            session: None,
            links: Links::new(peer, link),
            ids: Vec::with_capacity(9),
            queued: false,
            dirty: true,
            burst_left: BURST_DATAGRAMS,
            armed: None,
            handshake_deadline: Some(handshake_deadline),
            is_given_up: false,
        }
    }

    /// Decrypts a datagram in place and takes in what it says.
    pub(super) fn receive(
        &mut self,
        datagram: &mut [u8],
        from: SocketAddr,
        to: SocketAddr,
        link: L,
        judge: Option<&mut LinkJudge<L>>,
    ) -> Received {
        let before = packets_received(&self.quic, to, from);
        let result = self.quic.recv(datagram, RecvInfo { from, to });
        self.dirty = true;
        let authentic = packets_received(&self.quic, to, from) > before;
        if authentic && !self.links.knows(from, link) {
            self.learn_link(from, link, judge);
        }
        match result {
            Err(error) => {
                tracing::debug!(%from, %error, "the client broke the protocol");
                Received::Failed
            }
            Ok(_) if authentic => Received::Taken,
            Ok(_) => Received::Ignored,
        }
    }

    /// Whoever is on the same wire can send a copy of a genuine datagram from a MAC address of its
    /// own, and be first: another way to a host that is known already is taken only if the judge says
    /// that it is one.
    fn learn_link(&mut self, from: SocketAddr, link: L, judge: Option<&mut LinkJudge<L>>) {
        let link = match (self.links.to_host(from.ip()), judge) {
            (Some(known), Some(judge)) if known != link => {
                if judge(from.ip(), known, link) {
                    link
                } else {
                    known
                }
            }
            _ => link,
        };
        if !self.links.knows(from, link) {
            self.links.learn(from, link);
        }
    }

    /// Does what the last events call for: connection ids, requests, responses.
    pub(super) fn service(
        &mut self,
        h3_config: &quiche::h3::Config,
        files: &Files<'_>,
        counters: &mut HttpCounters,
        now: Instant,
    ) {
        self.dirty = false;
        if self.is_ending() {
            // Files and their bytes are of no more use.
            self.session = None;
            return;
        }
        if !self.quic.is_established() {
            return;
        }
        if self.session.is_none() {
            match Session::start(&mut self.quic, h3_config, files.credit, now) {
                Ok(session) => self.session = Some(session),
                Err(error) => {
                    tracing::debug!(%error, "HTTP/3 can't start");
                    counters.protocol_errors += 1;
                    let code = quiche::h3::WireErrorCode::GeneralProtocolError as u64;
                    let _ = self.quic.close(true, code, b"HTTP/3 can't start");
                    return;
                }
            }
        }
        if let Some(session) = &mut self.session {
            session.service(&mut self.quic, files, counters, now);
        }
    }

    /// Drops ids that the client has retired, and gives it fresh ones up to the agreed number.
    /// Returns how often it has moved to another address since.
    pub(super) fn keep_ids(&mut self, slot: usize, table: &mut CidTable) -> u64 {
        let mut migrations = 0;
        while let Some(event) = self.quic.path_event_next() {
            migrations += u64::from(matches!(event, quiche::PathEvent::PeerMigrated(..)));
        }
        while let Some(retired) = self.quic.retired_scid_next() {
            if let Some(id) = Cid::new(&retired) {
                table.remove(id);
                self.ids.retain(|known| *known != id);
            }
        }
        while self.quic.is_established() && !self.is_ending() && self.quic.scids_left() > 0 {
            if !self.offer_id(slot, table) {
                break;
            }
        }
        migrations
    }

    fn offer_id(&mut self, slot: usize, table: &mut CidTable) -> bool {
        let mut reset_token = [0; 16];
        let Some(id) = Cid::random() else {
            return false;
        };
        if boring::rand::rand_bytes(&mut reset_token).is_err() || !table.insert(id, slot) {
            return false;
        }
        let token = u128::from_be_bytes(reset_token);
        if self.quic.new_scid(&id.to_quiche(), token, false).is_err() {
            table.remove(id);
            return false;
        }
        self.ids.push(id);
        true
    }

    /// Writes the next datagram. A connection that can't send fails, and says so to its peer.
    pub(super) fn transmit(&mut self, out: &mut [u8]) -> Option<(usize, SendInfo)> {
        match self.quic.send(out) {
            Ok(sent) => Some(sent),
            Err(quiche::Error::Done) => None,
            Err(error) => {
                tracing::debug!(%error, "a connection can't send");
                let code = quiche::WireErrorCode::InternalError as u64;
                // Refused when it is closing already, for example after a failed handshake.
                let _ = self.quic.close(false, code, b"");
                self.quic.send(out).ok()
            }
        }
    }

    /// When it next needs attention.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match (self.quic.timeout_instant(), self.handshake_deadline) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Whether it can be forgotten, now that it has nothing to send. Once its goodbye is out, quiche
    /// keeps it for a while, so that late packets don't look like those of an unknown one; not so
    /// if the server is closing, nor if the handshake took too long: an address that was never
    /// proven is worth no memory.
    pub(super) fn is_over(&self, server_is_closing: bool) -> bool {
        self.quic.is_closed() || (server_is_closing && self.quic.is_draining()) || self.is_given_up
    }

    /// Closed, or about to be: no more requests are answered.
    fn is_ending(&self) -> bool {
        self.quic.local_error().is_some() || self.quic.is_draining() || self.quic.is_closed()
    }
}
