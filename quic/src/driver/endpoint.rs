//! What the driver asks of an endpoint.

use std::net::SocketAddr;
use std::time::Instant;

use xskit_wire::Link;

use crate::{Application, Client, Server, Transmit};

/// A sans-IO endpoint whose way back to a peer is a [`Link`]: MAC addresses and VLAN tags.
pub trait Endpoint {
    /// Takes a UDP payload that came `from` a peer `to` us, and opens it in place.
    fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        from: SocketAddr,
        to: SocketAddr,
        link: Link,
    );

    /// Writes the next UDP payload into `out`, sealed in place; none when there is nothing to send.
    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit<Link>>;

    /// When to call [`handle_timeout`](Self::handle_timeout) next.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Says that the time has come.
    fn handle_timeout(&mut self, now: Instant);
}

impl<A: Application> Endpoint for Server<Link, A> {
    fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        from: SocketAddr,
        to: SocketAddr,
        link: Link,
    ) {
        self.handle_datagram(now, datagram, from, to, link);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit<Link>> {
        self.poll_transmit(now, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }
}

impl Endpoint for Client<Link> {
    /// The way to the server is the kernel's to say, so the way that a packet came is not followed.
    fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        from: SocketAddr,
        to: SocketAddr,
        _link: Link,
    ) {
        self.handle_datagram(now, datagram, from, to);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit<Link>> {
        self.poll_transmit(now, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }
}
