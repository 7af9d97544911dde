//! `OwnAddress`: a client's local address, and the one that quiche knows.
//!
//! For another local address quiche would make another path, and never declare lost what was in
//! flight on the first. So quiche always sees the first address, and a packet from the new one
//! informs the server.

use std::net::SocketAddr;

use crate::quic::QuicConnection;

/// A client's local address.
#[derive(Debug)]
pub(super) struct OwnAddress {
    /// As quiche knows it.
    first: SocketAddr,
    current: SocketAddr,
    /// Sequence number of the server's connection id in use.
    server_id: u64,
}

impl OwnAddress {
    pub(super) fn new(local: SocketAddr) -> Self {
        Self {
            first: local,
            current: local,
            server_id: 0,
        }
    }

    pub(super) fn current(&self) -> SocketAddr {
        self.current
    }

    /// Changes the address. False if it is the same.
    pub(super) fn change(&mut self, quic: &mut QuicConnection, local: SocketAddr) -> bool {
        if local == self.current {
            return false;
        }
        self.current = local;
        if quic.is_established() {
            // A new address needs a new id, so that observers can't link the two (RFC 9000, section
            // 9.5), if the server has issued a spare one. quiche uses ids in order.
            self.server_id += u64::from(quic.retire_dcid(self.server_id).is_ok());
            // Fails only if the connection is over.
            let _ = quic.send_ack_eliciting();
        }
        true
    }

    /// The address that quiche is told a datagram was sent to.
    pub(super) fn to_quiche(&self, to: SocketAddr) -> SocketAddr {
        if to == self.current { self.first } else { to }
    }
}
