//! `News`: what the first worker finds out, for all threads; `Known`: how much of it one has seen.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use xskit::quic::Identity;

/// What the first worker publishes.
#[derive(Default)]
pub(super) struct News {
    /// How often the interface's addresses or the routes changed.
    addresses: AtomicU64,
    /// How often the certificate was read again.
    identities: AtomicU64,
    identity: Mutex<Option<Identity>>,
}

/// How much of it a worker has seen.
#[derive(Default)]
pub(super) struct Known {
    addresses: u64,
    identities: u64,
}

impl News {
    pub(super) fn tell_of_addresses(&self) {
        self.addresses.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn tell_of_identity(&self, identity: Identity) {
        *self.identity() = Some(identity);
        // After the identity: a worker that sees the number finds it.
        self.identities.fetch_add(1, Ordering::Release);
    }

    fn identity(&self) -> MutexGuard<'_, Option<Identity>> {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Whether addresses or routes have changed since the last call.
    pub(super) fn learn_addresses(&mut self, news: &News) -> bool {
        let now = news.addresses.load(Ordering::Relaxed);
        std::mem::replace(&mut self.addresses, now) != now
    }

    /// The certificate, if it was read again since the last call.
    pub(super) fn learn_identity(&mut self, news: &News) -> Option<Identity> {
        let now = news.identities.load(Ordering::Acquire);
        if std::mem::replace(&mut self.identities, now) == now {
            return None;
        }
        news.identity().clone()
    }
}
