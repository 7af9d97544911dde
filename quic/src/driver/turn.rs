//! `Driver`: turns over an AF_XDP socket.

use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use xskit_core::Socket;
use xskit_core::backend::{Backend, Interest};
use xskit_core::socket::Patience;
use xskit_core::umem::Frame;
use xskit_wire::{Datagram, LinkPath, UdpChecksum, UdpHeaders};

use super::sources::{ReversePathCheck, Sources};
use super::{DriverCounters, DriverError};
use crate::Transmit;
use crate::endpoint::Endpoint;

/// Where a UDP payload starts in a frame to send: after room for the longest headers (Ethernet, two
/// VLAN tags, IPv6, UDP: 70 bytes), at a cache line boundary.
const PAYLOAD_START: usize = 128;

/// The longest wait while there is no frame or TX ring slot to send with.
const SHORTAGE_WAIT: Duration = Duration::from_millis(1);

/// How a driver paces its turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DriverConfig {
    /// The most packets taken off the RX ring per turn.
    pub receive_batch: u32,
    /// The most packets put on the TX ring per turn.
    pub transmit_batch: u32,
    /// Turns without a packet before [`Driver::rest`] waits in the kernel. 2000 by default, but 0
    /// if there is one processor: polling would keep it from the sender of a packet.
    pub patience: u32,
}

impl Default for DriverConfig {
    fn default() -> Self {
        let is_alone =
            thread::available_parallelism().is_ok_and(|processors| processors.get() == 1);
        Self {
            receive_batch: 64,
            transmit_batch: 128,
            patience: if is_alone { 0 } else { 2000 },
        }
    }
}

/// What sending ran out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shortage {
    None,
    /// A slot of the TX ring.
    Slot,
    /// A free frame.
    Frame,
}

/// Runs endpoints over one AF_XDP socket.
#[derive(Debug)]
pub struct Driver<'s, 'u, B: Backend> {
    socket: &'s mut Socket<'u, B>,
    config: DriverConfig,
    patience: Patience,
    counters: DriverCounters,
    sources: Sources,
    /// What the last turn's sending ran out of, if anything.
    shortage: Shortage,
}

impl<'s, 'u, B: Backend> Driver<'s, 'u, B> {
    /// A driver over this socket, whose UMEM also has the frames to send from.
    #[must_use]
    pub fn new(socket: &'s mut Socket<'u, B>, config: DriverConfig) -> Self {
        Self {
            socket,
            config,
            patience: Patience::new(config.patience),
            counters: DriverCounters::default(),
            sources: Sources::default(),
            shortage: Shortage::None,
        }
    }

    /// One turn: receive, handle timeouts, transmit. Returns whether any packet moved.
    ///
    /// # Errors
    ///
    /// [`DriverError::Kick`] if a kick fails for good.
    pub fn turn(
        &mut self,
        endpoint: &mut impl Endpoint<LinkPath = LinkPath>,
    ) -> Result<bool, DriverError> {
        let now = Instant::now();
        let received = self.receive(now, endpoint);
        // Before sending takes frames: refill the fill ring, and collect the frames sent last time.
        self.socket.recycle();
        if endpoint.poll_timeout().is_some_and(|at| at <= now) {
            endpoint.handle_timeout(now);
        }
        let sent = self.transmit(now, endpoint);
        self.socket.flush().map_err(DriverError::Kick)?;
        Ok(received + sent > 0)
    }

