//! `Connection`: one client, from its first packet to its last.

use std::collections::VecDeque;
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
use super::progress::{Lapse, Limits, Progress};
use super::reset::Resets;
use super::sources::{Account, Seat};
use super::whereabouts::{Outgoing, Whereabouts};
use super::worker::Worker;
use crate::black_hole::BlackHole;
use crate::key_use::KeyUse;
use crate::pacer::Pacer;
use crate::quic::QuicConnection;

/// Datagrams a connection sends before the next one has its turn.
pub(super) const BURST_DATAGRAMS: u32 = 16;

/// Retired ids that are remembered: as many as a client may have at once.
const MAX_RETIRED: usize = 8;

/// A client's connection.
pub(super) struct Connection<L, S> {
    /// No later connection has the same.
    pub(super) serial: u64,
    pub(super) quic: QuicConnection,
    /// What the application keeps of it, from the end of the handshake on.
    pub(super) session: Option<S>,
    black_hole: BlackHole,
    whereabouts: Whereabouts,
    pub(super) links: Links<L>,
    /// Every id it is known by in the table.
    pub(super) ids: Vec<Cid>,
    /// Ids that the client has retired last: packets may still come late by them.
    pub(super) retired: VecDeque<Cid>,
    /// In the queue of those with something to do.
    pub(super) queued: bool,
    /// Something happened since it was last serviced.
    pub(super) dirty: bool,
    pub(super) burst_left: u32,
    pacer: Pacer,
    /// When it may send on, where its pace keeps it from that now.
    held_until: Option<Instant>,
    /// Its entry in the timers.
    pub(super) armed: Option<Instant>,
    /// Until the handshake is done: when to give it up.
    pub(super) handshake_deadline: Option<Instant>,
    /// The handshake took too long.
    pub(super) is_given_up: bool,
    /// Once this side has ended it.
    goodbye: Option<Goodbye>,
    /// Until the client has proven that it receives at its address.
    pub(super) unproven: Option<Allowance>,
    /// Until the client has got it.
    flight: Option<Box<Flight>>,
    /// Packets with early data that came.
    zero_rtts: usize,
    /// Until early data was accepted, or the handshake is done: what is struck out then.
    pub(super) early_ids: Option<Vec<Cid>>,
    /// The application may begin before the handshake is done.
    may_begin_early: bool,
    /// Where it began.
    pub(super) host: IpAddr,
    /// The seat's, for the application.
    pub(super) account: Arc<OnceLock<Account>>,
    /// Once the address is proven.
    pub(super) seat: Option<Seat>,
    /// Not logged yet.
    pub(super) failure: Option<Failure>,
    limits: Limits,
    pub(super) keys: KeyUse,
    /// Once the application has begun, until the connection ends.
    progress: Option<Progress>,
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
            ids: Vec::with_capacity(9),
            retired: VecDeque::new(),
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

