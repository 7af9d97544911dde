//! `Connection`: a client's connection, from its first packet to its last.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::allowance::Allowance;
use super::application::{Application, ConnectionKey, Peer};
use super::cid::{Cid, CidTable};
use super::coalesced::Coalesced;
use super::ending::Failure;
use super::flight::Flight;
use super::goodbye::Goodbye;
use super::links::Links;
use super::own_ids::OwnIds;
use super::progress::{Lapse, Limits, Progress};
use super::reset::Resets;
use super::sources::{Account, Seat};
use super::whereabouts::{Outgoing, Whereabouts};
use super::worker::Worker;
use crate::black_hole::BlackHole;
use crate::key_use::KeyUse;
use crate::pacer::Pacer;
use crate::quic::QuicConnection;

/// Datagrams that a connection sends per turn.
pub(super) const BURST_DATAGRAMS: u32 = 16;

/// A client's connection.
pub(super) struct Connection<L, S> {
    /// Never reused.
    pub(super) serial: u64,
    pub(super) quic: QuicConnection,
    /// The application's state, from the end of the handshake on.
    pub(super) session: Option<S>,
    black_hole: BlackHole,
    whereabouts: Whereabouts,
    pub(super) links: Links<L>,
    pub(super) ids: OwnIds,
    /// In the ready queue.
    pub(super) queued: bool,
    /// Something has happened since it was last serviced.
    pub(super) dirty: bool,
    pub(super) burst_left: u32,
    pacer: Pacer,
    /// When it may send again, if the pacer holds it back now.
    held_until: Option<Instant>,
    /// Its entry in the timers.
    pub(super) armed: Option<Instant>,
    /// When to abandon the handshake; `None` once it is done.
    pub(super) handshake_deadline: Option<Instant>,
    /// The handshake took too long.
    pub(super) is_given_up: bool,
    /// Set once this side has ended it.
    goodbye: Option<Goodbye>,
    /// Set until the client has proven its address.
    pub(super) unproven: Option<Allowance>,
    /// Set until the client has received it.
    flight: Option<Box<Flight>>,
    /// 0-RTT packets received.
    zero_rtts: usize,
    /// The ids to strike out when early data is accepted; `None` after that, or once the handshake
    /// is done.
    pub(super) early_ids: Option<Vec<Cid>>,
    /// The application may begin before the handshake is done.
    may_begin_early: bool,
    /// The client's first address.
    pub(super) host: IpAddr,
    /// The seat's account, for the application.
    pub(super) account: Arc<OnceLock<Account>>,
    /// Set once the address is proven.
    pub(super) seat: Option<Seat>,
    /// Not logged yet.
    pub(super) failure: Option<Failure>,
    limits: Limits,
    pub(super) keys: KeyUse,
    /// Set from when the application begins until the connection ends.
    progress: Option<Progress>,
}

/// Whether the second link leads to this host, given that the first did until now.
pub type LinkJudge<L> = Box<dyn FnMut(IpAddr, L, L) -> bool + Send>;

/// The outcome of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// It held something new and authentic.
    Taken,
    /// It held nothing new and authentic.
    Ignored,
    /// It ended the connection.
    Failed,
}

impl<L: Copy + PartialEq, S> Connection<L, S> {
    pub(super) fn new(
        serial: u64,
        quic: QuicConnection,
        (local, peer): (SocketAddr, SocketAddr),
        link: L,
        now: Instant,
        handshake_deadline: Instant,
        (limits, keys): (Limits, KeyUse),
    ) -> Self {
        Self {
            serial,
            quic,
            session: None,
            black_hole: BlackHole::default(),
            whereabouts: Whereabouts::new(local, peer),
            links: Links::new(peer, link),
            ids: OwnIds::new(),
            queued: false,
            dirty: true,
            burst_left: BURST_DATAGRAMS,
            pacer: Pacer::new(now),
            held_until: None,
            armed: None,
            handshake_deadline: Some(handshake_deadline),
            is_given_up: false,
            goodbye: None,
            unproven: Some(Allowance::new(peer)),
            flight: Some(Box::new(Flight::new(local, peer, now))),
            zero_rtts: 0,
            early_ids: None,
            may_begin_early: false,
            host: peer.ip(),
            account: Arc::default(),
            seat: None,
            failure: None,
            limits,
            keys,
            progress: None,
        }
    }

