//! The state of a connection's paths in quiche.

use std::net::SocketAddr;

use quiche::{PathStats, RecvInfo};

use crate::quic::{QuicConnection, packets_received};

/// The state of a path's validation in quiche, whose own type has no public name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Failed,
    Unknown,
    Validating,
    /// An answer came. Whether the path carries large datagrams may still be open.
    Proven,
}

impl State {
    /// `None` if there is no path to that address.
    pub(super) fn of(quic: &QuicConnection, peer: SocketAddr) -> Option<Self> {
        let path = quic.path_stats().find(|path| path.peer_addr == peer)?;
        Some(Self::in_stats(&path))
    }

    fn in_stats(path: &PathStats) -> Self {
        match path.validation_state as u8 {
            0 => Self::Failed,
            1 => Self::Unknown,
            2 => Self::Validating,
            _ => Self::Proven,
        }
    }
}

/// quiche's result for a datagram.
pub(super) struct Taken {
    pub(super) result: quiche::Result<usize>,
    /// Packets in it that were new and authentic.
    pub(super) packets: usize,
}

impl Taken {
    pub(super) fn is_authentic(&self) -> bool {
        self.packets > 0
    }
}

/// Whether the path to that address is quiche's active one.
pub(super) fn is_active(quic: &QuicConnection, peer: SocketAddr) -> bool {
    quic.path_stats()
        .any(|path| path.active && path.peer_addr == peer)
}

/// Whether quiche's active path can send.
pub(super) fn works(quic: &QuicConnection) -> bool {
    quic.path_stats()
        .any(|path| path.active && State::in_stats(&path) != State::Failed)
}

/// Hands a datagram to quiche, as from and to these addresses.
pub(super) fn deliver(
    quic: &mut QuicConnection,
    datagram: &mut [u8],
    from: SocketAddr,
    to: SocketAddr,
) -> Taken {
    let before = packets_received(quic, to, from);
    let result = quic.recv(datagram, RecvInfo { from, to });
    let packets = packets_received(quic, to, from).saturating_sub(before);
    Taken { result, packets }
}
