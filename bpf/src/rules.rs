//! The rules in the kernel: two maps of the program.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use libbpf_rs::{ErrorKind, MapCore, MapFlags, MapHandle};

use crate::Error;
use crate::rule::{Rule, SOME_ADDRESS, rule};

/// The rules of a loaded program.
#[derive(Debug)]
pub(crate) struct Rules {
    /// The flags of each port. Who changes one reads it first, so there is one at a time.
    ports: Mutex<MapHandle>,
    addresses: MapHandle,
}

impl Rules {
    pub(crate) fn new(ports: MapHandle, addresses: MapHandle) -> Self {
        let ports = Mutex::new(ports);
        Self { ports, addresses }
    }

    pub(crate) fn take(&self, port: u16, address: Option<IpAddr>) -> Result<(), Error> {
        if port == 0 {
            return Err(Error::PortZero);
        }
        match rule(port, address) {
            Rule::Any(flags) => self.change(port, |held| held | flags).map(drop),
            Rule::At(key) => {
                // First, so that the address is found as soon as it is in; alone it changes no verdict.
                self.change(port, |held| held | SOME_ADDRESS)?;
                let added = self.addresses.update(&key, &[1], MapFlags::ANY);
                added.map_err(|error| match error.kind() {
                    ErrorKind::TooBig => Error::TooManyRules,
                    _ => Error::map("adding a rule: bpf(BPF_MAP_UPDATE_ELEM)", error),
                })
            }
        }
    }

    /// Says whether there was such a rule.
    pub(crate) fn release(&self, port: u16, address: Option<IpAddr>) -> Result<bool, Error> {
        match rule(port, address) {
            Rule::Any(flags) => Ok(self.change(port, |held| held & !flags)? & flags != 0),
            Rule::At(key) => match self.addresses.delete(&key) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
                Err(error) => Err(Error::map(
                    "removing a rule: bpf(BPF_MAP_DELETE_ELEM)",
                    error,
                )),
            },
        }
    }

    /// Changes the flags of a port, and gives those it had.
    fn change(&self, port: u16, change: impl FnOnce(u8) -> u8) -> Result<u8, Error> {
        let ports = self.ports.lock().unwrap_or_else(PoisonError::into_inner);
        let key = u32::from(port).to_ne_bytes();
        let held = ports.lookup(&key, MapFlags::ANY);
        let held = held.map_err(|error| {
            Error::map("reading a port's rules: bpf(BPF_MAP_LOOKUP_ELEM)", error)
        })?;
        // An array has all its elements from the start.
        let held = held.and_then(|held| held.first().copied()).unwrap_or(0);
        let changed = ports.update(&key, &[change(held)], MapFlags::ANY);
        changed.map_err(|error| {
            Error::map("changing a port's rules: bpf(BPF_MAP_UPDATE_ELEM)", error)
        })?;
        Ok(held)
    }
}