    /// Decrypts a datagram in place and processes it.
    pub(super) fn receive(
        &mut self,
        datagram: &mut [u8],
        from: SocketAddr,
        to: SocketAddr,
        link: L,
        judge: Option<&mut LinkJudge<L>>,
    ) -> Received {
        if let Some(goodbye) = &mut self.goodbye {
            goodbye.note();
            return Received::Ignored;
        }
        if let Some(unproven) = &mut self.unproven {
            unproven.received(from, datagram.len());
        }
        let (datagram, coalesced) = self.cut_foreign(datagram);
        let taken = self.whereabouts.receive(&mut self.quic, datagram, from, to);
        self.dirty = true;
        let authentic = taken.is_authentic();
        if let Some(coalesced) = coalesced {
            // quiche queues early data that it has no keys for yet, and may count it any time
            // later.
            self.zero_rtts += coalesced.zero_rtts;
            if coalesced.is_whole && taken.packets > coalesced.initials + self.zero_rtts {
                // At least one packet was under keys that only a receiver of our answers has.
                self.unproven = None;
                self.flight = None;
            } else if authentic
                && coalesced.initials > 0
                && let Some(flight) = &mut self.flight
            {
                flight.ask();
            }
        }
        if authentic && !self.links.knows(from, link) {
            self.learn_link(from, link, judge);
        }
        match taken.result {
            Err(error) => {
                self.failure = Some(Failure::Violation(error));
                Received::Failed
            }
            Ok(_) if authentic => Received::Taken,
            Ok(_) => {
                self.keys.add_forged();
                Received::Ignored
            }
        }
    }

