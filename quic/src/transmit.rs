//! `Transmit`: one UDP payload that an endpoint has written, and where it goes.

use std::net::SocketAddr;

/// A datagram written by `poll_transmit` into the caller's buffer.
///
/// `L` is whatever the driver needs to get a frame onto the link (MAC addresses and VLAN tags
/// over AF_XDP, `()` over a kernel socket). The endpoint only carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the datagram was written into the buffer and must be sent"]
pub struct Transmit<L> {
    /// Length of the UDP payload, in bytes, from the start of the buffer.
    pub len: usize,
    /// Local address and port to send from.
    pub from: SocketAddr,
    /// Remote address and port to send to.
    pub to: SocketAddr,
    /// Link-layer way to `to`.
    pub link: L,
}
