//! `OwnAddress`: where a client is, and where quiche thinks it is.
//!
//! quiche would make another path of another local address, and never find lost what was on its way
//! on the first. So it sees the first one for good, and the server is told by a packet from the new one.

use std::net::SocketAddr;

use crate::quic::QuicConnection;

/// A client's local address.
#[derive(Debug)]
pub(super) struct OwnAddress {
    /// As quiche knows it.
    first: SocketAddr,
    current: SocketAddr,
    /// Number of the server's connection id that is in use.
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

    /// False when that is the address already.
    pub(super) fn change(&mut self, quic: &mut QuicConnection, local: SocketAddr) -> bool {
        if local == self.current {
            return false;
        }
        self.current = local;
        if quic.is_established() {
            // Another id for another address, so that nobody on the way links the two (RFC 9000, section
            // 9.5), if the server gave a spare one. quiche takes them in order.
            self.server_id += u64::from(quic.retire_dcid(self.server_id).is_ok());
            // Fails only for a connection that is over.
            let _ = quic.send_ack_eliciting();
        }
        true
    }

    /// What quiche takes for the address that a datagram was sent to.
    pub(super) fn to_quiche(&self, to: SocketAddr) -> SocketAddr {
        if to == self.current { self.first } else { to }
    }
}
