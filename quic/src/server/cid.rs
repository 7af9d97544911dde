//! `Cid` and `CidTable`: connection ids, and the connection of each.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use quiche::ConnectionId;

use super::cid_format::ConnectionIdFormat;

/// A connection id, stored without an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cid {
    len: u8,
    /// Zero past `len`, so that the derived equality is that of the ids.
    bytes: [u8; quiche::MAX_CONN_ID_LEN],
}

impl Cid {
    /// `None` if it is longer than version 1 allows.
    pub(super) fn new(id: &[u8]) -> Option<Self> {
        let mut bytes = [0; quiche::MAX_CONN_ID_LEN];
        bytes.get_mut(..id.len())?.copy_from_slice(id);
        let len = u8::try_from(id.len()).ok()?;
        Some(Self { len, bytes })
    }

    /// A new id of ours, which names this worker. `None` if the random source fails.
    pub(super) fn random(format: &dyn ConnectionIdFormat, worker: Option<u8>) -> Option<Self> {
        let mut bytes = [0; quiche::MAX_CONN_ID_LEN];
        let id = bytes.get_mut(..format.len_bytes())?;
        boring::rand::rand_bytes(id).ok()?;
        format.stamp(id, worker);
        Self::new(id)
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// The same as quiche's type.
    pub(super) fn to_quiche(self) -> ConnectionId<'static> {
        ConnectionId::from_vec(self.as_slice().to_vec())
    }
}

/// Which connection an id belongs to.
///
/// The standard library's hasher is keyed at random, so an attacker can't choose ids that collide
/// (a connection's first id is the client's choice).
#[derive(Debug, Default)]
pub(super) struct CidTable {
    /// `None`: the connection exists, but has retired this id.
    connections: HashMap<Cid, Option<usize>>,
}

impl CidTable {
    pub(super) fn get(&self, id: &[u8]) -> Option<usize> {
        self.connections.get(&Cid::new(id)?).copied().flatten()
    }

    /// Whether it is an id of an existing connection that the client has retired.
    pub(super) fn is_retired(&self, id: &[u8]) -> bool {
        Cid::new(id).is_some_and(|id| self.connections.get(&id) == Some(&None))
    }

    /// Whether the id is taken, retired or not.
    pub(super) fn has(&self, id: Cid) -> bool {
        self.connections.contains_key(&id)
    }

    /// False if the id is taken: it keeps its connection.
    #[must_use]
    pub(super) fn insert(&mut self, id: Cid, connection: usize) -> bool {
        match self.connections.entry(id) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                entry.insert(Some(connection));
                true
            }
        }
    }

    /// The id leads to no connection from now on, but stays taken until it is removed.
    pub(super) fn retire(&mut self, id: Cid) {
        if let Some(connection) = self.connections.get_mut(&id) {
            *connection = None;
        }
    }

    pub(super) fn remove(&mut self, id: Cid) {
        self.connections.remove(&id);
    }

    pub(super) fn len(&self) -> usize {
        self.connections.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::RandomIds;

    #[test]
    fn ids_of_every_length_are_told_apart() {
        let mut table = CidTable::default();
        let zeros = [0; 30];
        for len in 0..=quiche::MAX_CONN_ID_LEN {
            assert!(table.insert(Cid::new(&zeros[..len]).unwrap(), len));
        }
        for len in 0..=quiche::MAX_CONN_ID_LEN {
            assert_eq!(table.get(&zeros[..len]), Some(len));
        }
        assert_eq!(Cid::new(&zeros[..21]), None);
        assert_eq!(table.get(&zeros[..21]), None);
        assert_eq!(table.get(&[1; 8]), None);
    }

    #[test]
    fn a_taken_id_stays_with_its_connection() {
        let mut table = CidTable::default();
        let id = Cid::random(&RandomIds, None).unwrap();
        assert!(table.insert(id, 1));
        assert!(!table.insert(id, 2));
        assert_eq!(table.get(id.as_slice()), Some(1));
        assert!(!table.is_retired(id.as_slice()));
        table.retire(id);
        assert_eq!((table.get(id.as_slice()), table.len()), (None, 1));
        assert!(table.is_retired(id.as_slice()) && !table.insert(id, 2));
        table.remove(id);
        assert_eq!((table.get(id.as_slice()), table.len()), (None, 0));
        assert!(!table.is_retired(id.as_slice()));
    }
}
