//! `Worker`: one of several servers that share a UDP port, each on its own thread and queue.
//!
//! ```text
//! queue 0 -> server 0 --(packet of a connection of server 1)--> inbox of 1 --.
//! queue 1 -> server 1 <-------------------------------------------------------'
//! ```
//!
//! A device spreads packets over queues by addresses and ports, so a client that moves may arrive
//! at another queue. Every connection id names its worker, and a packet that arrives elsewhere is
//! handed to that worker: copied once, through a bounded lock-free queue. Other shared state is
//! touched when a connection begins or ends, not per packet.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use crossbeam_queue::ArrayQueue;

use super::ServerConfig;
use super::cid::Cid;
use super::cid_format::{ConnectionIdError, ConnectionIdFormat, LENGTHS};
use super::sources::{Account, Sources};
use super::strikes::Strikes;
use super::tickets::Tickets;
use super::token::Tokens;
use crate::error::SetupError;

/// Packets that may wait for a worker. Further ones are dropped, as by a device whose ring is full.
const INBOX_PACKETS: usize = 1024;

/// A place among the servers of one port. Create all of them with [`Worker::team`], and give one to
/// each server ([`Server::for_worker`](super::Server::for_worker)).
pub struct Worker<L> {
    index: u8,
    shared: Arc<Shared<L>>,
}

/// The shared state of a team's workers.
struct Shared<L> {
    connection_ids: Arc<dyn ConnectionIdFormat>,
    cid_bytes: usize,
    tokens: Tokens,
    tickets: Tickets,
    strikes: Mutex<Strikes>,
    sources: Mutex<Sources>,
    /// The account of all clients whose address is unproven.
    strangers: Account,
    connections: AtomicUsize,
    inboxes: Vec<Inbox<L>>,
}

/// A worker's queue of packets from other workers.
struct Inbox<L> {
    parcels: ArrayQueue<Parcel<L>>,
    /// The worker was woken, and has not looked at its inbox since.
    is_told: AtomicBool,
    waker: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

/// A packet that arrived at another worker.
pub(super) struct Parcel<L> {
    pub(super) datagram: Vec<u8>,
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) link: L,
}

impl<L> Worker<L> {
    /// The most workers that a team may have: a connection id names one in a byte.
    pub const MAX: usize = 256;

    /// A team of `count` workers, clamped to 1 to [`MAX`](Self::MAX). The configuration's bounds
    /// hold for all of them together.
    ///
    /// # Errors
    ///
    /// [`SetupError::Quic`] if the random source fails, and [`SetupError::ConnectionId`] if the
    /// format's ids don't have 8 to 20 bytes.
    pub fn team(
        config: &ServerConfig,
        count: usize,
        now: Instant,
    ) -> Result<Vec<Self>, SetupError> {
        let count = count.clamp(1, Self::MAX);
        let bytes = config.connection_ids.len_bytes();
        if !LENGTHS.contains(&bytes) {
            return Err(ConnectionIdError::Length { bytes }.into());
        }
        let inbox = || Inbox {
            parcels: ArrayQueue::new(INBOX_PACKETS),
            is_told: AtomicBool::new(false),
            waker: OnceLock::new(),
        };
        let shared = Arc::new(Shared {
            connection_ids: Arc::clone(&config.connection_ids),
            cid_bytes: bytes,
            tokens: Tokens::new(now).ok_or(quiche::Error::CryptoFail)?,
            tickets: Tickets::new(now).ok_or(quiche::Error::CryptoFail)?,
            strikes: Mutex::new(Strikes::new(now)),
            strangers: Account::default(),
            sources: Mutex::new(Sources::new(
                config.max_connections_per_host,
                config.max_connections_per_network,
            )),
            connections: AtomicUsize::new(0),
            inboxes: std::iter::repeat_with(inbox).take(count).collect(),
        });
        let worker = |index| Self {
            index,
            shared: Arc::clone(&shared),
        };
        Ok((0..=u8::MAX).take(count).map(worker).collect())
    }

