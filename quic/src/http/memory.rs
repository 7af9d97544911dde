//! `Memory`: how many file bytes a connection may hold.

use std::sync::Arc;

use super::chunk::{CHUNK_BYTES, ChunkPool, Ledger, MIN_READ_BYTES};

/// The share of the free shared memory that one connection may have, as a divisor: the more is
/// taken, the less each may have, so that some is left for the next.
const SHARE_OF_FREE: usize = 8;

/// The bounds of a server on file bytes in memory.
///
/// A connection reads while it holds less than its allowance, and reads at most half of what it is
/// sure of (or a chunk, if that is less) at once. So all connections together hold at most `shared`
/// and a chunk, and for each connection twice what it is sure of (or a chunk more).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The bound of one connection.
    connection: usize,
    /// The bound of all connections, besides what each is sure of.
    shared: usize,
    /// What each connection may always hold, whatever the others do.
    sure: usize,
}

impl Bounds {
    /// From the bound of one connection, that of all together, and the number of connections.
    pub(crate) fn new(connection: usize, total: usize, connections: usize) -> Self {
        let connections = connections.max(1);
        let total = total.max(connections.saturating_mul(4 * MIN_READ_BYTES));
        // At least twice the smallest read.
        let part = total / 2 / connections;
        Self {
            connection,
            shared: total - part * connections,
            sure: part
                .saturating_sub(CHUNK_BYTES)
                .max(part / 2)
                .min(connection),
        }
    }
}

/// The memory that a connection's transfers read files into.
pub(super) struct Memory<'a> {
    pub(super) pool: &'a Arc<ChunkPool>,
    /// What this connection holds.
    pub(super) ledger: &'a Ledger,
    pub(super) bounds: Bounds,
    /// Transfers under way on the connection.
    pub(super) sharers: usize,
}

impl Memory<'_> {
    /// What this connection may hold now.
    fn allowance(&self) -> usize {
        let free = self.bounds.shared.saturating_sub(self.pool.held_bytes());
        (free / SHARE_OF_FREE)
            .max(self.bounds.sure)
            .min(self.bounds.connection)
    }

    pub(super) fn is_full(&self) -> bool {
        self.ledger.bytes() >= self.allowance()
    }

    /// Whether the connections together hold so much that this one gets less than its bound. Then
    /// it must not keep bytes that can't be sent: if streams that the client doesn't read took up
    /// the allowance, those that it does read would stall.
    pub(super) fn is_short(&self) -> bool {
        self.allowance() < self.bounds.connection
    }

    /// How much to read at once. The more transfers there are, the less: streams that the client
    /// doesn't read must leave room for those that it does read.
    pub(super) fn read_bytes(&self) -> usize {
        let share = self.allowance() / 8 / self.sharers.max(1);
        share.clamp(MIN_READ_BYTES, CHUNK_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    /// Connections that read as much as they may, and never let go of any of it.
    fn hoard(bounds: Bounds, connections: usize) -> Vec<usize> {
        let file = std::fs::File::open("/dev/zero").unwrap();
        let pool = Arc::new(ChunkPool::default());
        let mut kept = Vec::new();
        let mut held = Vec::new();
        for _ in 0..connections {
            let ledger = Ledger::default();
            let memory = Memory {
                pool: &pool,
                ledger: &ledger,
                bounds,
                sharers: 1,
            };
            while !memory.is_full() {
                let want = memory.read_bytes();
                kept.push(pool.read(&ledger, file.as_fd(), 0, want).unwrap());
            }
            held.push(ledger.bytes());
        }
        held
    }

    #[test]
    fn hoarders_stay_within_the_total_and_leave_some_for_the_next() {
        for (total, connections) in [(64 << 20, 16), (16 << 20, 100), (0, 64), (8 << 20, 1)] {
            let bounds = Bounds::new(4 << 20, total, connections);
            let held = hoard(bounds, connections);
            let total = total.max(connections * 4 * MIN_READ_BYTES);
            let sum: usize = held.iter().sum();
            assert!(sum <= total + CHUNK_BYTES, "{sum} of {total}");
            assert!(held.iter().all(|held| *held >= MIN_READ_BYTES), "{held:?}");
        }
    }

    #[test]
    fn with_memory_to_spare_a_connection_has_its_own_bound() {
        let bounds = Bounds::new(4 << 20, 256 << 20, 4096);
        let held = hoard(bounds, 2);
        assert!(held.iter().all(|held| *held == 4 << 20), "{held:?}");
        assert_eq!(bounds.shared, 128 << 20);
        assert_eq!(bounds.sure, 16 << 10);
    }
}
