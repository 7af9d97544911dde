//! The server as an [`Endpoint`]: datagrams in, datagrams out, and timers.

use std::net::SocketAddr;
use std::time::Instant;

use super::Server;
use super::application::{Application, ConnectionKey};
use super::coalesced::Coalesced;
use super::connection::{BURST_DATAGRAMS, Received};
use super::ending::log;
use super::worker::Parcel;
use crate::endpoint::{Endpoint, Transmit};
use crate::header::{Header, is_by_a_clients_id};
use crate::transport::MIN_UDP_PAYLOAD_BYTES;

/// Where a datagram came from.
#[derive(Clone, Copy)]
pub(super) struct Origin<L> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) link: L,
}

impl<L: Copy + PartialEq, A: Application> Endpoint for Server<L, A> {
    type LinkPath = L;

    /// Counts every datagram, whatever its bytes are, in [`ServerStats`](super::ServerStats).
    fn handle_datagram(
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
        // Also for a known connection, and wherever the Initial packet is (RFC 9000, section 14.1).
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

    /// Connections take turns of 16 datagrams.
    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit<L>> {
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

    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    fn handle_timeout(&mut self, now: Instant) {
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
}

impl<L: Copy + PartialEq, A: Application> Server<L, A> {
    /// Processes packets that arrived at other workers, and returns how many there were. Call it
    /// before each wait, and [`poll_transmit`](Endpoint::poll_transmit) afterwards.
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

    pub(super) fn parse<'a>(&self, datagram: &'a [u8]) -> Option<Header<'a>> {
        Header::parse(datagram, self.worker.cid_bytes())
    }

    /// The other worker that owns this packet's connection, if any. A client's first packets have
    /// ids of the client's choice, which name no worker.
    fn other_worker(&self, header: &Header<'_>) -> Option<u8> {
        match header {
            Header::Long { first, version, .. }
                if is_by_a_clients_id(*first) || !quiche::version_is_supported(*version) =>
            {
                None
            }
            // A late packet with an id that its client has retired.
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

    /// Writes one datagram of the connection whose turn it is.
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

    /// Arms the timer of a connection that has nothing more to send, or removes it.
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
}
