//! Who owns each frame, as far as the program's own steps say. The kernel has no say in it.

use xskit_core::abi::Desc;
use xskit_core::umem::Census;

use super::step::{Address, Entry};
use crate::config::{Config, FRAME_BYTES};
use crate::stamp::Stamp;

const FRAME: u64 = FRAME_BYTES as u64;

/// Who has a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// Nobody: it is free.
    Stash,
    /// The program, by a token.
    Application,
    /// The kernel, to receive into.
    Receive,
    /// The kernel, to send.
    Transmit,
    /// Nobody any more.
    Retired,
}

/// Each frame's owner and contents, and where the program stands on each ring.
#[derive(Debug)]
pub(super) struct Mirror {
    owners: Vec<Owner>,
    /// The last write to each frame, all of them the program's.
    pub(super) stamps: Vec<Stamp>,
    writes: u32,
    /// The program's end of each ring: what it would publish next.
    pub(super) stand: [u32; 4],
    pub(super) bad_descriptors: u64,
    pub(super) bad_completions: u64,
    /// Whether the last kicks sent nothing, and nothing has happened since that could change that.
    pub(super) is_stalled: bool,
}

impl Mirror {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            owners: vec![Owner::Stash; config.frames as usize],
            stamps: vec![Stamp::default(); config.frames as usize],
            writes: 0,
            stand: [0; 4],
            bad_descriptors: 0,
            bad_completions: 0,
            is_stalled: false,
        }
    }

    /// A new owner for a frame. False when it isn't the old one's.
    pub(super) fn pass(&mut self, frame: u32, from: Owner, to: Owner) -> bool {
        match self.owners.get_mut(frame as usize) {
            Some(owner) if *owner == from => {
                *owner = to;
                true
            }
            _ => false,
        }
    }

    /// The frames of an owner.
    pub(super) fn of(&self, owner: Owner) -> Vec<u32> {
        let frames = (0u32..).zip(&self.owners);
        frames
            .filter(|(_, other)| **other == owner)
            .map(|(frame, _)| frame)
            .collect()
    }

    /// How many frames each owner has.
    pub(super) fn census(&self) -> Census {
        let count = |owner| self.of(owner).len() as u32;
        Census {
            stash: count(Owner::Stash),
            application: count(Owner::Application),
            receive: count(Owner::Receive),
            transmit: count(Owner::Transmit),
            retired: count(Owner::Retired),
        }
    }

    /// A socket is gone: what its kernel had is out of use.
    pub(super) fn retire(&mut self) {
        for owner in &mut self.owners {
            if matches!(owner, Owner::Receive | Owner::Transmit) {
                *owner = Owner::Retired;
            }
        }
    }

    /// The frame of a descriptor that names a packet in a frame which was lent.
    pub(super) fn packet(&self, desc: Desc) -> Option<u32> {
        let frame = self.frame_of(desc.addr, Owner::Receive)?;
        let end = desc.addr % FRAME + u64::from(desc.len);
        (end <= FRAME && desc.options == 0).then_some(frame)
    }

    /// The frame of an address, if it is this owner's.
    pub(super) fn frame_of(&self, addr: u64, owner: Owner) -> Option<u32> {
        let frame = usize::try_from(addr / FRAME).ok()?;
        (*self.owners.get(frame)? == owner).then_some(frame as u32)
    }

    /// A number for a write, unlike all before.
    pub(super) fn next_stamp(&mut self) -> Stamp {
        self.writes += 1;
        Stamp(self.writes)
    }

    /// What a hostile kernel writes, where it counts among lent or sent frames.
    pub(super) fn resolve(&self, entry: Entry) -> Desc {
        let among = |frames: Vec<u32>, number: u8| match frames.len() {
            0 => u64::from(number),
            count => u64::from(frames[usize::from(number) % count]),
        };
        let addr = match entry.addr {
            Address::Any(addr) => addr,
            Address::InFrame(frame, offset) => {
                let frame = u64::from(frame) % (self.owners.len() as u64 + 1);
                frame * FRAME + u64::from(offset)
            }
            Address::InLent(number, offset) => {
                among(self.of(Owner::Receive), number) * FRAME + u64::from(offset)
            }
            Address::InSent(number, offset) => {
                among(self.of(Owner::Transmit), number) * FRAME + u64::from(offset)
            }
        };
        Desc {
            addr,
            len: entry.len,
            options: entry.options,
        }
    }
}
