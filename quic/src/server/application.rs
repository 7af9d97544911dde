//! `Application`: the protocol that runs on a server's connections.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::ServerConfig;
use super::sources::Account;
use crate::error::SetupError;
use crate::quic::QuicConnection;

/// A protocol on top of QUIC: HTTP/3 ([`Http`](crate::Http)), or one of your own.
///
/// The server admits connections, finds them by their ids, keeps their timers and bounds, and moves
/// their packets. Once the handshake is done, the application reads and writes streams and
/// datagrams by quiche's methods on the [`QuicConnection`].
///
/// An application must not call `recv`, `send`, `on_timeout`, `new_scid`, `migrate` or
/// `path_event_next`: those are the server's.
pub trait Application {
    /// The application's state of one connection, until [`end`](Self::end).
    type Session;

    /// The protocol's names for ALPN (RFC 7301), in order of preference.
    fn protocols(&self) -> &[&[u8]];

    /// Called once, before the first connection, with the server's bounds.
    ///
    /// # Errors
    ///
    /// A [`SetupError`] if the application can't work within them.
    fn prepare(&mut self, config: &ServerConfig) -> Result<(), SetupError> {
        let _ = config;
        Ok(())
    }

    /// Whether the application accepts early data (0-RTT) if [`ServerConfig::early_data`] allows
    /// it; false by default. Until the connection is established, the application may then act only
    /// on what may be repeated: the server rejects replays by others, but a client whose early data
    /// was not answered in time may send it again.
    fn takes_early_data(&self) -> bool {
        false
    }

    /// Begins a session: the handshake is done, or early data was accepted
    /// ([`takes_early_data`](Self::takes_early_data)).
    ///
    /// # Errors
    ///
    /// The [`Close`] with which the connection ends instead.
    fn begin(
        &mut self,
        quic: &mut QuicConnection,
        peer: &Peer,
        now: Instant,
    ) -> Result<Self::Session, Close>;

    /// Called after an event: data arrived, there may be room to send, or [`resume`](Self::resume)
    /// was called. Read and write until quiche returns `Done`; the next call follows the next
    /// event.
    fn service(
        &mut self,
        session: &mut Self::Session,
        quic: &mut QuicConnection,
        now: Instant,
    ) -> Activity;

    /// Another part of the program has something new for a stream of this session
    /// ([`Server::resume`](super::Server::resume)). `service` follows.
    fn resume(&mut self, session: &mut Self::Session, stream: u64) {
        let _ = (session, stream);
    }

    /// The server is about to close, or this connection's keys have protected nearly as many
    /// packets as they may. This may be called twice. Begin nothing new, finish what is under way,
    /// then close the connection in [`service`](Self::service), which follows.
    fn drain(&mut self, session: &mut Self::Session) {
        let _ = session;
    }

    /// The connection has ended, from either side. By default its session is dropped.
    fn end(&mut self, session: Self::Session, now: Instant) {
        let _ = now;
        drop(session);
    }
}

/// The other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    pub(super) address: SocketAddr,
    pub(super) connection: ConnectionKey,
    /// Once the address is proven.
    pub(super) account: Arc<OnceLock<Account>>,
    /// That of all clients whose address is unproven.
    pub(super) strangers: Account,
}

impl Peer {
    /// The client's address when the session began. It may have moved since, and the source address
    /// of early data is unproven.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The connection's name within its server.
    #[must_use]
    pub fn connection(&self) -> ConnectionKey {
        self.connection
    }

    /// How many of a bounded resource the client's host and network hold. All clients whose address
    /// is unproven count as one host.
    pub(crate) fn account(&self) -> &Account {
        self.account.get().unwrap_or(&self.strangers)
    }
}

/// Names a connection of a server. It is never reused for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionKey {
    pub(super) slot: usize,
    /// Unlike the slot, never reused.
    pub(super) serial: u64,
}

/// How an application ends a connection on which it can't begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// The application's error code.
    pub code: u64,
    /// A few words for the peer and the log.
    pub reason: &'static str,
}

/// A session's progress, by which the server closes connections that make none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Something useful came in or went out since the last call.
    pub advanced: bool,
    /// Bytes in memory that the peer has not acknowledged yet. A change counts as progress.
    pub held_bytes: usize,
    /// Who must act next.
    pub waits_for: WaitsFor,
}

/// Who must act next on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    /// The peer: nothing is under way, and a request must come within
    /// [`ServerConfig::request_timeout`].
    Request,
    /// The peer: something is under way, and the peer must take or send more of it within
    /// [`ServerConfig::response_timeout`].
    Peer,
    /// The application, without a limit.
    Application,
}
