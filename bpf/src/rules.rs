//! The rules in the kernel: writes the table's changes to the program's maps.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use libbpf_rs::{MapCore, MapFlags, MapHandle};

use crate::layout::{Term, VERSIONS};
use crate::rule::udp_at;
use crate::table::{Changes, Table};
use crate::{Error, Rule};

/// The rules of a loaded program.
#[derive(Debug)]
pub(crate) struct Rules {
    maps: Maps,
    /// What the maps hold. A change is written to them under this lock.
    table: Mutex<Table>,
}

/// The maps of the program.
#[derive(Debug)]
pub(crate) struct Maps {
    pub(crate) ports: MapHandle,
    pub(crate) shapes: MapHandle,
    /// By IP version.
    pub(crate) keys: [MapHandle; VERSIONS],
}

impl Rules {
    pub(crate) fn new(maps: Maps) -> Self {
        let table = Mutex::default();
        Self { maps, table }
    }

    pub(crate) fn take(&self, port: u16, address: Option<IpAddr>) -> Result<(), Error> {
        self.add(&[udp_at(port, address)])
    }

    /// Returns whether there was such a rule.
    pub(crate) fn release(&self, port: u16, address: Option<IpAddr>) -> Result<bool, Error> {
        let removed = self.remove(&[udp_at(port, address)])?;
        Ok(removed > 0)
    }

    /// Adds all of them, or none.
    pub(crate) fn add(&self, rules: &[Rule]) -> Result<(), Error> {
        check(rules)?;
        let mut table = self.table();
        let mut added = Vec::new();
        let mut changes = Changes::default();
        for term in rules.iter().flat_map(Rule::versions) {
            match table.add(term, &mut changes) {
                Ok(true) => added.push(term),
                Ok(false) => {}
                Err(error) => {
                    // Nothing was written to the kernel yet.
                    take_back(&mut table, &added);
                    return Err(error);
                }
            }
        }
        self.maps.add(&table, &changes).inspect_err(|_| {
            // Some may be written. What can't be undone has no effect: a key without its shape, or
            // the reverse.
            let undone = take_back(&mut table, &added);
            let _ = self.maps.remove(&table, &undone);
        })
    }

    /// Returns how many of them there were.
    pub(crate) fn remove(&self, rules: &[Rule]) -> Result<usize, Error> {
        check(rules)?;
        let mut table = self.table();
        let mut changes = Changes::default();
        let mut count = 0;
        for rule in rules {
            // Removes each, not only up to the first that was there.
            let found = rule.versions().map(|term| table.remove(term, &mut changes));
            count += usize::from(found.fold(false, |any, found| any | found));
        }
        self.maps.remove(&table, &changes).map(|()| count)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn check(rules: &[Rule]) -> Result<(), Error> {
    rules.iter().try_for_each(Rule::check)
}

fn take_back(table: &mut Table, terms: &[Term]) -> Changes {
    let mut changes = Changes::default();
    for term in terms {
        table.remove(*term, &mut changes);
    }
    changes
}

impl Maps {
    /// Keys last: a rule takes effect with its key, when all that belongs to it is there.
    fn add(&self, table: &Table, changes: &Changes) -> Result<(), Error> {
        self.write_shapes(table, changes)?;
        self.write_ports(table, changes)?;
        for (map, keys) in self.keys.iter().zip(&changes.keys) {
            add_keys(map, keys)
                .map_err(|error| Error::map("adding rules: bpf(BPF_MAP_UPDATE_*)", error))?;
        }
        Ok(())
    }

    /// Keys first, for the same reason. Continues after an error, and returns the first one.
    fn remove(&self, table: &Table, changes: &Changes) -> Result<(), Error> {
        let keys = self.keys.iter().zip(&changes.keys).map(|(map, keys)| {
            remove_keys(map, keys)
                .map_err(|error| Error::map("removing rules: bpf(BPF_MAP_DELETE_*)", error))
        });
        let keys = keys.fold(Ok(()), Result::and);
        let ports = self.write_ports(table, changes);
        keys.and(ports).and(self.write_shapes(table, changes))
    }

    fn write_shapes(&self, table: &Table, changes: &Changes) -> Result<(), Error> {
        if !changes.shapes {
            return Ok(());
        }
        let bytes = table.shapes_to_bytes();
        let written = self
            .shapes
            .update(&0u32.to_ne_bytes(), &bytes, MapFlags::ANY);
        written.map_err(|error| {
            Error::map(
                "changing the rules' shapes: bpf(BPF_MAP_UPDATE_ELEM)",
                error,
            )
        })
    }

    /// In one call, whatever their number.
    fn write_ports(&self, table: &Table, changes: &Changes) -> Result<(), Error> {
        if changes.ports.is_empty() {
            return Ok(());
        }
        let said = table.say(&changes.ports);
        let mut keys = Vec::with_capacity(4 * said.len());
        let mut values = Vec::with_capacity(8 * said.len());
        for (port, said) in &said {
            keys.extend(u32::from(*port).to_ne_bytes());
            values.extend(said.to_bytes());
        }
        let written = match said.len() {
            1 => self.ports.update(&keys, &values, MapFlags::ANY),
            count => update_batch(&self.ports, &keys, &values, count),
        };
        written.map_err(|error| Error::map("changing ports' rules: bpf(BPF_MAP_UPDATE_*)", error))
    }
}

fn add_keys(map: &MapHandle, keys: &[Vec<u8>]) -> libbpf_rs::Result<()> {
    match keys {
        [] => Ok(()),
        [key] => map.update(key, &[1], MapFlags::ANY),
        keys => update_batch(map, &keys.concat(), &vec![1; keys.len()], keys.len()),
    }
}

/// `BPF_MAP_UPDATE_BATCH`. Linux 5.6.
fn update_batch(
    map: &MapHandle,
    keys: &[u8],
    values: &[u8],
    count: usize,
) -> libbpf_rs::Result<()> {
    map.update_batch(keys, values, count as u32, MapFlags::ANY, MapFlags::ANY)
}

/// One by one: a batch would end at the first key that isn't there.
fn remove_keys(map: &MapHandle, keys: &[Vec<u8>]) -> libbpf_rs::Result<()> {
    let removed = keys.iter().map(|key| map.delete(key));
    removed.fold(Ok(()), Result::and)
}
