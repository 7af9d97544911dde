//! What of a state decides all that can follow, as a number.
//!
//! Two states with one key behave alike from then on, so the search looks at one of them. A key is
//! made of:
//!
//! - **Which frames are where, in order, without their names.** A frame is a number that the core
//!   shifts, masks and compares with others for being the same, so that renaming the frames renames
//!   what happens and changes nothing else. Every frame is in exactly one ordered list, so the
//!   lists' lengths and the packets' ranges, in order, are a state up to names. What is written in a
//!   frame nobody looks at but the oracle.
//! - **The words and cursors of every ring**, the core's own ones among them: a cached word that is
//!   stale is a state of its own. Only differences between a ring's cursors, the slot that one
//!   stands on, and the wrap at 2^32 can matter: before the wrap the place is kept exactly, after
//!   it as the slot.
//! - **What was shown before what was taken for it**: how many packets, and up to where the core
//!   remembers to have seen them.
//! - The two NEED_WAKEUP flags, and whether a socket is open.
//! - **Which wake-ups are owed**: what the kernel was told of, whether a device is left alone, whether
//!   a sleep went by, as the oracle has it. For how many flushes a full device is left alone is left
//!   out, and so are flushes without progress: they count to a thousand and more, only say when a call
//!   comes, and no search would end. Of two such states the one on the shorter way is searched.
//! - **Where there may be two sockets**: what is a socket's of all this for both, which of them steps are
//!   about, which number of the core's it has, and how many frames each is to lend.
//!
//! How many calls a kick takes is one in worlds of up to 32 frames.
//!
//! What is in the stash, how many frames the core believes to have lent, and the counters are
//! compared with the oracle in every state that the search comes to (the audit), so they can't
//! differ where the lists are the same.

use std::hash::{DefaultHasher, Hash, Hasher};

use xskit_core::backend::RingKind;
use xskit_core::ring::Cursor;

use crate::oracle::Place;
use crate::world::RingWords;
use crate::{Config, Op, Oracle, World};

/// A state up to what can't matter. 128 bits of hash: among 2^25 states two would share one by
/// chance once in 2^79 searches.
pub(super) type Key = u128;

/// The lists that are no socket's, in the order of which frames are told apart.
const COMMON: [Place; Place::COMMON] = [Place::Stash, Place::Application, Place::Retired];

/// Makes keys; what it holds is reused between states.
pub(super) struct KeyMaker {
    parts: Vec<u32>,
    /// Whether the bare ring takes part; otherwise it stays as it was made.
    has_bare_ring: bool,
    /// Whether a second socket takes part.
    has_other: bool,
}

impl KeyMaker {
    /// Of a search in this world, with these steps to choose from.
    pub(super) fn new(config: &Config, alphabet: &[Op]) -> Self {
        Self {
            parts: Vec::new(),
            has_bare_ring: alphabet.iter().any(|op| matches!(op, Op::Ring(_))),
            has_other: config.has_two || alphabet.contains(&Op::Switch),
        }
    }

    /// The world is as before when it returns.
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
        let (wants_kick, wants_wake) = world.oracle().wakeups();
        let flags = [world.oracle().is_open(), wants_kick, wants_wake];
        self.parts.extend(flags.map(u32::from));
        self.parts.extend(world.oracle().owed());
        self.rings(world);
    }

    fn lists(&mut self, oracle: &Oracle, places: impl IntoIterator<Item = Place>) {
        for place in places {
            self.parts.push(oracle.count(place));
            // A range that is set anew before anybody looks is no part of the state.
            if !matches!(place, Place::Stash | Place::FillRing | Place::KernelReceive) {
                for frame in oracle.at(place) {
                    let packet = oracle.packet(*frame);
                    self.parts.extend([packet.start, packet.len]);
                }
            }
        }
    }

    fn rings(&mut self, world: &World<'_>) {
        let (Some(words), Some(own)) = (world.ring_words(), world.socket_cursors()) else {
            return;
        };
        let rings: [&[Cursor]; 4] = [&own.fill, &own.completion, &own.rx, &own.tx];
        for (words, own) in words.iter().zip(rings) {
            add_ring(&mut self.parts, words, own);
        }
        self.parts.push(world.oracle().early().len() as u32);
        let rx = &words[RingKind::Rx as usize];
        let next = rx.consumer.wrapping_add(world.oracle().unreleased());
        for seen in own.doubt {
            // What is behind the next packet was decided: it is all one where that stands.
            let ahead = seen.word().wrapping_sub(next);
            self.parts.push(if ahead <= rx.slots { ahead } else { 0 });
        }
    }

    fn bare_ring(&mut self, world: &World<'_>) {
        let (words, pushed, popped) = world.bare_words();
        self.parts.extend([pushed, popped]);
        add_ring(&mut self.parts, &words, &world.bare_cursors());
    }
}

/// A ring's shared words, and the core's own cursors.
fn add_ring(parts: &mut Vec<u32>, words: &RingWords, own: &[Cursor]) {
    let first = parts.len();
    parts.extend([words.producer, words.consumer]);
    parts.extend(own.iter().map(|cursor| cursor.word()));
    let ring = &mut parts[first..];
    // As signed numbers, counters that start just under 2^32 pass from below zero to above it.
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
