//! `Connections`: any number of connections, to any addresses, as one endpoint.
//!
//! ```text
//! datagram -> header -> id -> connection --+--> ready: asked for what to send, in turns
//!                | unknown                 +--> news: looked at by the application
//!                v
//!        address and last 16 bytes -> the connection that is reset
//! ```
//!
//! A connection is touched when a datagram comes for it, when its timer fires, when the application
//! uses it, and while it has something to send. Only `iter` walks over all of them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

use slab::Slab;

use super::connect::LOCAL_CID_BYTES;
use super::connection::Connection;
use super::resets::{Resets, reset_token};
use super::turns::Turns;
use crate::endpoint::{Endpoint, Transmit};
use crate::header::Header;
use crate::quic::QuicConnection;
use crate::timers::Timers;

/// Datagrams that a connection sends before the next one has its turn.
const TURN_DATAGRAMS: usize = 16;

/// Names one of several [`Connections`]. It is never reused for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionsKey {
    slot: usize,
    serial: u64,
}

/// One connection to a server: a [`Client`](super::Client) or a [`Connection`].
pub trait OneConnection: Endpoint + sealed::Inner {}

impl<C: Endpoint + sealed::Inner> OneConnection for C {}

pub(super) mod sealed {
    use crate::quic::QuicConnection;

    /// What [`Connections`](super::Connections) needs besides [`Endpoint`](crate::Endpoint).
    pub trait Inner {
        fn quic_mut(&mut self) -> &mut QuicConnection;

        fn has_ended(&self) -> bool;

        /// Whether sending has led to something that the application should look at.
        fn has_news(&self) -> bool;
    }
}

impl<L: Copy> sealed::Inner for Connection<L> {
    fn quic_mut(&mut self) -> &mut QuicConnection {
        self.quic()
    }

    fn has_ended(&self) -> bool {
        self.is_over()
    }

    fn has_news(&self) -> bool {
        self.is_early()
    }
}

/// Any number of connections, to any addresses, as one endpoint for one driver.
///
/// `C` is [`Client`](super::Client) or [`Connection`]. They may share a local address and port,
/// because a received datagram names its connection by a random id. Connections with something to
/// send take turns of 16 datagrams. Idle ones cost memory, but no time.
///
/// Move packets with the methods of [`Endpoint`], or have a driver do it. Then
/// [`poll_ready`](Self::poll_ready) names the connections to look at, and
/// [`poll_over`](Self::poll_over) returns those that are over. If anything was written since the
/// driver's turn, tell its `rest` that something moved, as with one client.
///
/// ```
/// use std::net::SocketAddr;
/// use std::time::Instant;
/// use xskit_quic::client::{ClientEvent, Connections};
/// use xskit_quic::{Client, ClientConfig, SetupError};
///
/// # fn f(config: &ClientConfig, local: SocketAddr, servers: &[SocketAddr]) -> Result<(), SetupError> {
/// let mut clients = Connections::new();
/// for server in servers {
///     let now = Instant::now();
///     let mut client = Client::new(config, local, *server, (), now)?;
///     client.get("/", None);
///     clients.insert(client);
/// }
/// let mut buffer = [0; 16 << 10];
/// while !clients.is_empty() {
///     // Here a driver has its turn: `driver.turn(&mut clients)`.
/// #   clients = Connections::new();
///     while let Some((_, client)) = clients.poll_ready() {
///         while let Some(event) = client.poll_event() {
///             match event {
///                 ClientEvent::Body(id) => while client.read_body(id, &mut buffer) > 0 {},
///                 ClientEvent::Finished(_) => client.close(Instant::now()),
///                 _ => {}
///             }
///         }
///     }
///     while let Some((_, client)) = clients.poll_over() {
///         println!("{:?}", client.stats());
///     }
///     // And here it waits: `driver.rest(&mut clients, ...)`.
/// }
/// # Ok(())
/// # }
/// ```
pub struct Connections<C> {
    members: Slab<Member<C>>,
    /// That of the next connection.
    serial: u64,
    /// By our ids, which are random.
    ids: HashMap<[u8; LOCAL_CID_BYTES], usize>,
    resets: Resets,
    /// Connections that may have something to send.
    ready: Turns,
    /// Datagrams that the first of them may still send in its turn.
    turn_left: usize,
    /// Connections that the application should look at.
    news: Turns,
    /// Connections that are over, and have nothing more to send.
    over: Turns,
    timers: Timers,
    unclaimed: u64,
}

