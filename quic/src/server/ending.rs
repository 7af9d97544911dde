//! How the server ends connections: abandoned, unused, or with the server itself.

use std::net::IpAddr;
use std::time::Instant;

use super::Server;
use super::application::Application;
use super::progress::Lapse;
use crate::notices::Notices;

/// Why a connection failed, for the log.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum Failure {
    /// A datagram violated the protocol.
    #[error("the client broke the protocol: {0}")]
    Violation(quiche::Error),
    /// The application's protocol could not begin after the handshake.
    #[error("the application's protocol can't begin: {0}")]
    Begin(&'static str),
    /// quiche could not write a datagram.
    #[error("the connection can't send: {0}")]
    Send(quiche::Error),
}

impl<L: Copy + PartialEq, A: Application> Server<L, A> {
    /// Abandons a handshake. The client is told, unless that exceeds what may be sent to an
    /// unproven address (RFC 9000, section 8.1).
    pub(super) fn give_up_handshake(&mut self, slot: usize) {
        let Some(connection) = self.connections.get_mut(slot) else {
            return;
        };
        connection.handshake_deadline = None;
        connection.is_given_up = true;
        let code = quiche::WireErrorCode::ConnectionRefused as u64;
        connection.close(false, code, b"the handshake took too long");
        self.half_open -= 1;
        self.counters.connections.handshake_timeouts += 1;
        self.mark_ready(slot);
    }

    /// Closes a connection whose client has let a limit pass.
    pub(super) fn end_lapsed(&mut self, slot: usize, lapse: Lapse) {
        let Some(connection) = self.connections.get_mut(slot) else {
            return;
        };
        let code = quiche::h3::WireErrorCode::NoError as u64;
        connection.close(true, code, lapse.reason());
        let counters = &mut self.counters.connections;
        *match lapse {
            Lapse::NoRequest => &mut counters.request_timeouts,
            Lapse::Unread => &mut counters.response_timeouts,
        } += 1;
        self.mark_ready(slot);
    }

    /// Refuses new connections, and has the application finish what is under way on the others.
    /// Continue as before until [`is_drained`](Self::is_drained), or call
    /// [`close_all`](Self::close_all) when the time is up.
    pub fn drain(&mut self) {
        self.draining = true;
        let slots: Vec<usize> = self.connections.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            if let Some(connection) = self.connections.get_mut(slot) {
                if let Some(session) = &mut connection.session {
                    self.application.drain(session);
                }
                connection.dirty = true;
            }
            self.mark_ready(slot);
        }
    }

    /// Closes every connection, and accepts no more. Then call
    /// [`poll_transmit`](crate::Endpoint::poll_transmit) until [`is_drained`](Self::is_drained).
    pub fn close_all(&mut self, _now: Instant) {
        self.closing = true;
        let code = quiche::h3::WireErrorCode::NoError as u64;
        let slots: Vec<usize> = self.connections.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            if let Some(connection) = self.connections.get_mut(slot) {
                connection.close(true, code, b"the server is shutting down");
            }
            self.mark_ready(slot);
        }
    }

    /// Whether all connections are gone and everything was written, after [`drain`](Self::drain) or
    /// [`close_all`](Self::close_all).
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.is_leaving() && self.connections.is_empty() && self.stateless.is_empty()
    }

    /// Whether the server accepts no more connections.
    pub(super) fn is_leaving(&self) -> bool {
        self.draining || self.closing
    }

    /// Removes a connection and releases all that it holds.
    pub(super) fn remove(&mut self, slot: usize, now: Instant) {
        let Some(mut connection) = self.connections.try_remove(slot) else {
            return;
        };
        self.worker.discount_connection();
        if let Some(session) = connection.session.take() {
            self.application.end(session, now);
        }
        if let Some(armed) = connection.armed {
            self.timers.disarm(slot, armed);
        }
        if connection.handshake_deadline.is_some() {
            self.half_open -= 1;
        }
        for id in connection.ids.all() {
            self.ids.remove(id);
        }
        if let Some(seat) = &connection.seat {
            self.worker.sources().leave(seat);
        }
        self.counters.packets.add(&connection.quic.stats());
        self.counters.connections.key_limits += u64::from(connection.keys.was_spent());
        self.counters.connections.idle_timeouts += u64::from(connection.quic.is_timed_out());
    }
}

/// Logs a failure, if [`Notices`] allow another line.
pub(super) fn log(notices: &mut Notices, now: Instant, host: IpAddr, failure: Failure) {
    if let Some(left_out) = notices.admit(now) {
        tracing::debug!(%host, left_out, "{failure}");
    }
}