    /// After a turn: if enough turns have moved nothing, waits for a packet, for the endpoint's
    /// timeout, or for `longest`, whichever is first. `moved` is what the turn returned; pass true
    /// also if the endpoint was given something new to send since. Returns whether it waited.
    ///
    /// # Errors
    ///
    /// [`DriverError::Wait`] if the wait fails.
    pub fn rest(
        &mut self,
        endpoint: &mut impl Endpoint<LinkPath = LinkPath>,
        moved: bool,
        longest: Duration,
    ) -> Result<bool, DriverError> {
        if !self.patience.is_over(moved) {
            return Ok(false);
        }
        let until_timeout = endpoint
            .poll_timeout()
            .map_or(longest, |at| at.saturating_duration_since(Instant::now()));
        let mut timeout = until_timeout.min(longest);
        if self.shortage != Shortage::None || self.socket.halves().1.waiting() > 0 {
            timeout = timeout.min(SHORTAGE_WAIT);
        }
        // The kernel reports a half empty TX ring as writable, which doesn't help if a frame is
        // missing.
        let interest = Interest {
            receive: true,
            transmit: self.shortage == Shortage::Slot,
        };
        self.socket
            .wait(interest, Some(timeout))
            .map_err(DriverError::Wait)?;
        Ok(true)
    }

    /// The socket, for its statistics and calls.
    pub fn socket(&mut self) -> &mut Socket<'u, B> {
        self.socket
    }

    /// From now on, drops datagrams from `own` addresses of this host and, with a `check`, those
    /// that the kernel's reverse path filter would drop. The verdicts are remembered until the next
    /// call, so call this again when addresses or routes have changed.
    pub fn distrust(&mut self, own: Vec<IpAddr>, check: Option<ReversePathCheck>) {
        self.sources.set(own, check);
    }

    /// The counters so far.
    #[must_use]
    pub fn counters(&self) -> &DriverCounters {
        &self.counters
    }

    fn receive(&mut self, now: Instant, endpoint: &mut impl Endpoint<LinkPath = LinkPath>) -> u32 {
        let mut received = 0;
        for mut frame in self.socket.receive(self.config.receive_batch.max(1)) {
            received += 1;
            // The UDP checksum is not verified: QUIC authenticates every packet, and a local peer
            // over veth leaves only a partial checksum in the bytes.
            match Datagram::parse(&frame, UdpChecksum::Ignore) {
                Ok(packet) => {
                    if let Some(cause) = self.sources.unanswerable(&packet) {
                        self.counters.unanswerable.count(cause);
                        continue;
                    }
                    if let Some(payload) = packet.payload_mut(&mut frame) {
                        let (from, to) = (packet.source, packet.destination);
                        endpoint.handle_datagram(now, payload, from, to, packet.link.reply());
                    }
                }
                Err(refusal) => self.counters.refused.count(refusal),
            }
        }
        self.counters.received += u64::from(received);
        received
    }

    fn transmit(&mut self, now: Instant, endpoint: &mut impl Endpoint<LinkPath = LinkPath>) -> u32 {
        let mut sent = 0;
        let (_, mut transmitter) = self.socket.halves();
        let mut reservation = transmitter.reserve(self.config.transmit_batch.max(1));
        self.shortage = if reservation.is_empty() {
            Shortage::Slot
        } else {
            Shortage::None
        };
        while !reservation.is_empty() {
            let Some(mut frame) = reservation.alloc() else {
                self.shortage = Shortage::Frame;
                break;
            };
            let Some(out) = frame.buffer_mut().get_mut(PAYLOAD_START..) else {
                break;
            };
            let Some(transmit) = endpoint.poll_transmit(now, out) else {
                break;
            };
            if write_headers(&mut frame, &transmit) && reservation.send(frame).is_ok() {
                sent += 1;
            } else {
                self.counters.unsendable += 1;
            }
        }
        self.counters.sent += u64::from(sent);
        sent
    }
}

/// Writes the headers before the payload and sets the frame's range over both.
fn write_headers(frame: &mut Frame<'_>, transmit: &Transmit<LinkPath>) -> bool {
    let headers = UdpHeaders::new(transmit.link, transmit.from, transmit.to);
    let payload = PAYLOAD_START..PAYLOAD_START + transmit.len;
    frame.set_range(payload).is_ok()
        && frame.grow_front(headers.header_len()).is_ok()
        && headers.emit(frame, transmit.len).is_ok()
}
