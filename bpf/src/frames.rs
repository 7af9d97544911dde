//! Which frames the program takes at all: its element of that in the kernel.

use std::sync::{Mutex, PoisonError};

use libbpf_rs::{MapCore, MapFlags, MapHandle};

use crate::{Error, Only};

/// The limit of a loaded program, and whether it takes all that the limit allows.
#[derive(Debug)]
pub(crate) struct Frames {
    map: MapHandle,
    /// What the element says. It is written as a whole, so by one at a time.
    said: Mutex<(Only, bool)>,
}

impl Frames {
    /// The element of a program just loaded is zero: no limit, and by rules.
    pub(crate) fn new(map: MapHandle) -> Self {
        let said = Mutex::default();
        Self { map, said }
    }

    pub(crate) fn limit(&self, only: &Only) -> Result<(), Error> {
        self.change(|said| said.0 = only.clone())
    }

    pub(crate) fn take_all(&self, all: bool) -> Result<(), Error> {
        self.change(|said| said.1 = all)
    }

    fn change(&self, change: impl FnOnce(&mut (Only, bool))) -> Result<(), Error> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = said.clone();
        change(&mut next);
        let bytes = next.0.to_bytes(next.1);
        let written = self.map.update(&0u32.to_ne_bytes(), &bytes, MapFlags::ANY);
        written.map_err(|error| Error::map("limiting frames: bpf(BPF_MAP_UPDATE_ELEM)", error))?;
        *said = next;
        Ok(())
    }
}
