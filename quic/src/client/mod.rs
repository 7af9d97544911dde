//! `Client`: HTTP/3 over one connection to a server, without sockets or threads.
//!
//! ```text
//! request() -> waiting -> a stream -> events: Response, Body, Finished or Failed
//!   head        method, path and fields -> a checked header section
//!   outgoing    the body, as the stream takes it
//!   exchange    the state of the response
//! Connection: QUIC for HTTP/3, or for a protocol of your own
//!   handle_datagram -> ack clock -> poll_transmit asks quiche only when an answer is due
//! Connections: any number of either as one endpoint, found by the id in each datagram
//! ```

mod acks;
mod asking;
mod certificate;
mod config;
mod connect;
mod connection;
mod connections;
mod ending;
mod event;
mod exchange;
mod failure;
mod head;
mod outgoing;
mod own_address;
mod requests;
mod resets;
mod responses;
mod silence;
mod stats;
mod ticket;
mod turns;
mod validator;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use quiche::h3;

pub use acks::AckPolicy;
pub use certificate::{CertificateProblem, CertificateProblemKind};
pub use config::{ClientConfig, Trust};
pub use connection::Connection;
pub use connections::{Connections, ConnectionsKey, OneConnection};
pub use event::{ClientEvent, RequestId, ResponseHead};
pub use failure::{ConnectionEnd, ErrorLayer, RequestError};
pub use head::InvalidRequest;
pub use outgoing::RequestBody;
pub use stats::ClientStats;
pub use ticket::Ticket;
pub use validator::{NoValidator, Validator};

use crate::endpoint::{Endpoint, Transmit};
use crate::error::SetupError;
use crate::quic::QuicConnection;
use requests::Requests;

/// The largest header section of a response, uncompressed.
const MAX_FIELD_SECTION_BYTES: u64 = 64 << 10;

/// An HTTP/3 client over datagrams that the caller moves.
///
/// Send requests with [`get`](Self::get) or [`request`](Self::request). Move packets with the
/// methods of [`Endpoint`], or have a [driver](crate::driver) do it. After each received datagram
/// and each timeout, take events with [`poll_event`](Self::poll_event) and body bytes with
/// [`read_body`](Self::read_body). [`Connections`] makes one endpoint of several clients.
pub struct Client<L> {
    connection: Connection<L>,
    h3: Option<h3::Connection>,
    h3_config: h3::Config,
    requests: Requests,
    events: VecDeque<ClientEvent>,
    /// Something has happened since `service` ran.
    dirty: bool,
    /// `Connected` was reported.
    told_connected: bool,
    body_bytes: u64,
}

impl<L> std::fmt::Debug for Client<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

impl<L: Copy> Client<L> {
    /// Prepares a connection from `local` to `peer`; the first
    /// [`poll_transmit`](Endpoint::poll_transmit) begins the handshake.
    ///
    /// `link` is the way to `peer` on the link layer; see [`set_link`](Self::set_link).
    ///
    /// # Errors
    ///
    /// Those of [`Connection::new`], and [`SetupError::Http`] if quiche refuses a setting of
    /// HTTP/3.
    pub fn new(
        config: &ClientConfig,
        local: SocketAddr,
        peer: SocketAddr,
        link: L,
        now: Instant,
    ) -> Result<Self, SetupError> {
        let mut h3_config = h3::Config::new()?;
        h3_config.set_max_field_section_size(MAX_FIELD_SECTION_BYTES);
        let protocols = h3::APPLICATION_PROTOCOL;
        Ok(Self {
            connection: Connection::new(config, protocols, local, peer, link, now)?,
            h3: None,
            h3_config,
            requests: Requests::new(config.authority.clone(), config.progress_timeout, now),
            events: VecDeque::new(),
            dirty: false,
            told_connected: false,
            body_bytes: 0,
        })
    }

    /// Changes the link to the server, as [`Connection::set_link`].
    pub fn set_link(&mut self, link: L) {
        self.connection.set_link(link);
    }

    /// Moves to another local address or port, as [`Connection::set_local`].
    pub fn set_local(&mut self, local: SocketAddr) {
        self.connection.set_local(local);
    }

    /// The next event. `None` if there is none until a datagram arrives or a timeout is handled.
    pub fn poll_event(&mut self) -> Option<ClientEvent> {
        self.service();
        if self.events.is_empty() {
            let end = self.connection.poll_end();
            self.events.extend(end.map(ClientEvent::Closed));
        }
        self.events.pop_front()
    }

    /// Restarts the handshake's time limit at `now`, as [`Connection::restart_handshake_timeout`].
    pub fn restart_handshake_timeout(&mut self, now: Instant) {
        self.connection.restart_handshake_timeout(now);
    }

