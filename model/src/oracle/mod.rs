//! The expected state: where every frame is, in which order, and its contents.
//!
//! The oracle shares no code with the core. A frame is a number in one list; a step moves numbers
//! between lists, and returns what the program should see.
//!
//! Two sockets may be open over the UMEM. Steps and queries concern one of them until
//! [`switch`](Oracle::switch). They share the stash and the held frames.

mod books;
mod kernel;
mod place;
mod program;
mod tally;
mod wakeups;

use std::collections::VecDeque;
use std::mem;

use books::Books;
pub use place::Place;
pub use program::Opened;

use crate::config::Config;
use crate::stamp::Stamp;

/// A token's range, and the frame's contents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packet {
    /// Where it starts in the frame, in bytes.
    pub start: u32,
    /// How long it is, in bytes.
    pub len: u32,
    /// The last write to the frame.
    pub stamp: Stamp,
}

/// Entries that passed each end of a ring since it was mapped.
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
    /// The frames of each place that the sockets have in common, the oldest first; the stash gives
    /// out its newest first.
    lists: [VecDeque<u32>; Place::COMMON],
    /// Each frame's packet.
    packets: Vec<Packet>,
    /// Writes to any frame so far.
    writes: u32,
    /// The socket that steps are about.
    pub(crate) socket: Books,
    pub(crate) other: Books,
}

impl Oracle {
    /// All frames in the stash, the first given out first, and no socket.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let mut lists = [const { VecDeque::new() }; Place::COMMON];
        lists[Place::Stash as usize] = (0..config.frames).rev().collect();
        Self {
            config: *config,
            places: vec![Place::Stash; config.frames as usize],
            lists,
            packets: vec![Packet::default(); config.frames as usize],
            writes: 0,
            socket: Books::default(),
            other: Books::default(),
        }
    }

    /// Makes the other socket the current one.
    pub fn switch(&mut self) {
        mem::swap(&mut self.socket, &mut self.other);
    }

    /// The frames of a place, in order.
    #[must_use]
    pub fn at(&self, place: Place) -> &VecDeque<u32> {
        match place.of_socket() {
            None => &self.lists[place as usize],
            Some(number) => &self.socket.lists[number],
        }
    }

    /// The frames of a place that the other socket has for itself, in order.
    pub(crate) fn at_other(&self, place: Place) -> &VecDeque<u32> {
        match place.of_socket() {
            None => &self.lists[place as usize],
            Some(number) => &self.other.lists[number],
        }
    }

    fn at_mut(&mut self, place: Place) -> &mut VecDeque<u32> {
        match place.of_socket() {
            None => &mut self.lists[place as usize],
            Some(number) => &mut self.socket.lists[number],
        }
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

    /// Entries of the fill ring, as its words say.
    #[must_use]
    pub fn on_fill_ring(&self) -> u32 {
        self.socket.early.len() as u32 + self.count(Place::FillRing)
    }

    /// The socket's number, and the frames that the kernel is to have for receiving by it; zeros
    /// while it is closed.
    pub(crate) fn number_and_target(&self) -> (u32, u32) {
        match self.socket.is_open {
            true => (self.socket.number, self.socket.target),
            false => (0, 0),
        }
    }

    /// Packets sent, completed and received, by the socket.
    #[must_use]
    pub fn counts(&self) -> (u64, u64, u64) {
        (
            self.socket.sent,
            self.socket.completed,
            self.socket.received,
        )
    }

    /// Moves the `position`th frame of a place to the end of another.
    fn pass(&mut self, from: Place, position: usize, to: Place) -> Option<u32> {
        let frame = self.at_mut(from).remove(position)?;
        assert_eq!(self.place(frame), from, "the oracle contradicts itself");
        self.places[frame as usize] = to;
        self.at_mut(to).push_back(frame);
        Some(frame)
    }

    /// Moves all frames of a place to the end of another, in order. Returns their number.
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