    /// Decrypts a datagram in place and takes in what it says.
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
            // quiche keeps early data that it has no keys for yet: it may count any time later.
            self.zero_rtts += coalesced.zero_rtts;
            if coalesced.is_whole && taken.packets > coalesced.initials + self.zero_rtts {
                // One of the packets was under keys that only who receives our answers can have.
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

    /// Leaves out packets of a datagram that are for another connection's id, or that of another attempt.
    fn cut_foreign<'a>(&self, datagram: &'a mut [u8]) -> (&'a mut [u8], Option<Coalesced>) {
        if self.quic.is_established() {
            return (datagram, None);
        }
        let coalesced = Coalesced::read(datagram);
        let own_bytes = coalesced.own_bytes.min(datagram.len());
        (&mut datagram[..own_bytes], Some(coalesced))
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

    /// Does what the last events call for: the application's part of it.
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
            // What the application keeps is of no more use.
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

    /// Once early data was accepted: whether the application may begin by it, which nobody may have sent
    /// before. `None` where nothing is to be decided.
    pub(super) fn decide_early(&mut self, worker: &Worker<L>, now: Instant) -> Option<bool> {
        if self.quic.is_established() {
            self.early_ids = None;
        }
        let ids = self.early_ids.take_if(|_| self.quic.is_in_early_data())?;
        self.may_begin_early = worker.strikes().strike(&ids, now);
        Some(self.may_begin_early)
    }

    /// What the client should have done by now.
    pub(super) fn lapse(&self, now: Instant) -> Option<Lapse> {
        self.progress.as_ref()?.lapse(now)
    }

    /// Ends it, and says why.
    pub(super) fn close(&mut self, app: bool, code: u64, reason: &[u8]) {
        // Refused when it is closing already.
        let _ = self.quic.close(app, code, reason);
        self.progress = None;
        self.dirty = true;
    }

    /// Drops ids that the client has retired, and gives it fresh ones up to the agreed number.
    /// Returns how often it has moved to another address since.
    pub(super) fn keep_ids(
        &mut self,
        slot: usize,
        table: &mut CidTable,
        makers: (&Worker<L>, &Resets),
    ) -> u64 {
        while self.quic.path_event_next().is_some() {}
        while let Some(retired) = self.quic.retired_scid_next() {
            if let Some(id) = Cid::new(&retired) {
                self.retire_id(id, table);
            }
        }
        while self.quic.is_established() && !self.is_ending() && self.quic.scids_left() > 0 {
            if !self.offer_id(slot, table, makers) {
                break;
            }
        }
        self.whereabouts.take_moves()
    }

    fn retire_id(&mut self, id: Cid, table: &mut CidTable) {
        self.ids.retain(|known| *known != id);
        table.retire(id);
        self.retired.push_back(id);
        if self.retired.len() > MAX_RETIRED
            && let Some(oldest) = self.retired.pop_front()
        {
            table.remove(oldest);
        }
    }

    fn offer_id(
        &mut self,
        slot: usize,
        table: &mut CidTable,
        (worker, resets): (&Worker<L>, &Resets),
    ) -> bool {
        let Some(id) = worker.new_id() else {
            return false;
        };
        let Some(token) = resets.token(id) else {
            return false;
        };
        if !table.insert(id, slot) {
            return false;
        }
        if self.quic.new_scid(&id.to_quiche(), token, false).is_err() {
            table.remove(id);
            return false;
        }
        self.ids.push(id);
        true
    }

    /// Writes the next datagram, unless that would be too soon. A connection that can't send fails, and says
    /// so to its peer.
    pub(super) fn transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Outgoing> {
        if let Some(goodbye) = &mut self.goodbye {
            return goodbye.repeat(out);
        }
        self.held_until = self.pacer.hold(now, &mut self.quic);
        if self.held_until.is_some() && !self.is_ending() {
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

    /// What the client has asked for once more goes before what is new.
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
                // Refused when it is closing already, for example after a failed handshake.
                let _ = self.quic.close(false, code, b"");
                self.whereabouts.transmit(&mut self.quic, out).ok()
            }
        }
    }

    /// Does what quiche has to do by now, if anything.
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

    /// Whether it can be forgotten, now that it has nothing to send. Once it has ended, quiche keeps it
    /// for a while, so that late packets don't look like those of an unknown one; if the server is
    /// closing, only where the client may not have heard its goodbye. Not so if the handshake took too
    /// long: an address that was never proven is worth no memory.
    pub(super) fn is_over(&self, server_is_closing: bool) -> bool {
        let is_left = server_is_closing && self.quic.is_draining() && self.goodbye.is_none();
        self.quic.is_closed() || is_left || self.is_given_up
    }

    /// Closed, or about to be: no more requests are answered.
    pub(super) fn is_ending(&self) -> bool {
        self.quic.local_error().is_some() || self.quic.is_draining() || self.quic.is_closed()
    }
}
