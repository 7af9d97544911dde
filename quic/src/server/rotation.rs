//! `RotatingKey`: a random key that all workers share, replaced on a schedule.
//!
//! ```text
//!             0          period       2 periods
//! made with   | key 0    | key 1      | key 2
//! accepted    | key 0    | keys 0, 1  | keys 1, 2
//! ```
//!
//! Workers call [`turn`](RotatingKey::turn) with the present time when a client comes. If no new
//! key is due, that takes no lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

/// A key of `N` bytes, and the previous one.
pub(super) struct RotatingKey<const N: usize> {
    epoch: Instant,
    period: Duration,
    /// The current key's period, from 0.
    period_index: AtomicU64,
    keys: RwLock<Keys<N>>,
}

/// The keys at one time.
struct Keys<const N: usize> {
    current: [u8; N],
    previous: Option<[u8; N]>,
}

impl<const N: usize> RotatingKey<N> {
    /// `None` if the random source fails.
    pub(super) fn new(now: Instant, period: Duration) -> Option<Self> {
        Some(Self {
            epoch: now,
            period,
            period_index: AtomicU64::new(0),
            keys: RwLock::new(Keys {
                current: random()?,
                previous: None,
            }),
        })
    }

    /// Makes a new key if one is due. The old one stays if the random source fails.
    pub(super) fn turn(&self, now: Instant) {
        let since = now.saturating_duration_since(self.epoch);
        let index = since.as_secs() / self.period.as_secs().max(1);
        // Only a hint: the lock orders the keys and the index.
        if index <= self.period_index.load(Ordering::Relaxed) {
            return;
        }
        let Some(next) = random() else {
            return;
        };
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let before = self.period_index.load(Ordering::Relaxed);
        if index > before {
            let current = std::mem::replace(&mut keys.current, next);
            keys.previous = (index == before + 1).then_some(current);
            self.period_index.store(index, Ordering::Relaxed);
        }
    }

    /// The key to use for new tokens or tickets.
    pub(super) fn current(&self) -> [u8; N] {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.current
    }

    /// The keys that returned tokens or tickets may have been made with, the current one first.
    pub(super) fn accepted(&self) -> impl Iterator<Item = [u8; N]> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        [Some(keys.current), keys.previous].into_iter().flatten()
    }
}

fn random<const N: usize>() -> Option<[u8; N]> {
    let mut key = [0; N];
    boring::rand::rand_bytes(&mut key).ok()?;
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_accepted_for_one_more_period() {
        let begin = Instant::now();
        let period = Duration::from_secs(10);
        let key = RotatingKey::<16>::new(begin, period).unwrap();
        let is_accepted = |old: [u8; 16]| key.accepted().any(|key| key == old);
        let first = key.current();
        key.turn(begin + period - Duration::from_millis(1));
        assert_eq!(key.current(), first);
        key.turn(begin + period);
        let second = key.current();
        assert!(second != first && is_accepted(first) && is_accepted(second));
        // Another worker's clock is a little behind.
        key.turn(begin);
        assert_eq!(key.current(), second);
        key.turn(begin + 2 * period);
        assert!(!is_accepted(first) && is_accepted(second) && key.current() != second);
        // No client came for a while: the key has expired anyway.
        let third = key.current();
        key.turn(begin + 4 * period);
        assert!(!is_accepted(third));
        assert_eq!(key.accepted().count(), 1);
    }
}
