//! `UdpDriver`: the same endpoints over a kernel UDP socket, for where AF_XDP isn't available and
//! for comparison.
//!
//! A [`UdpDriver`] works in turns as a [`Driver`](super::Driver) does. The kernel joins received
//! datagrams (GRO) and splits sent ones (GSO), so that a system call moves up to 64 of them.
//!
//! ```text
//!   recvmmsg ─► buffer ─► cut at the stride ─► Endpoint::handle_datagram (opened in place)
//!   sendmsg  ◄─ outbox ◄─ while destination, source and size are the same ◄─ Endpoint::poll_transmit
//! ```
//!
//! | file | holds |
//! | --- | --- |
//! | `outbox.rs` | datagrams on their way into one send |
//! | `kernel.rs` | the socket, its system calls and their counts |
//! | `error.rs` | why it can't be made, or can't continue |

mod error;
mod kernel;
mod outbox;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

pub use error::UdpError;
pub use kernel::UdpCalls;

use super::counters::DriverCounters;
use super::sources::{Unanswerable, is_host};
use crate::endpoint::Endpoint;
use kernel::{Kernel, MESSAGES};
use outbox::Outbox;

/// How a UDP driver works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpConfig {
    /// The most datagrams sent per turn.
    pub transmit_batch: u32,
    /// Whether to use segmentation offload (GSO) if the kernel has it.
    pub segmentation_offload: bool,
    /// The receive buffer (`SO_RCVBUF`) in bytes; the kernel grants at most `net.core.rmem_max`.
    /// `None` leaves it unchanged.
    pub receive_buffer_bytes: Option<usize>,
}

impl Default for UdpConfig {
    fn default() -> Self {
        Self {
            transmit_batch: 256,
            segmentation_offload: true,
            receive_buffer_bytes: Some(4 << 20),
        }
    }
}

/// Runs endpoints over one kernel UDP socket.
///
/// ```no_run
/// use std::net::UdpSocket;
/// use std::path::Path;
/// use std::time::{Duration, Instant};
/// use xskit_quic::driver::{UdpConfig, UdpDriver};
/// use xskit_quic::{FileServer, ServerConfig};
/// # fn f(config: &ServerConfig) -> Result<(), Box<dyn std::error::Error>> {
/// let mut server = FileServer::of_directory(Path::new("/srv/www"), config, Instant::now())?;
/// let mut driver = UdpDriver::new(UdpSocket::bind("0.0.0.0:4433")?, UdpConfig::default())?;
/// loop {
///     let is_more = driver.turn(&mut server)?;
///     driver.rest(&mut server, is_more, Duration::from_secs(1))?;
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct UdpDriver {
    kernel: Kernel,
    config: UdpConfig,
    counters: DriverCounters,
    outbox: Outbox,
    /// The socket had no room for what is in the outbox.
    is_blocked: bool,
    /// There may be something to receive.
    may_receive: bool,
}

impl UdpDriver {
    /// A driver over this bound socket, which becomes non-blocking.
    ///
    /// If it is bound to a wildcard address, answers leave from the address that a datagram came
    /// to.
    ///
    /// # Errors
    ///
    /// [`UdpError::Setup`] if the kernel refuses a socket option.
    pub fn new(socket: UdpSocket, config: UdpConfig) -> Result<Self, UdpError> {
        let (offload, buffer) = (config.segmentation_offload, config.receive_buffer_bytes);
        Ok(Self {
            kernel: Kernel::new(socket, offload, buffer)?,
            config,
            counters: DriverCounters::default(),
            outbox: Outbox::new(),
            is_blocked: false,
            may_receive: true,
        })
    }

