//! `Endpoint`: what a driver asks of a server or a client, and `Transmit`, what it gets to send.

use std::net::SocketAddr;
use std::time::Instant;

/// A sans-IO endpoint: [`Server`](crate::Server), [`Client`](crate::Client),
/// [`client::Connection`](crate::client::Connection),
/// [`client::Connections`](crate::client::Connections), or one of your own.
///
/// After each received datagram, and after each timeout, call
/// [`poll_transmit`](Self::poll_transmit) until it returns `None`. `now` must be the real time:
/// quiche's loss detection reads the clock itself.
pub trait Endpoint {
    /// The way to a peer on the link layer: over AF_XDP a [`LinkPath`](xskit_wire::LinkPath) (MAC
    /// addresses and VLAN tags), over a kernel socket `()`.
    type LinkPath;

    /// Processes a UDP payload that arrived `from` a peer at the local address `to`. `link` is the
    /// way back. The payload is decrypted in place, so its bytes are meaningless afterwards.
    fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        from: SocketAddr,
        to: SocketAddr,
        link: Self::LinkPath,
    );

    /// Writes the next UDP payload into `out` and seals it there. `None` if there is nothing to
    /// send until a datagram arrives or the timeout is reached.
    ///
    /// `out` must hold [`max_udp_payload_bytes`](crate::TransportConfig::max_udp_payload_bytes).
    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit<Self::LinkPath>>;

    /// When [`handle_timeout`](Self::handle_timeout) must be called at the latest. It may be early:
    /// the call then does nothing, and a later time is returned next. `None` if no timer runs.
    #[must_use]
    fn poll_timeout(&self) -> Option<Instant>;

    /// Does what is due at `now`.
    fn handle_timeout(&mut self, now: Instant);
}

/// A datagram written by [`Endpoint::poll_transmit`] into the caller's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the datagram was written into the buffer and must be sent"]
pub struct Transmit<L> {
    /// Length of the UDP payload, in bytes, from the start of the buffer.
    pub len: usize,
    /// Local address and port to send from.
    pub from: SocketAddr,
    /// Remote address and port to send to.
    pub to: SocketAddr,
    /// The way to `to` on the link layer.
    pub link: L,
}
