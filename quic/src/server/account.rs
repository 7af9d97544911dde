//! `Account`: how many of something that is bounded a client's host, and its network, have.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number that all who count it share. It orders nothing else, so relaxed loads and stores are
/// enough.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

impl Count {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The counts that a connection's client shares with others of its host and of its network.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) host: Count,
    pub(crate) network: Count,
}
