//! The XDP program that an interface already has.

use std::fmt;

use libbpf_rs::{ProgramHandle, libbpf_sys};

use crate::{OccupantMode, sys};

/// The XDP program that an interface already has, as far as the kernel reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Occupant {
    /// Its ID, as `bpftool prog show id N` takes it.
    pub id: u32,
    /// The name that it was loaded with, at most 15 characters; `None` if it has none, or without
    /// CAP_SYS_ADMIN.
    pub name: Option<String>,
    /// How it is attached.
    pub mode: OccupantMode,
}

impl Occupant {
    /// The present program of the interface, if it has one.
    pub(crate) fn of(ifindex: u32) -> Option<Self> {
        let (found, _) = sys::query_xdp(ifindex).ok()?;
        let (mode, id) = match u32::from(found.attach_mode) {
            libbpf_sys::XDP_ATTACHED_DRV => (OccupantMode::Native, found.drv_prog_id),
            libbpf_sys::XDP_ATTACHED_SKB => (OccupantMode::Generic, found.skb_prog_id),
            libbpf_sys::XDP_ATTACHED_HW => (OccupantMode::Offloaded, found.hw_prog_id),
            libbpf_sys::XDP_ATTACHED_MULTI => {
                let ids = [found.drv_prog_id, found.skb_prog_id, found.hw_prog_id];
                (OccupantMode::Several, ids.into_iter().find(|&id| id != 0)?)
            }
            _ => return None,
        };
        Some(Self {
            id,
            name: name_of(id),
            mode,
        })
    }
}

fn name_of(id: u32) -> Option<String> {
    let program = ProgramHandle::from_prog_id(id).ok()?;
    let name = program.name().to_string_lossy();
    (!name.is_empty()).then(|| name.into_owned())
}

impl fmt::Display for Occupant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "program {name:?} (id {}, {})", self.id, self.mode),
            None => write!(f, "a program (id {}, {})", self.id, self.mode),
        }
    }
}
