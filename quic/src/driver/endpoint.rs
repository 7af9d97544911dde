//! What a driver asks of an endpoint.

use std::net::SocketAddr;
use std::time::Instant;

use crate::client::Connection;
use crate::{Application, Client, Server, Transmit};

/// A sans-IO endpoint. `L` is its way back to a peer on the link layer: over AF_XDP a
/// [`Link`](xskit_wire::Link) (MAC addresses and VLAN tags), over a kernel socket `()`.
pub trait Endpoint<L> {
    /// Takes a UDP payload that came `from` a peer `to` us, and opens it in place.
    fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        from: SocketAddr,
        to: SocketAddr,
        link: L,
    );

    /// Writes the next UDP payload into `out`, sealed in place; none when there is nothing to send.
    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit<L>>;

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Says that the time has come.
    fn handle_timeout(&mut self, now: Instant);
}

impl<L: Copy + PartialEq, A: Application> Endpoint<L> for Server<L, A> {
    fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        from: SocketAddr,
        to: SocketAddr,
        link: L,
    ) {
        self.handle_datagram(now, datagram, from, to, link);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit<L>> {
        self.poll_transmit(now, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }
}

impl<L: Copy> Endpoint<L> for Client<L> {
    /// The way to the server is the kernel's to say, so the way that a packet came is not followed.
    fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        from: SocketAddr,
        to: SocketAddr,
        _link: L,
    ) {
        self.handle_datagram(now, datagram, from, to);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit<L>> {
        self.poll_transmit(now, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }
}

impl<L: Copy> Endpoint<L> for Connection<L> {
    /// The way to the server is the kernel's to say, so the way that a packet came is not followed.
    fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        from: SocketAddr,
        to: SocketAddr,
        _link: L,
    ) {
        self.handle_datagram(now, datagram, from, to);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit<L>> {
        self.poll_transmit(now, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }
}
