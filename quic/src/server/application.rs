//! `Application`: what runs on a server's connections.

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
/// their packets. From the end of the handshake on, the application reads and writes streams and
/// datagrams by quiche's own methods on the [`QuicConnection`].
///
/// What belongs to the server stays with it: an application doesn't call `recv`, `send`,
/// `on_timeout`, `new_scid`, `migrate` or `path_event_next`.
pub trait Application {
    /// What the application keeps of one connection, until [`end`](Self::end).
    type Session;

    /// The protocol's names for ALPN (RFC 7301), the most wanted first.
    fn protocols(&self) -> &[&[u8]];

    /// Called once, before the first connection, with the bounds that the server keeps.
    ///
    /// # Errors
    ///
    /// A [`SetupError`] if the application can't work within them.
    fn prepare(&mut self, config: &ServerConfig) -> Result<(), SetupError> {
        let _ = config;
        Ok(())
    }

    /// Whether the application can begin by early data (0-RTT), where [`ServerConfig::early_data`] allows
    /// it; by default not. Until the connection is established, it may then do only what may be done
    /// twice: the server doesn't let anyone send it again, but nothing keeps a client from doing so
    /// whose early data was not answered in time.
    fn takes_early_data(&self) -> bool {
        false
    }

    /// A handshake is done, or early data was accepted and [`takes_early_data`](Self::takes_early_data).
    ///
    /// # Errors
    ///
    /// A [`Close`] with which the connection ends instead.
    fn begin(
        &mut self,
        quic: &mut QuicConnection,
        peer: &Peer,
        now: Instant,
    ) -> Result<Self::Session, Close>;

    /// Something happened: data arrived, there may be room to send, or [`resume`](Self::resume) was
    /// called. Read and write until quiche returns `Done`: the next call comes with the next event.
    fn service(
        &mut self,
        session: &mut Self::Session,
        quic: &mut QuicConnection,
        now: Instant,
    ) -> Activity;

    /// A part of the program has something new for a stream of this session
    /// ([`Server::resume`](super::Server::resume)); `service` follows.
    fn resume(&mut self, session: &mut Self::Session, stream: u64) {
        let _ = (session, stream);
    }

    /// The server is about to close, or this connection, whose keys have protected nearly all that they may; it
    /// may be said twice. Begin nothing new, finish what is under way, then close the
    /// connection in [`service`](Self::service), which follows.
    fn drain(&mut self, session: &mut Self::Session) {
        let _ = session;
    }

    /// The connection has ended, by whichever side. By default its session is dropped.
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
    /// All others'.
    pub(super) strangers: Account,
}

impl Peer {
    /// Where the client was when the application began. It may go on from other addresses, and what it
    /// sent as early data came from an address that it only says is its own.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The connection's name within its server.
    #[must_use]
    pub fn connection(&self) -> ConnectionKey {
        self.connection
    }

    /// What the client's host and network have of something that is bounded. Clients whose address is
    /// not proven yet count as one host.
    pub(crate) fn account(&self) -> &Account {
        self.account.get().unwrap_or(&self.strangers)
    }
}

/// Names a connection of a server, and no later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionKey {
    pub(super) slot: usize,
    /// Slots are used again, this isn't.
    pub(super) serial: u64,
}

/// How an application ends a connection that can't begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// The application's error code.
    pub code: u64,
    /// A few words for the peer and the log.
    pub reason: &'static str,
}

/// How a session gets on: by this the server closes connections of which nothing comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activity {
    /// Something of use came in or went out since the last time.
    pub advanced: bool,
    /// Bytes in memory that the peer has not acknowledged yet; a change counts as an advance.
    pub held_bytes: usize,
    /// Whose move it is.
    pub waits_for: WaitsFor,
}

/// Whose move it is on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitsFor {
    /// Nothing is under way: the peer may ask for something, within
    /// [`ServerConfig::request_timeout`].
    Request,
    /// Something is under way, and the peer must take or send more of it, within
    /// [`ServerConfig::response_timeout`].
    Peer,
    /// The application itself, for as long as it likes.
    Application,
}