struct Member<C> {
    connection: C,
    serial: u64,
    id: [u8; LOCAL_CID_BYTES],
    /// Its handshake is done, and its reset token was looked up.
    is_met: bool,
    /// Its entry among the [`Resets`].
    reset: Option<u64>,
    armed: Option<Instant>,
}

impl<C> std::fmt::Debug for Connections<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections")
            .field("connections", &self.members.len())
            .finish_non_exhaustive()
    }
}

impl<C> Default for Connections<C> {
    fn default() -> Self {
        Self {
            members: Slab::new(),
            serial: 0,
            ids: HashMap::new(),
            resets: Resets::default(),
            ready: Turns::default(),
            turn_left: TURN_DATAGRAMS,
            news: Turns::default(),
            over: Turns::default(),
            timers: Timers::default(),
            unclaimed: 0,
        }
    }
}

impl<C: OneConnection> Connections<C> {
    /// Without connections.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a connection, in whatever state.
    pub fn insert(&mut self, mut connection: C) -> ConnectionsKey {
        let mut id = [0; LOCAL_CID_BYTES];
        let given = connection.quic_mut().source_id();
        // `connect` makes all ids this long.
        id.iter_mut()
            .zip(given.iter())
            .for_each(|(to, from)| *to = *from);
        let serial = self.serial;
        self.serial += 1;
        let slot = self.members.insert(Member {
            connection,
            serial,
            id,
            is_met: false,
            reset: None,
            armed: None,
        });
        // Two equal ids take a broken random source. The first connection keeps the id then.
        self.ids.entry(id).or_insert(slot);
        self.meet(slot);
        self.ready.add(slot);
        self.news.add(slot);
        ConnectionsKey { slot, serial }
    }

    /// A connection, for reading.
    #[must_use]
    pub fn get(&self, key: ConnectionsKey) -> Option<&C> {
        let member = self.members.get(key.slot);
        let member = member.filter(|member| member.serial == key.serial);
        member.map(|member| &member.connection)
    }

    /// A connection, for use. The next [`poll_transmit`](Endpoint::poll_transmit) asks it for what
    /// it has to send.
    pub fn get_mut(&mut self, key: ConnectionsKey) -> Option<&mut C> {
        let member = self.members.get_mut(key.slot);
        let member = member.filter(|member| member.serial == key.serial)?;
        self.ready.add(key.slot);
        Some(&mut member.connection)
    }

    /// The next connection with news: a datagram came, its timer fired, it has ended, or it was
    /// just added. Take its events, or read and write, until there is nothing more. It is not
    /// returned again until there is further news. The next
    /// [`poll_transmit`](Endpoint::poll_transmit) asks it for what it has to send.
    pub fn poll_ready(&mut self) -> Option<(ConnectionsKey, &mut C)> {
        let slot = self.news.pop()?;
        self.ready.add(slot);
        let member = self.members.get_mut(slot)?;
        let serial = member.serial;
        Some((ConnectionsKey { slot, serial }, &mut member.connection))
    }

    /// Removes and returns the next connection that is over and has sent everything,
    /// CONNECTION_CLOSE included. Its last events, and how it ended, can still be taken from it.
    pub fn poll_over(&mut self) -> Option<(ConnectionsKey, C)> {
        let slot = self.over.pop()?;
        let serial = self.members.get(slot)?.serial;
        let key = ConnectionsKey { slot, serial };
        Some((key, self.remove(key)?))
    }

    /// Removes and returns a connection, which can be used alone or added elsewhere. If it is
    /// dropped before it is over, the server is not told; [`poll_over`](Self::poll_over) returns
    /// those that are closed.
    pub fn remove(&mut self, key: ConnectionsKey) -> Option<C> {
        self.get(key)?;
        let slot = key.slot;
        let member = self.members.try_remove(slot)?;
        if self.ids.get(&member.id) == Some(&slot) {
            self.ids.remove(&member.id);
        }
        if let Some(reset) = member.reset {
            self.resets.remove(reset, slot);
        }
        if let Some(armed) = member.armed {
            self.timers.disarm(slot, armed);
        }
        for turns in [&mut self.ready, &mut self.news, &mut self.over] {
            turns.remove(slot);
        }
        Some(member.connection)
    }

