//! The program's maps of rules: writes the table's changes to the kernel.

use libbpf_rs::{MapCore, MapFlags, MapHandle};

use super::layout::VERSIONS;
use super::table::{Changes, Table};
use crate::Error;

/// The maps of the program.
#[derive(Debug)]
pub(crate) struct Maps {
    pub(crate) ports: MapHandle,
    pub(crate) shapes: MapHandle,
    /// By IP version.
    pub(crate) keys: [MapHandle; VERSIONS],
}

impl Maps {
    /// Keys last: a rule takes effect with its key, when all that belongs to it is there.
    pub(super) fn add(&self, table: &Table, changes: &Changes) -> Result<(), Error> {
        self.write_shapes(table, changes)?;
        self.write_ports(table, changes)?;
        for (map, keys) in self.keys.iter().zip(&changes.keys) {
            add_keys(map, keys)
                .map_err(|error| Error::map("adding rules: bpf(BPF_MAP_UPDATE_*)", error))?;
        }
        Ok(())
    }

    /// Keys first, for the same reason. Continues after an error, and returns the first one.
    pub(super) fn remove(&self, table: &Table, changes: &Changes) -> Result<(), Error> {
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
