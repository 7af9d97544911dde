//! The part of a state that decides everything that can follow, as a number.
//!
//! Two states with the same key behave alike from then on, so the search expands one of them. A key
//! consists of:
//!
//! - **Which frames are where, in order, without their names.** The core shifts, masks and compares
//!   frame numbers for equality, so renaming the frames changes nothing else. Every frame is in
//!   exactly one ordered list, so the lists' lengths and the packets' ranges, in order, are a state
//!   up to names. Only the oracle reads a frame's contents.
//! - **The words and cursors of every ring**, including the core's own: a stale cached word is a
//!   different state. Only differences between a ring's cursors, the slot under one of them, and
//!   the wrap at 2^32 can matter: before the wrap the position is kept exactly, after it as the
//!   slot.
//! - **What was shown before its frame was taken**: how many packets, and the last one that the
//!   core remembers seeing.
//! - The two NEED_WAKEUP flags, and whether a socket is open.
//! - **Which wake-ups are owed**, by the oracle: what the kernel was told, whether a device is left
//!   alone, whether a sleep passed. How long a device is left alone is not in the key, nor are
//!   flushes without progress: these counts reach a thousand and more and only decide when a call
//!   comes, and no search over them would end. Of two states that differ only in them, the one with
//!   the shorter trace is searched.
//! - **If there may be two sockets**: each socket's part of all this, which one is current, its
//!   number in the core, and how many frames each is to lend.
//!
//! In worlds of up to 32 frames a kick takes one call.
//!
//! The stash, the core's count of lent frames and the counters are compared with the oracle in
//! every state that the search reaches (the audit), so they cannot differ where the lists are
//! equal.

use std::hash::{DefaultHasher, Hash, Hasher};

use xskit_core::Socket;
use xskit_core::backend::RingKind;
use xskit_core::ring::Cursor;

use crate::kernel::RingWords;
use crate::oracle::Place;
use crate::{Config, Op, Oracle, World};

/// A hash of the parts of a state that can matter. It has 128 bits: among 2^25 states two collide
/// once in 2^79 searches.
pub(super) type Key = u128;

/// The lists that belong to no socket, in the order in which the key has them.
const COMMON: [Place; Place::COMMON] = [Place::Stash, Place::Application, Place::Retired];

/// Makes keys. Its buffers are reused between states.
pub(super) struct KeyMaker {
    parts: Vec<u32>,
    /// Whether the bare ring takes part; otherwise it never changes.
    has_bare_ring: bool,
    /// Whether a second socket takes part.
    has_other: bool,
}

impl KeyMaker {
    /// For a search in this world with this alphabet.
    pub(super) fn new(config: &Config, alphabet: &[Op]) -> Self {
        Self {
            parts: Vec::new(),
            has_bare_ring: alphabet.iter().any(|op| matches!(op, Op::Ring(_))),
            has_other: config.has_two || alphabet.contains(&Op::Switch),
        }
    }

    /// Makes the key of a state. Leaves the world unchanged.
    pub(super) fn key(&mut self, world: &mut World<'_>) -> Key {
        self.parts.clear();
        self.lists(world.oracle(), COMMON);
        self.socket(world);
        if self.has_other {
            let (number, target) = world.oracle().number_and_target();
            self.parts.extend([world.current(), number, target]);
            world.switch();
            self.socket(world);
            let (_, target) = world.oracle().number_and_target();
            self.parts.push(target);
            world.switch();
        }
        if self.has_bare_ring {
            self.bare_ring(world);
        }
        hash(&self.parts)
    }

    /// All of a socket.
    fn socket(&mut self, world: &World<'_>) {
        self.lists(world.oracle(), Place::OF_KERNEL);
        let books = &world.oracle.socket;
        let flags = [books.is_open, books.wants_kick, books.wants_wake];
        self.parts.extend(flags.map(u32::from));
        self.parts.extend(world.oracle().owed());
        self.rings(world);
    }

    fn lists(&mut self, oracle: &Oracle, places: impl IntoIterator<Item = Place>) {
        for place in places {
            self.parts.push(oracle.count(place));
            // A range that is always set again before it is read is not part of the state.
            if !matches!(place, Place::Stash | Place::FillRing | Place::KernelReceive) {
                for frame in oracle.at(place) {
                    let packet = oracle.packet(*frame);
                    self.parts.extend([packet.start, packet.len]);
                }
            }
        }
    }

    fn rings(&mut self, world: &World<'_>) {
        let (Some(words), Some(own)) = (
            world.ring_words(),
            world.socket.as_ref().map(Socket::cursors),
        ) else {
            return;
        };
        let rings: [&[Cursor]; 4] = [&own.fill, &own.completion, &own.rx, &own.tx];
        for (words, own) in words.iter().zip(rings) {
            add_ring(&mut self.parts, words, own);
        }
        self.parts.push(world.oracle.socket.early.len() as u32);
        let rx = &words[RingKind::Rx as usize];
        let next = rx.consumer.wrapping_add(world.oracle.socket.unreleased);
        for seen in own.doubt {
            // Everything behind the next packet is decided: its position does not matter.
            let ahead = seen.word().wrapping_sub(next);
            self.parts.push(if ahead <= rx.slots { ahead } else { 0 });
        }
    }

    fn bare_ring(&mut self, world: &World<'_>) {
        let (words, pushed, popped) = world.bare.words();
        self.parts.extend([pushed, popped]);
        add_ring(&mut self.parts, &words, &world.bare.cursors());
    }
}

/// A ring's shared words, and the core's own cursors.
fn add_ring(parts: &mut Vec<u32>, words: &RingWords, own: &[Cursor]) {
    let first = parts.len();
    parts.extend([words.producer, words.consumer]);
    parts.extend(own.iter().map(|cursor| cursor.word()));
    let ring = &mut parts[first..];
    // As signed numbers, counters that start just under 2^32 go from below zero to above it.
    let lowest = ring.iter().map(|word| *word as i32).min().unwrap_or(0);
    for word in ring {
        *word = word.wrapping_sub(lowest as u32);
    }
    let is_before_wrap = lowest < 0;
    let slot = lowest as u32 % words.slots;
    let place = if is_before_wrap { lowest as u32 } else { slot };
    parts.extend([u32::from(is_before_wrap), place]);
}

fn hash(parts: &[u32]) -> Key {
    let half = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        (salt, parts).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(1) << 64 | half(2)
}