    /// Sets a function that ends this worker's wait. Another worker's thread calls it when it hands
    /// over the first packet since [`Server::take_over`](super::Server::take_over) emptied the
    /// inbox. Only the first call of `on_handover` has an effect.
    pub fn on_handover(&self, wake: impl Fn() + Send + Sync + 'static) {
        if let Some(inbox) = self.inbox() {
            let _ = inbox.waker.set(Box::new(wake));
        }
    }

    /// The worker's number, from 0.
    #[must_use]
    pub fn index(&self) -> u8 {
        self.index
    }

    fn inbox(&self) -> Option<&Inbox<L>> {
        self.shared.inboxes.get(usize::from(self.index))
    }

    pub(super) fn tokens(&self) -> &Tokens {
        &self.shared.tokens
    }

    pub(super) fn tickets(&self) -> &Tickets {
        &self.shared.tickets
    }

    /// Makes new keys if they are due. Called when a client comes.
    pub(super) fn turn_keys(&self, now: Instant) {
        self.shared.tokens.turn(now);
        self.shared.tickets.turn(now);
    }

    /// This worker's share of a bound on the whole team.
    pub(super) fn part_of(&self, bound: usize) -> usize {
        bound.div_ceil(self.shared.inboxes.len())
    }

    pub(super) fn sources(&self) -> MutexGuard<'_, Sources> {
        let sources = self.shared.sources.lock();
        sources.unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn strikes(&self) -> MutexGuard<'_, Strikes> {
        let strikes = self.shared.strikes.lock();
        strikes.unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn strangers(&self) -> &Account {
        &self.shared.strangers
    }

    /// How many connections all workers have.
    pub(super) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    pub(super) fn count_connection(&self) {
        self.shared.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn discount_connection(&self) {
        self.shared.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// The length of each of our connection ids.
    pub(super) fn cid_bytes(&self) -> usize {
        self.shared.cid_bytes
    }

    /// A new connection id, which names this worker if there are others. `None` if the random
    /// source fails.
    pub(super) fn new_id(&self) -> Option<Cid> {
        let index = (self.shared.inboxes.len() > 1).then_some(self.index);
        Cid::random(&*self.shared.connection_ids, index)
    }

    /// The other worker that this id names, if it exists.
    pub(super) fn other_of(&self, id: &[u8]) -> Option<u8> {
        let shared = &*self.shared;
        if shared.inboxes.len() == 1 || id.len() != shared.cid_bytes {
            return None;
        }
        let worker = shared.connection_ids.worker_of(id)?;
        (worker != self.index && usize::from(worker) < shared.inboxes.len()).then_some(worker)
    }

    /// Hands a packet to another worker; false if its inbox is full.
    pub(super) fn hand_over(&self, worker: u8, parcel: Parcel<L>) -> bool {
        let Some(inbox) = self.shared.inboxes.get(usize::from(worker)) else {
            return false;
        };
        let is_taken = inbox.parcels.push(parcel).is_ok();
        // After the push. Pairs with the swap in `look`, which clears the flag before the first
        // pop: if the flag is still set here, that pop is yet to come and finds the packet.
        if !inbox.is_told.swap(true, Ordering::AcqRel)
            && let Some(wake) = inbox.waker.get()
        {
            wake();
        }
        is_taken
    }

    /// Takes the packets that were handed over to this worker, at most as many as an inbox holds,
    /// so that a flood of handovers can't occupy it. The rest is left to the next call, which needs
    /// no wake-up.
    pub(super) fn look(&self) -> Vec<Parcel<L>> {
        let Some(inbox) = self.inbox() else {
            return Vec::new();
        };
        // The load avoids taking the cache line exclusively when nothing came. The swap precedes
        // the first pop and pairs with the one in `hand_over`.
        if !inbox.is_told.load(Ordering::Relaxed) || !inbox.is_told.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        let pop = std::iter::from_fn(|| inbox.parcels.pop());
        let parcels: Vec<_> = pop.take(INBOX_PACKETS).collect();
        if parcels.len() == INBOX_PACKETS {
            inbox.is_told.store(true, Ordering::Release);
        }
        parcels
    }
}

impl<L> std::fmt::Debug for Worker<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("index", &self.index)
            .field("of", &self.shared.inboxes.len())
            .finish_non_exhaustive()
    }
}
