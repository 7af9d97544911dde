//! `Goodbye`: a connection's last datagram, repeated to a client that has missed it.
//!
//! quiche sends CONNECTION_CLOSE once. If it follows a window that overruns the client's queue, it
//! is the first to be lost, and the client waits for its idle timeout. So it is repeated after the
//! 1st, 2nd, 4th, 8th … datagram that the client still sends: once the queue is empty, one arrives
//! (RFC 9000, section 10.2.1).

use std::net::SocketAddr;

use super::whereabouts::Outgoing;

/// The datagram, and where it goes.
pub(super) struct Goodbye {
    datagram: Vec<u8>,
    from: SocketAddr,
    to: SocketAddr,
    /// Datagrams received since.
    heard: u32,
    is_due: bool,
}

impl Goodbye {
    pub(super) fn new(datagram: &[u8], sent: &Outgoing) -> Self {
        Self {
            datagram: datagram.to_vec(),
            from: sent.from,
            to: sent.to,
            heard: 0,
            is_due: false,
        }
    }

    /// Counts a datagram that came for the connection.
    pub(super) fn note(&mut self) {
        self.heard = self.heard.saturating_add(1);
        self.is_due |= self.heard.is_power_of_two();
    }

    /// Writes it again, if it is due.
    pub(super) fn repeat(&mut self, out: &mut [u8]) -> Option<Outgoing> {
        if !std::mem::take(&mut self.is_due) {
            return None;
        }
        let len = self.datagram.len();
        out.get_mut(..len)?.copy_from_slice(&self.datagram);
        Some(Outgoing {
            len,
            from: self.from,
            to: self.to,
        })
    }
}
