//! Datagrams of no known connection: new clients, other versions, and noise.

use std::net::SocketAddr;
use std::time::Instant;

use quiche::{ConnectionId, RetryConnectionIds};

use super::Server;
use super::application::Application;
use super::cid::Cid;
use super::connection::{Connection, Received};
use super::ending::log;
use super::endpoint::Origin;
use super::reset::Resets;
use super::sources::Full;
use crate::header::{Header, is_initial};
use crate::quic::QuicConnection;
use crate::transport::MIN_UDP_PAYLOAD_BYTES;

/// The shortest destination id that a client may choose for its first packet (RFC 9000, section
/// 7.2).
const MIN_INITIAL_DCID_BYTES: usize = 8;

/// A well-formed first packet.
#[derive(Clone, Copy)]
struct FirstPacket {
    dcid: Cid,
    scid: Cid,
    version: u32,
}

/// What to do with a first packet.
enum Verdict {
    /// Begin a handshake. After a Retry, the id is that of the client's first packet.
    Accept(Option<Cid>),
    /// Ask the client to prove its address.
    Retry,
    /// Close with the reason that there is no room.
    Refuse(Cid, Full),
}

impl<L: Copy + PartialEq, A: Application> Server<L, A> {
    /// Handles a datagram that belongs to no connection.
    pub(super) fn admit(&mut self, now: Instant, datagram: &mut [u8], origin: Origin<L>) {
        let Some(Header::Long {
            first,
            version,
            dcid,
            scid,
        }) = self.parse(datagram)
        else {
            self.reset(now, datagram, origin);
            return;
        };
        let dropped = &mut self.counters.dropped;
        if datagram.len() < MIN_UDP_PAYLOAD_BYTES {
            let known = quiche::version_is_supported(version) && !is_initial(first);
            let cause = match known {
                true => &mut dropped.unknown_connection,
                false => &mut dropped.short_initial,
            };
            *cause += 1;
            return;
        }
        // Version 0 is itself a Version Negotiation. It is never answered: otherwise two servers
        // could keep each other busy.
        if version == 0 {
            dropped.malformed += 1;
            return;
        }
        if !quiche::version_is_supported(version) {
            let (dcid, scid) = (ConnectionId::from_ref(dcid), ConnectionId::from_ref(scid));
            let mut answer = [0; 600];
            let written = quiche::negotiate_version(&scid, &dcid, &mut answer);
            self.answer(
                written.ok().and_then(|len| answer.get(..len)),
                origin,
                |answered| &mut answered.version_negotiation,
            );
            return;
        }
        if !is_initial(first) {
            dropped.unknown_connection += 1;
            return;
        }
        let long_enough = dcid.len() >= MIN_INITIAL_DCID_BYTES;
        let (Some(dcid), Some(scid), true) = (Cid::new(dcid), Cid::new(scid), long_enough) else {
            dropped.malformed += 1;
            return;
        };
        if self.closing {
            dropped.closing += 1;
            return;
        }
        let first = FirstPacket {
            dcid,
            scid,
            version,
        };
        self.worker.turn_keys(now);
        match self.verdict(now, first, datagram, origin.from) {
            None => self.counters.dropped.malformed += 1,
            Some(Verdict::Retry) => self.retry(now, first, origin),
            Some(Verdict::Refuse(original, full)) => {
                self.refuse(first, original, full, datagram, origin);
            }
            Some(Verdict::Accept(original)) => self.accept(now, first, original, datagram, origin),
        }
    }

    /// `None` if the token field is cut off.
    fn verdict(
        &self,
        now: Instant,
        first: FirstPacket,
        datagram: &mut [u8],
        peer: SocketAddr,
    ) -> Option<Verdict> {
        let header = quiche::Header::from_slice(datagram, self.worker.cid_bytes()).ok()?;
        let token = header.token.unwrap_or_default();
        let original = self.worker.tokens().open(now, peer, &token, first.dcid);
        let full = if self.draining {
            Some(Full::Leaving)
        } else if self.worker.connections() >= self.max_connections {
            Some(Full::Server)
        } else {
            self.worker.sources().full(peer.ip())
        };
        let crowded = full.is_some() || self.half_open >= self.retry_above_half_open;
        Some(match (original, crowded, full) {
            (None, true, _) => Verdict::Retry,
            (Some(original), _, Some(full)) => Verdict::Refuse(original, full),
            (original, _, _) => Verdict::Accept(original),
        })
    }

