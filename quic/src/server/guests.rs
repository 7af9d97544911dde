//! `Guests`: clients of another transport than QUIC, admitted within the same bounds.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::ServerConfig;
use super::application::{ConnectionKey, Peer};
use super::sources::{Account, Full, Seat, Sources};

/// The connections of one TCP port, over all its threads: at most as many as a [`ServerConfig`]
/// allows for QUIC, in total and from one host or network.
#[derive(Clone, Debug)]
pub struct Guests(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    max_connections: usize,
    connections: Mutex<Connections>,
    serial: AtomicU64,
}

#[derive(Debug)]
struct Connections {
    sources: Sources,
    count: usize,
}

/// One connection, counted until it is dropped. TCP's handshake has proven its address.
#[derive(Debug)]
pub struct Guest {
    peer: Peer,
    seat: Seat,
    shared: Arc<Shared>,
}

impl Guests {
    /// No connections yet; the bounds are those of this configuration.
    #[must_use]
    pub fn new(config: &ServerConfig) -> Self {
        let sources = Sources::new(
            config.max_connections_per_host,
            config.max_connections_per_network,
        );
        Self(Arc::new(Shared {
            max_connections: config.max_connections,
            connections: Mutex::new(Connections { sources, count: 0 }),
            serial: AtomicU64::new(0),
        }))
    }

    /// Admits a client that has connected from this address. `None` if there is no room for it.
    #[must_use]
    pub fn enter(&self, address: SocketAddr) -> Option<Guest> {
        let mut connections = self.0.connections();
        if connections.count >= self.0.max_connections {
            return None;
        }
        let seat: Result<Seat, Full> = connections.sources.enter(address.ip());
        let seat = seat.ok()?;
        connections.count += 1;
        let account = OnceLock::from(seat.account.clone());
        let connection = ConnectionKey {
            slot: usize::MAX,
            serial: self.0.serial.fetch_add(1, Ordering::Relaxed),
        };
        Some(Guest {
            peer: Peer {
                address,
                connection,
                account: Arc::new(account),
                strangers: Account::default(),
            },
            seat,
            shared: Arc::clone(&self.0),
        })
    }

    /// How many connections there are now.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.connections().count
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guest {
    /// The client.
    #[must_use]
    pub fn peer(&self) -> &Peer {
        &self.peer
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut connections = self.shared.connections();
        connections.sources.leave(&self.seat);
        connections.count -= 1;
    }
}
