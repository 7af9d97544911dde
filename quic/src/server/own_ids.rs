//! `OwnIds`: the ids by which the table finds a connection.

use std::collections::VecDeque;

use super::cid::{Cid, CidTable};
use super::reset::Resets;
use super::worker::Worker;
use crate::quic::QuicConnection;

/// Retired ids that are remembered: as many as a client may hold at once.
const MAX_RETIRED: usize = 8;

/// A connection's ids in the table.
#[derive(Debug)]
pub(super) struct OwnIds {
    present: Vec<Cid>,
    /// Those that the client retired last: late packets may still carry them.
    retired: VecDeque<Cid>,
}

impl OwnIds {
    pub(super) fn new() -> Self {
        Self {
            present: Vec::with_capacity(9),
            retired: VecDeque::new(),
        }
    }

    /// Adds an id that is in the table.
    pub(super) fn add(&mut self, id: Cid) {
        self.present.push(id);
    }

    /// The ids that the client has not retired.
    #[cfg(test)]
    pub(super) fn present(&self) -> &[Cid] {
        &self.present
    }

    /// All ids that are in the table.
    pub(super) fn all(&self) -> impl Iterator<Item = Cid> {
        self.present.iter().chain(&self.retired).copied()
    }

    /// The client has retired an id.
    pub(super) fn retire(&mut self, id: Cid, table: &mut CidTable) {
        self.present.retain(|known| *known != id);
        table.retire(id);
        self.retired.push_back(id);
        if self.retired.len() > MAX_RETIRED
            && let Some(oldest) = self.retired.pop_front()
        {
            table.remove(oldest);
        }
    }

    /// Issues another id to the client. `None` if that failed.
    pub(super) fn offer<L>(
        &mut self,
        quic: &mut QuicConnection,
        slot: usize,
        table: &mut CidTable,
        (worker, resets): (&Worker<L>, &Resets),
    ) -> Option<()> {
        let id = worker.new_id()?;
        let token = resets.token(id)?;
        if !table.insert(id, slot) {
            return None;
        }
        if quic.new_scid(&id.to_quiche(), token, false).is_err() {
            table.remove(id);
            return None;
        }
        self.add(id);
        Some(())
    }
}