    /// Informs the connection whether a response is due.
    fn note_waiting(&mut self) {
        let is_waiting = self.told_connected && self.requests.are_active();
        self.connection.set_waiting(is_waiting);
    }

    /// Closes the connection. Then call [`poll_transmit`](Endpoint::poll_transmit) until it returns
    /// `None`.
    pub fn close(&mut self, _now: Instant) {
        self.connection
            .close(h3::WireErrorCode::NoError as u64, b"");
        self.dirty = true;
    }

    /// Whether the handshake is done, and the connection is not over.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connection.is_established() && !self.is_over()
    }

    /// Whether the connection resumes an earlier one, as [`Connection::is_resumed`].
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.connection.is_resumed()
    }

    /// The server's latest ticket for another connection, as [`Connection::ticket`].
    #[must_use]
    pub fn ticket(&self) -> Option<Ticket> {
        self.connection.ticket()
    }

    /// Whether the connection is over. The client can be dropped once
    /// [`poll_transmit`](Endpoint::poll_transmit) returns `None`.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.connection.is_over()
    }

    /// The counters so far.
    #[must_use]
    pub fn stats(&self) -> ClientStats {
        ClientStats {
            body_bytes: self.body_bytes,
            early_requests: self.requests.sent_early,
            ..self.connection.stats()
        }
    }

    /// Starts HTTP/3, sends waiting requests, and turns received data into events.
    fn service(&mut self) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let is_connected = self.is_connected();
        if self.h3.is_none() && (is_connected || self.connection.takes_early_http()) {
            self.begin();
        }
        if is_connected && self.h3.is_some() && !self.told_connected {
            self.told_connected = true;
            self.requests.begin();
            self.events.push_back(ClientEvent::Connected);
        }
        let Some(h3) = &mut self.h3 else {
            return;
        };
        let (is_over, is_early) = (self.connection.is_over(), self.connection.is_early());
        let quic = self.connection.quic();
        let mut any = false;
        if self.told_connected || is_early {
            let is_early = !self.told_connected;
            any |= self.requests.send(is_early, h3, quic, &mut self.events);
        }
        if self.told_connected && !is_over {
            any |= self.requests.send_bodies(h3, quic, &mut self.events);
        }
        self.requests.poll(h3, quic, &mut self.events);
        if self.requests.ask_again() {
            any |= self.requests.send(false, h3, quic, &mut self.events);
        }
        self.requests.forget_cut_short(h3, quic);
        if any {
            self.connection.flush();
        }
        self.note_waiting();
    }

    /// Starts HTTP/3.
    fn begin(&mut self) {
        match h3::Connection::with_transport(self.connection.quic(), &self.h3_config) {
            Ok(h3) => {
                self.h3 = Some(h3);
                self.connection.flush();
            }
            Err(error) => {
                tracing::debug!(%error, "HTTP/3 can't start");
                let code = h3::WireErrorCode::GeneralProtocolError as u64;
                self.connection.refuse(code, b"HTTP/3 can't start");
            }
        }
    }
}

impl<L: Copy> Endpoint for Client<L> {
    type LinkPath = L;

    /// The link that a datagram came by is not followed: the kernel's routes decide the way to the
    /// server ([`set_link`](Client::set_link)).
    fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        from: SocketAddr,
        to: SocketAddr,
        link: L,
    ) {
        self.connection
            .handle_datagram(now, datagram, from, to, link);
        self.dirty = true;
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit<L>> {
        self.service();
        self.requests.note_progress(now);
        let transmit = self.connection.poll_transmit(now, out);
        // Early data begins with the first packet: then there is more to send.
        self.dirty |= self.h3.is_none() && self.connection.takes_early_http();
        transmit
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let requests = self.requests.deadline();
        let requests = requests.filter(|_| self.told_connected && !self.is_over());
        self.connection
            .poll_timeout()
            .into_iter()
            .chain(requests)
            .min()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.connection.handle_timeout(now);
        self.dirty = true;
        self.service();
        self.requests.note_progress(now);
        if self.told_connected && self.requests.deadline().is_some_and(|due| due <= now) {
            // If the whole server is silent, the idle timeout should end the connection instead.
            let silence = self.connection.silence(now);
            let idle = self.connection.idle_timeout();
            if !self.requests.put_off(now, silence, idle) {
                let quic = self.connection.quic();
                self.requests.expire(now, quic, &mut self.events);
                self.note_waiting();
                self.connection.flush();
            }
        }
    }
}

impl<L: Copy> connections::sealed::Inner for Client<L> {
    fn quic_mut(&mut self) -> &mut QuicConnection {
        self.connection.quic()
    }

    fn has_ended(&self) -> bool {
        self.is_over()
    }

    fn has_news(&self) -> bool {
        self.dirty || !self.events.is_empty()
    }
}
