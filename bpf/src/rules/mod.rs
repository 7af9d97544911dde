//! The rules of a loaded program: [`Rule`] is what a user writes, `table.rs` holds those in force,
//! `layout.rs` knows their form in the program's maps, and `maps.rs` writes them there.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Error;

mod layout;
mod maps;
mod rule;
mod table;

use layout::Term;
pub(crate) use layout::{RULES, SHAPES};
pub(crate) use maps::Maps;
pub use rule::Rule;
use table::{Changes, Table};

/// The rules of a loaded program.
#[derive(Debug)]
pub(crate) struct Rules {
    maps: Maps,
    /// What the maps hold. A change is written to them under this lock.
    table: Mutex<Table>,
}

impl Rules {
    pub(crate) fn new(maps: Maps) -> Self {
        let table = Mutex::default();
        Self { maps, table }
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