    fn retry(&mut self, now: Instant, first: FirstPacket, origin: Origin<L>) {
        let mut answer = [0; 256];
        let write = |answer: &mut [u8]| {
            let next = self.worker.new_id()?;
            let token = self
                .worker
                .tokens()
                .mint(now, origin.from, first.dcid, next)?;
            let (scid, dcid) = (first.scid.to_quiche(), first.dcid.to_quiche());
            quiche::retry(
                &scid,
                &dcid,
                &next.to_quiche(),
                &token,
                first.version,
                answer,
            )
            .ok()
        };
        let written = write(&mut answer);
        self.answer(
            written.and_then(|len| answer.get(..len)),
            origin,
            |answered| &mut answered.retry,
        );
    }

    /// Processes the packet just far enough to close with CONNECTION_REFUSED under its keys. Only
    /// for clients with a proven address, because it costs as much as accepting one.
    fn refuse(
        &mut self,
        first: FirstPacket,
        original: Cid,
        full: Full,
        datagram: &mut [u8],
        origin: Origin<L>,
    ) {
        if self.stateless.is_full() {
            self.counters.dropped.answer_overflow += 1;
            return;
        }
        let Some((_, mut quic)) = self.new_quic(first, Some(original), origin) else {
            self.counters.dropped.internal += 1;
            return;
        };
        let (from, to) = (origin.from, origin.to);
        let mut answer = [0; MIN_UDP_PAYLOAD_BYTES];
        let taken = quic.recv(datagram, quiche::RecvInfo { from, to });
        if taken.is_err() || quic.stats().recv == 0 {
            self.counters.dropped.rejected_initial += 1;
            return;
        }
        // Once quiche has all of the client's first message, it closes under the Handshake keys,
        // which the client derives from the server's first message.
        if let Ok((len, _)) = quic.send(&mut answer) {
            let hello = answer.get(..len).unwrap_or_default().to_vec();
            self.stateless.push(hello, to, from, origin.link);
        }
        let code = quiche::WireErrorCode::ConnectionRefused as u64;
        let _ = quic.close(false, code, full.reason());
        let written = quic.send(&mut answer).ok();
        if written.is_some() {
            self.counters.refused.count(full);
        }
        self.answer(
            written.and_then(|(len, _)| answer.get(..len)),
            origin,
            |answered| &mut answered.refused,
        );
    }

    fn accept(
        &mut self,
        now: Instant,
        first: FirstPacket,
        original: Option<Cid>,
        datagram: &mut [u8],
        origin: Origin<L>,
    ) {
        let Some((scid, mut quic)) = self.new_quic(first, original, origin) else {
            self.counters.dropped.internal += 1;
            return;
        };
        let named = original.unwrap_or(first.dcid);
        let begun = self.diagnostics.begin(&mut quic, named.as_slice());
        if let Err(error) = begun
            && let Some(left_out) = self.notices.admit(now)
        {
            tracing::warn!(%error, left_out, "a connection has no qlog");
        }
        let deadline = now + self.handshake_timeout;
        let ends = (origin.to, origin.from);
        self.serial += 1;
        let bounds = (self.limits, self.keys);
        let mut connection =
            Connection::new(self.serial, quic, ends, origin.link, now, deadline, bounds);
        if original.is_some() {
            connection.unproven = None;
        }
        if self.early_data {
            let ids = [Some(first.dcid), original, Some(scid)];
            connection.early_ids = Some(ids.into_iter().flatten().collect());
        }
        let received = connection.receive(datagram, origin.from, origin.to, origin.link, None);
        // A failed handshake (say, without a common protocol) still has its error to send.
        let has_answer = received == Received::Failed && !connection.quic.is_closed();
        if received != Received::Taken && !has_answer {
            self.counters.dropped.rejected_initial += 1;
            if let Some(failure) = connection.failure {
                log(&mut self.notices, now, origin.from.ip(), failure);
            }
            return;
        }
        self.counters.delivered += 1;
        self.counters.connections.accepted += 1;
        self.half_open += 1;
        self.worker.count_connection();
        let slot = self.connections.insert(Box::new(connection));
        for id in [first.dcid, scid] {
            self.register(slot, id);
        }
        self.seat(slot);
        self.mark_ready(slot);
    }

