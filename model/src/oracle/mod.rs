//! What should be: where every frame is, in which order, and what is in it.
//!
//! The oracle shares no code with the core. A frame is a number in one list; a step moves numbers
//! from one list to another, and says what the program should see of it.

mod kernel;
mod place;
mod program;
mod tally;
mod wakeups;

use std::collections::VecDeque;

pub use place::Place;
pub use program::Opened;
use wakeups::Wakeups;

use crate::config::Config;
use crate::stamp::Stamp;

/// What a frame's token says, and what is written in the frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packet {
    /// Where it starts in the frame, in bytes.
    pub start: u32,
    /// How long it is, in bytes.
    pub len: u32,
    /// The last write to the frame.
    pub stamp: Stamp,
}

/// How many entries passed each end of a ring since it was mapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Shown by the producer.
    pub produced: u32,
    /// Given back by the consumer.
    pub consumed: u32,
}

/// What should be.
#[derive(Clone, Debug)]
pub struct Oracle {
    config: Config,
    /// Where each frame is.
    places: Vec<Place>,
    /// The frames of each place, the oldest first; the stash gives out its newest first.
    lists: [VecDeque<u32>; Place::COUNT],
    /// Each frame's packet.
    packets: Vec<Packet>,
    /// By [`RingKind`](xskit_core::backend::RingKind).
    passed: [Passed; 4],
    /// Slots of the RX ring that were taken and not given back.
    unreleased: u32,
    is_open: bool,
    wants_kick: bool,
    wants_wake: bool,
    wakeups: Wakeups,
    /// Frames of packets on the RX ring, or lost off it, that still stand on the fill ring: those
    /// that came last.
    early: VecDeque<u32>,
    /// How often anything was written to any frame.
    writes: u32,
    sent: u64,
    completed: u64,
    received: u64,
}

impl Oracle {
    /// All frames in the stash, the first to be given out first, and no socket.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mut lists = [const { VecDeque::new() }; Place::COUNT];
        lists[Place::Stash as usize] = (0..config.frames).rev().collect();
        Self {
            config: *config,
            places: vec![Place::Stash; config.frames as usize],
            lists,
            packets: vec![Packet::default(); config.frames as usize],
            passed: [Passed::default(); 4],
            unreleased: 0,
            is_open: false,
            wants_kick: false,
            wants_wake: false,
            wakeups: Wakeups::default(),
            early: VecDeque::new(),
            writes: 0,
            sent: 0,
            completed: 0,
            received: 0,
        }
    }

    /// The frames of a place, in order.
    #[must_use]
    pub fn at(&self, place: Place) -> &VecDeque<u32> {
        &self.lists[place as usize]
    }

    /// How many frames are in a place.
    #[must_use]
    pub fn count(&self, place: Place) -> u32 {
        self.at(place).len() as u32
    }

    /// Where a frame is.
    #[must_use]
    pub fn place(&self, frame: u32) -> Place {
        self.places[frame as usize]
    }

    /// A frame's packet.
    #[must_use]
    pub fn packet(&self, frame: u32) -> Packet {
        self.packets[frame as usize]
    }

    /// How many entries passed the ends of a ring, by kind.
    #[must_use]
    pub fn passed(&self) -> &[Passed; 4] {
        &self.passed
    }

    /// Slots of the RX ring that an iterator took with it when it was leaked.
    #[must_use]
    pub fn unreleased(&self) -> u32 {
        self.unreleased
    }

    /// The frames of packets that were shown, and which the fill ring still has, the oldest first.
    #[must_use]
    pub fn early(&self) -> &VecDeque<u32> {
        &self.early
    }

    /// Entries of the fill ring, as its words say.
    #[must_use]
    pub fn on_fill_ring(&self) -> u32 {
        self.early.len() as u32 + self.count(Place::FillRing)
    }

    /// Whether a socket is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Whether the TX and the fill ring say NEED_WAKEUP.
    #[must_use]
    pub fn wakeups(&self) -> (bool, bool) {
        (self.wants_kick, self.wants_wake)
    }

    /// Packets sent, completed and received, by the open socket.
    #[must_use]
    pub fn counts(&self) -> (u64, u64, u64) {
        (self.sent, self.completed, self.received)
    }

    /// Takes the `position`th frame of a place to the end of another.
    fn pass(&mut self, from: Place, position: usize, to: Place) -> Option<u32> {
        let frame = self.lists[from as usize].remove(position)?;
        assert_eq!(self.place(frame), from, "the oracle contradicts itself");
        self.places[frame as usize] = to;
        self.lists[to as usize].push_back(frame);
        Some(frame)
    }

    /// Takes all frames of a place to the end of another, in order. How many?
    fn pass_all(&mut self, from: Place, to: Place) -> u32 {
        let count = self.count(from);
        for _ in 0..count {
            self.pass(from, 0, to);
        }
        count
    }

    /// A number for a write, unlike all before.
    fn next_stamp(&mut self) -> Stamp {
        self.writes += 1;
        Stamp(self.writes)
    }
}