    /// One turn: receive, handle timeouts, transmit. Returns whether there may be more to do at
    /// once.
    ///
    /// While the socket has no room, one batch waits, and the rest stays with the endpoint.
    ///
    /// # Errors
    ///
    /// [`UdpError::Receive`] if receiving fails for good.
    pub fn turn(&mut self, endpoint: &mut impl Endpoint<LinkPath = ()>) -> Result<bool, UdpError> {
        let now = Instant::now();
        self.kernel.restore_offload(now);
        let is_more_in = self.receive(now, endpoint)?;
        if endpoint.poll_timeout().is_some_and(|at| at <= now) {
            endpoint.handle_timeout(now);
        }
        let is_more_out = self.transmit(now, endpoint);
        Ok(is_more_in || is_more_out)
    }

    /// After a turn: unless there `is_more` to do, waits for a datagram, for room to send the
    /// waiting batch, for the endpoint's timeout, or for `longest`, whichever is first. `is_more`
    /// is what the turn returned; pass true also if the endpoint was given something new to send
    /// since. Returns whether it waited.
    ///
    /// # Errors
    ///
    /// [`UdpError::Wait`] if the wait fails.
    pub fn rest(
        &mut self,
        endpoint: &mut impl Endpoint<LinkPath = ()>,
        is_more: bool,
        longest: Duration,
    ) -> Result<bool, UdpError> {
        if is_more {
            return Ok(false);
        }
        let until_timeout = endpoint
            .poll_timeout()
            .map_or(longest, |at| at.saturating_duration_since(Instant::now()));
        let ready = self
            .kernel
            .wait(self.is_blocked, until_timeout.min(longest))?;
        self.may_receive = ready.to_receive;
        Ok(true)
    }

    /// The socket.
    #[must_use]
    pub fn socket(&self) -> &UdpSocket {
        self.kernel.socket()
    }

    /// The counters so far, in datagrams. The kernel drops malformed packets and forged sources
    /// before the socket, so [`refused`](DriverCounters::refused) stays empty.
    #[must_use]
    pub fn counters(&self) -> &DriverCounters {
        &self.counters
    }

    /// The system calls so far.
    #[must_use]
    pub fn calls(&self) -> UdpCalls {
        self.kernel.calls()
    }

    /// The most datagrams per send: 1 without segmentation offload.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.kernel.segments()
    }

    /// Receives once. Returns whether more may be waiting.
    fn receive(
        &mut self,
        now: Instant,
        endpoint: &mut impl Endpoint<LinkPath = ()>,
    ) -> Result<bool, UdpError> {
        // Until the next wait says otherwise.
        if !std::mem::replace(&mut self.may_receive, true) {
            return Ok(false);
        }
        let counters = &mut self.counters;
        let messages = self.kernel.receive(|bytes, stride, from, to| {
            // The kernel would refuse to send an answer to port 0, or from a broadcast address.
            let is_answerable = from.port() != 0 && is_host(to.ip().to_canonical());
            let mut take = |datagram: &mut [u8]| {
                counters.received += 1;
                if is_answerable {
                    endpoint.handle_datagram(now, datagram, from, to, ());
                } else {
                    counters.unanswerable.count(Unanswerable::Group);
                }
            };
            match stride {
                // An empty datagram.
                0 => take(bytes),
                _ => bytes.chunks_mut(stride).for_each(take),
            }
        })?;
        Ok(messages == MESSAGES)
    }

    /// Sends until the endpoint has nothing more, the socket has no room, or the turn's batch is
    /// sent. Returns true in the last case: there may be more to send.
    fn transmit(&mut self, now: Instant, endpoint: &mut impl Endpoint<LinkPath = ()>) -> bool {
        let mut left = self.config.transmit_batch.max(1);
        loop {
            let segments = self.kernel.segments();
            let is_over = self.outbox.fill(segments, |out| {
                left = left.checked_sub(1)?;
                endpoint.poll_transmit(now, out)
            });
            let is_enough = is_over && left == 0;
            let flushed = self.outbox.flush(segments, |piece| self.kernel.send(piece));
            self.counters.sent += flushed.sent;
            self.counters.unsendable += flushed.refused;
            self.is_blocked = flushed.is_blocked;
            if self.is_blocked {
                return false;
            }
            // The odd datagram may be left.
            if is_over && self.outbox.is_empty() {
                return is_enough;
            }
        }
    }
}