    /// Gives a connection its place among those of its host, once its address is proven. If there
    /// is no place left by then, the connection is refused.
    pub(super) fn seat(&mut self, slot: usize) {
        let Some(connection) = self.connections.get_mut(slot) else {
            return;
        };
        if connection.unproven.is_some() || connection.seat.is_some() || connection.is_ending() {
            return;
        }
        let seated = self.worker.sources().enter(connection.host);
        match seated {
            Ok(seat) => {
                // Set once: there is no seat before this one.
                let _ = connection.account.set(seat.account.clone());
                connection.seat = Some(seat);
            }
            Err(full) => {
                self.counters.refused.count(full);
                let code = quiche::WireErrorCode::ConnectionRefused as u64;
                connection.close(false, code, full.reason());
            }
        }
    }

    /// A connection that has not read its first packet yet, and its id.
    fn new_quic(
        &mut self,
        first: FirstPacket,
        original: Option<Cid>,
        origin: Origin<L>,
    ) -> Option<(Cid, QuicConnection)> {
        // A format with few random bits may repeat an id.
        let scid = self.worker.new_id().filter(|id| !self.ids.has(*id))?;
        let token = self.resets.token(scid)?;
        self.quic_config.set_stateless_reset_token(Some(token));
        let (id, config) = (scid.to_quiche(), &mut self.quic_config);
        let (local, peer) = (origin.to, origin.from);
        let quic = match original {
            None => quiche::accept_with_buf_factory(&id, None, local, peer, config),
            Some(original) => {
                let retry_cids = RetryConnectionIds {
                    original_destination_cid: &original.to_quiche(),
                    retry_source_cid: &first.dcid.to_quiche(),
                };
                quiche::accept_with_retry(&id, retry_cids, local, peer, config)
            }
        };
        Some((scid, quic.ok()?))
    }

    /// Answers a packet with a short header that belongs to no connection, also while the server is
    /// closing, because its CONNECTION_CLOSE may have been lost.
    fn reset(&mut self, now: Instant, datagram: &[u8], origin: Origin<L>) {
        let header = self.parse(datagram);
        let dropped = &mut self.counters.dropped;
        let id = match header {
            // A late packet with a retired id is no sign of a lost connection.
            Some(Header::Short { dcid }) if !self.ids.is_retired(dcid) => dcid,
            _ => {
                dropped.unknown_connection += 1;
                return;
            }
        };
        let Some(len) = Resets::len_for(datagram.len()) else {
            dropped.unknown_connection += 1;
            return;
        };
        if !self.resets.take(now) {
            dropped.reset_overflow += 1;
            return;
        }
        let reset = self.resets.write(len, id);
        self.answer(reset.as_deref(), origin, |answered| &mut answered.reset);
    }

    /// Queues an answer and counts it. Without bytes or room, the datagram counts as dropped.
    fn answer(
        &mut self,
        bytes: Option<&[u8]>,
        origin: Origin<L>,
        counter: fn(&mut super::stats::Answered) -> &mut u64,
    ) {
        match bytes {
            None => self.counters.dropped.internal += 1,
            Some(_) if self.stateless.is_full() => self.counters.dropped.answer_overflow += 1,
            Some(bytes) => {
                *counter(&mut self.counters.answered) += 1;
                self.stateless
                    .push(bytes.to_vec(), origin.to, origin.from, origin.link);
            }
        }
    }
}