    /// All connections, in no order. Walks over all of them, so don't call it per packet.
    pub fn iter(&self) -> impl Iterator<Item = (ConnectionsKey, &C)> {
        self.members.iter().map(|(slot, member)| {
            let serial = member.serial;
            (ConnectionsKey { slot, serial }, &member.connection)
        })
    }

    /// The number of connections.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are no connections.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Datagrams that belonged to no connection and were dropped.
    #[must_use]
    pub fn unclaimed(&self) -> u64 {
        self.unclaimed
    }

    /// The connection that a datagram is for: by its id, or as a stateless reset. Each takes one
    /// table lookup, whatever the bytes are.
    fn whose(&self, datagram: &[u8], from: SocketAddr) -> Option<usize> {
        let header = Header::parse(datagram, LOCAL_CID_BYTES);
        let id = header.and_then(|header| header.dcid().try_into().ok());
        let slot = id.and_then(|id: [u8; LOCAL_CID_BYTES]| self.ids.get(&id).copied());
        slot.or_else(|| self.resets.get(datagram, from))
    }

    /// Registers the connection's stateless reset token, once the handshake is done.
    fn meet(&mut self, slot: usize) {
        let member = self.members.get_mut(slot);
        let Some(member) = member.filter(|member| !member.is_met) else {
            return;
        };
        let quic = member.connection.quic_mut();
        if quic.is_established() {
            let reset = reset_token(quic);
            member.is_met = true;
            member.reset = reset.map(|(token, peer)| self.resets.insert(token, peer, slot));
        }
    }

    /// Arms the timer of a connection that has nothing more to send, or notes that it is over.
    fn end_turn(&mut self, slot: usize, now: Instant) {
        let Some(member) = self.members.get_mut(slot) else {
            return;
        };
        let has_ended = member.connection.has_ended() && self.over.add(slot);
        if has_ended || member.connection.has_news() {
            self.news.add(slot);
        }
        let deadline = member.connection.poll_timeout();
        let deadline = deadline.map(|deadline| deadline.max(now));
        member.armed = self.timers.arm(slot, member.armed, deadline);
    }
}

impl<C: OneConnection> Endpoint for Connections<C> {
    type LinkPath = C::LinkPath;

    /// A datagram of no connection is dropped, and counted as
    /// [`unclaimed`](Connections::unclaimed).
    fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
        from: SocketAddr,
        to: SocketAddr,
        link: C::LinkPath,
    ) {
        let slot = self.whose(datagram, from);
        let member = slot.and_then(|slot| Some((slot, self.members.get_mut(slot)?)));
        let Some((slot, member)) = member else {
            self.unclaimed += 1;
            return;
        };
        let connection = &mut member.connection;
        connection.handle_datagram(now, datagram, from, to, link);
        self.meet(slot);
        self.ready.add(slot);
        self.news.add(slot);
    }

    fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit<C::LinkPath>> {
        while let Some(slot) = self.ready.first() {
            let member = self.members.get_mut(slot);
            let sent = member.and_then(|member| member.connection.poll_transmit(now, out));
            if sent.is_some() {
                self.turn_left -= 1;
                if self.turn_left == 0 {
                    self.turn_left = TURN_DATAGRAMS;
                    self.ready.rotate();
                }
                return sent;
            }
            self.turn_left = TURN_DATAGRAMS;
            self.ready.pop();
            self.end_turn(slot, now);
        }
        None
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    fn handle_timeout(&mut self, now: Instant) {
        while let Some(slot) = self.timers.pop_due(now) {
            let Some(member) = self.members.get_mut(slot) else {
                continue;
            };
            member.armed = None;
            let deadline = member.connection.poll_timeout();
            if deadline.is_some_and(|deadline| deadline > now) {
                member.armed = self.timers.arm(slot, None, deadline);
            } else if deadline.is_some() {
                member.connection.handle_timeout(now);
                self.ready.add(slot);
                self.news.add(slot);
            }
        }
    }
}
