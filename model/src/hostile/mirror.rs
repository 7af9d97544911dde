//! The owner of each frame, by the program's own steps alone: the kernel's words do not count.
//!
//! Everything is seen from the current one of two sockets.

use std::mem;

use xskit_core::abi::Desc;
use xskit_core::backend::RingKind;
use xskit_core::umem::Census;

use super::rings::Rings;
use super::step::{Address, Entry};
use crate::config::{Config, FRAME_BYTES};
use crate::stamp::Stamp;

const FRAME: u64 = FRAME_BYTES as u64;

/// The owner of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// No one: it is free.
    Stash,
    /// The program, by a token.
    Application,
    /// The kernel, to receive into by this socket.
    Receive,
    /// The kernel, to send by this socket.
    Transmit,
    /// The kernel, to receive into by the other socket.
    OtherReceive,
    /// The kernel, to send by the other socket.
    OtherTransmit,
    /// No one: it is out of use.
    Retired,
}

impl Owner {
    /// As seen from the other socket.
    fn switched(self) -> Self {
        match self {
            Self::Receive => Self::OtherReceive,
            Self::Transmit => Self::OtherTransmit,
            Self::OtherReceive => Self::Receive,
            Self::OtherTransmit => Self::Transmit,
            Self::Stash | Self::Application | Self::Retired => self,
        }
    }
}

/// A frame's address on the fill ring.
#[derive(Clone, Copy, Debug, Default)]
struct Loan {
    /// Its position.
    at: u32,
    /// Whether the kernel has shown since then that it took the frame.
    was_taken: bool,
}

/// Each frame's owner and contents, and the program's position on the rings of both sockets.
#[derive(Debug)]
pub(super) struct Mirror {
    owners: Vec<Owner>,
    /// The last loan of each frame.
    loans: Vec<Loan>,
    /// The last write to each frame, all of them the program's.
    pub(super) stamps: Vec<Stamp>,
    writes: u32,
    pub(super) rings: Rings,
    pub(super) other: Rings,
}

impl Mirror {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            owners: vec![Owner::Stash; config.frames as usize],
            loans: vec![Loan::default(); config.frames as usize],
            stamps: vec![Stamp::default(); config.frames as usize],
            writes: 0,
            rings: Rings::default(),
            other: Rings::default(),
        }
    }

    /// Makes the other socket the current one.
    pub(super) fn switch(&mut self) {
        mem::swap(&mut self.rings, &mut self.other);
        for owner in &mut self.owners {
            *owner = owner.switched();
        }
    }

    /// Passes a frame to a new owner. False if it is not the old one's.
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

    /// The lent frames that were taken off the fill ring, and the others.
    fn lent(&self) -> (Vec<u32>, Vec<u32>) {
        let lent = self.of(Owner::Receive).into_iter();
        lent.partition(|frame| self.was_taken(*frame))
    }

    /// The frames that the kernel has by the other socket.
    pub(super) fn elsewhere(&self) -> Vec<u32> {
        let mut frames = self.of(Owner::OtherReceive);
        frames.extend(self.of(Owner::OtherTransmit));
        frames
    }

    /// The number of frames of each owner.
    pub(super) fn census(&self) -> Census {
        let count = |owner| self.of(owner).len() as u32;
        let mut census = Census::default();
        census.stash = count(Owner::Stash);
        census.application = count(Owner::Application);
        census.receive = count(Owner::Receive) + count(Owner::OtherReceive);
        census.transmit = count(Owner::Transmit) + count(Owner::OtherTransmit);
        census.retired = count(Owner::Retired);
        census
    }

    /// The socket is gone: the frames that the kernel had by it are out of use.
    pub(super) fn retire(&mut self) {
        for owner in &mut self.owners {
            if matches!(owner, Owner::Receive | Owner::Transmit) {
                *owner = Owner::Retired;
            }
        }
    }

    /// A free frame is lent: its address is at this position of the fill ring.
    pub(super) fn lend(&mut self, frame: u32, at: u32) -> bool {
        if let Some(loan) = self.loans.get_mut(frame as usize) {
            *loan = Loan {
                at,
                was_taken: false,
            };
        }
        self.pass(frame, Owner::Stash, Owner::Receive)
    }

    /// Notes the fill ring's consumer word. An impossible one says nothing.
    pub(super) fn note_taken(&mut self, consumer: u32, slots: u32) {
        for frame in self.of(Owner::Receive) {
            let is_taken = self.is_taken(frame, consumer, slots);
            self.loans[frame as usize].was_taken |= is_taken;
        }
    }

    /// Whether that word says that a lent frame was taken.
    pub(super) fn is_taken(&self, frame: u32, consumer: u32, slots: u32) -> bool {
        let stand = self.rings.stand[RingKind::Fill as usize];
        let left = stand.wrapping_sub(consumer);
        left <= slots && stand.wrapping_sub(self.loans[frame as usize].at) > left
    }

    /// Whether any word since the frame was lent said so.
    pub(super) fn was_taken(&self, frame: u32) -> bool {
        self.loans[frame as usize].was_taken
    }

    /// The frame of a descriptor that names a packet in a frame of this owner.
    pub(super) fn packet(&self, desc: Desc, owner: Owner) -> Option<u32> {
        let frame = self.frame_of(desc.addr, owner)?;
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

    /// The descriptor that a hostile kernel writes. Indices count among lent or sent frames.
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
            Address::InTaken(number, offset) => {
                let (taken, _) = self.lent();
                among(taken, number) * FRAME + u64::from(offset)
            }
            Address::OnFillRing(number, offset) => {
                let (_, on_ring) = self.lent();
                among(on_ring, number) * FRAME + u64::from(offset)
            }
            Address::Again(back) => self.rings.shown_before(back),
            Address::BeyondNumbers(more, number, offset) => {
                let mut frames = self.of(Owner::Receive);
                frames.extend(self.of(Owner::Transmit));
                let frame = among(frames, number) | (u64::from(more) + 1) << u32::BITS;
                frame * FRAME + u64::from(offset)
            }
            Address::InSent(number, offset) => {
                among(self.of(Owner::Transmit), number) * FRAME + u64::from(offset)
            }
            Address::Elsewhere(number, offset) => {
                among(self.elsewhere(), number) * FRAME + u64::from(offset)
            }
        };
        Desc {
            addr,
            len: entry.len,
            options: entry.options,
        }
    }
}