    /// Cuts off packets of a datagram that are for another id.
    fn cut_foreign<'a>(&self, datagram: &'a mut [u8]) -> (&'a mut [u8], Option<Coalesced>) {
        if self.quic.is_established() {
            return (datagram, None);
        }
        let coalesced = Coalesced::read(datagram);
        let own_bytes = coalesced.own_bytes.min(datagram.len());
        (&mut datagram[..own_bytes], Some(coalesced))
    }

    /// Anyone on the same wire can copy a genuine datagram and send it first from another MAC
    /// address. So another link to a known host is accepted only if the judge confirms it.
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

    /// Runs the application after the last events.
    pub(super) fn service<A: Application<Session = S>>(
        &mut self,
        application: &mut A,
        key: ConnectionKey,
        draining: bool,
        strangers: &Account,
        now: Instant,
    ) {
        self.dirty = false;
        if self.is_ending() {
            // The session is of no more use.
            if let Some(session) = self.session.take() {
                application.end(session, now);
            }
            self.progress = None;
            return;
        }
        if !self.quic.is_established() && !self.may_begin_early {
            return;
        }
        if self.session.is_none() {
            self.begin(application, key, draining, strangers, now);
        }
        if let (Some(session), Some(progress)) = (&mut self.session, &mut self.progress) {
            if self.keys.take_drain_due() {
                application.drain(session);
            }
            let activity = application.service(session, &mut self.quic, now);
            progress.note(now, activity);
        }
    }

    fn begin<A: Application<Session = S>>(
        &mut self,
        application: &mut A,
        connection: ConnectionKey,
        draining: bool,
        strangers: &Account,
        now: Instant,
    ) {
        let peer = Peer {
            address: self.whereabouts.peer(),
            connection,
            account: Arc::clone(&self.account),
            strangers: strangers.clone(),
        };
        match application.begin(&mut self.quic, &peer, now) {
            Ok(mut session) => {
                if draining {
                    application.drain(&mut session);
                }
                self.session = Some(session);
                self.progress = Some(Progress::new(self.limits, now));
            }
            Err(close) => {
                self.failure = Some(Failure::Begin(close.reason));
                let _ = self.quic.close(true, close.code, close.reason.as_bytes());
            }
        }
    }

    /// Once early data was accepted: whether the application may act on it, because it is no
    /// replay. `None` if there is nothing to decide.
    pub(super) fn decide_early(&mut self, worker: &Worker<L>, now: Instant) -> Option<bool> {
        if self.quic.is_established() {
            self.early_ids = None;
        }
        let ids = self.early_ids.take_if(|_| self.quic.is_in_early_data())?;
        self.may_begin_early = worker.strikes().strike(&ids, now);
        Some(self.may_begin_early)
    }

    /// What the client has failed to do in time.
    pub(super) fn lapse(&self, now: Instant) -> Option<Lapse> {
        self.progress.as_ref()?.lapse(now)
    }

    /// Closes the connection.
    pub(super) fn close(&mut self, app: bool, code: u64, reason: &[u8]) {
        // Fails if it is closing already.
        let _ = self.quic.close(app, code, reason);
        self.progress = None;
        self.dirty = true;
    }

    /// Retires the ids that the client has retired, and issues new ones up to the agreed number.
    /// Returns how often the client has moved since the last call.
    pub(super) fn keep_ids(
        &mut self,
        slot: usize,
        table: &mut CidTable,
        makers: (&Worker<L>, &Resets),
    ) -> u64 {
        while self.quic.path_event_next().is_some() {}
        while let Some(retired) = self.quic.retired_scid_next() {
            if let Some(id) = Cid::new(&retired) {
                self.ids.retire(id, table);
            }
        }
        while self.quic.is_established() && !self.is_ending() && self.quic.scids_left() > 0 {
            let offered = self.ids.offer(&mut self.quic, slot, table, makers);
            if offered.is_none() {
                break;
            }
        }
        self.whereabouts.take_moves()
    }

    /// Writes the next datagram, unless the pacer holds it back. A connection that can't send is
    /// closed.
    pub(super) fn transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Outgoing> {
        if let Some(goodbye) = &mut self.goodbye {
            return goodbye.repeat(out);
        }
        // The goodbye does not wait for the pacer, and neither does anything after it.
        let held_until = self.pacer.hold(now, &mut self.quic);
        self.held_until = held_until.filter(|_| !self.is_ending());
        if self.held_until.is_some() {
            return None;
        }
        let sent = match self.unproven {
            Some(unproven) => self.write_first(now, unproven.within(out)?)?,
            None => self.write_first(now, out)?,
        };
        if let Some(unproven) = &mut self.unproven {
            unproven.sent(sent.len);
        }
        self.pacer.sent(sent.len);
        if self.quic.is_draining() && self.quic.is_established() {
            self.goodbye = Some(Goodbye::new(out.get(..sent.len)?, &sent));
        }
        Some(sent)
    }

    /// Writes what the client has asked for again before what is new.
    fn write_first(&mut self, now: Instant, out: &mut [u8]) -> Option<Outgoing> {
        if self.quic.is_established() || self.is_ending() {
            self.flight = None;
        }
        let Some(mut flight) = self.flight.take() else {
            return self.write(out);
        };
        let again = flight.repeat(now, out);
        let sent = again.or_else(|| {
            let sent = self.write(out);
            let datagram = sent.as_ref().and_then(|sent| out.get(..sent.len));
            flight.keep(datagram, now);
            sent
        });
        self.flight = Some(flight);
        sent
    }

    fn write(&mut self, out: &mut [u8]) -> Option<Outgoing> {
        if self.keys.take_spent() {
            let code = quiche::WireErrorCode::AeadLimitReached as u64;
            self.close(false, code, b"the keys have protected all that they may");
        }
        let out = self.black_hole.room(out);
        match self.whereabouts.transmit(&mut self.quic, out) {
            Ok(sent) => {
                self.keys.add_sent();
                Some(sent)
            }
            Err(quiche::Error::Done) => None,
            Err(error) => {
                self.failure = Some(Failure::Send(error));
                let code = quiche::WireErrorCode::InternalError as u64;
                // Fails if it is closing already, for example after a failed handshake.
                let _ = self.quic.close(false, code, b"");
                self.whereabouts.transmit(&mut self.quic, out).ok()
            }
        }
    }

    /// Runs quiche's timers that are due.
    pub(super) fn on_timeout(&mut self, now: Instant) {
        if self.quic.timeout_instant().is_some_and(|due| due <= now) {
            self.black_hole.on_timeout(&mut self.quic);
            self.whereabouts.after_timeout(&mut self.quic);
            self.dirty = true;
        }
    }

    /// When it next needs attention.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let progress = self.progress.as_ref().and_then(Progress::deadline);
        let all = [
            self.quic.timeout_instant(),
            self.handshake_deadline,
            self.held_until,
            progress,
        ];
        all.into_iter().flatten().min()
    }

    /// Whether it can be removed, now that it has nothing to send. quiche keeps a closed connection
    /// for a while, so that late packets don't look like those of an unknown one. While the server
    /// is closing, it is kept only if the client may have missed its goodbye. A connection whose
    /// handshake took too long is removed at once: an unproven address is not worth the memory.
    pub(super) fn is_over(&self, server_is_closing: bool) -> bool {
        let is_left = server_is_closing && self.quic.is_draining() && self.goodbye.is_none();
        self.quic.is_closed() || is_left || self.is_given_up
    }

    /// Whether it is closed or closing: requests are no longer answered.
    pub(super) fn is_ending(&self) -> bool {
        self.quic.local_error().is_some() || self.quic.is_draining() || self.quic.is_closed()
    }
}
