//! The program's position on the rings of one socket, and each frame's on the fill ring.

use xskit_core::backend::RingKind;

use super::Siege;
use crate::op::RINGS;
use crate::oracle::Place;

/// A frame's address on the fill ring.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Loan {
    /// Its position.
    pub(super) at: u32,
    /// Whether the kernel has shown since then that it took the frame.
    pub(super) was_taken: bool,
}

/// The program's position on the rings of one socket, and its observations there.
#[derive(Debug, Default)]
pub(super) struct Rings {
    /// The program's end of each ring: what it would publish next.
    pub(super) stand: [u32; 4],
    /// The addresses on the RX ring, the newest first.
    recent: [u64; 8],
    /// The position of a packet left on the RX ring because its frame was still on the fill ring,
    /// and the end of the packets shown then.
    pub(super) left: Option<(u32, u32)>,
    /// The end of the packets shown when one was left, or was bad, for that reason.
    doubted: Option<u32>,
    pub(super) bad_descriptors: u64,
    pub(super) bad_completions: u64,
    /// Whether the last kicks sent nothing, and nothing since could change that.
    pub(super) is_stalled: bool,
}

impl Rings {
    /// A socket was opened over rings with these words: each end starts at its own word.
    pub(super) fn take_up(&mut self, starts: &[(u32, u32); 4]) {
        *self = Self {
            recent: self.recent,
            ..Self::default()
        };
        for (kind, (producer, consumer)) in RINGS.into_iter().zip(starts) {
            self.stand[kind as usize] = match kind {
                RingKind::Fill | RingKind::Tx => *producer,
                RingKind::Rx | RingKind::Completion => *consumer,
            };
        }
    }

    /// Advances the program's position by `count` slots. Returns the position before.
    pub(super) fn step_on(&mut self, kind: RingKind, count: u32) -> u32 {
        let stand = &mut self.stand[kind as usize];
        let before = *stand;
        *stand = before.wrapping_add(count);
        before
    }

    /// Notes a packet in a frame that is not taken, while packets were shown up to here.
    pub(super) fn doubt(&mut self, shown: u32) {
        let further = |before: u32| shown.wrapping_sub(before).cast_signed() > 0;
        if self.doubted.is_none_or(further) {
            self.doubted = Some(shown);
        }
    }

    /// Whether such a packet at this position was already shown when the last one was noted.
    pub(super) fn was_doubted(&self, at: u32) -> bool {
        self.doubted
            .is_some_and(|shown| shown.wrapping_sub(at).cast_signed() > 0)
    }

    /// A descriptor is shown on the RX ring.
    pub(super) fn note_shown(&mut self, addr: u64) {
        self.recent.rotate_right(1);
        self.recent[0] = addr;
    }

    /// The address shown `back` descriptors before the last.
    pub(super) fn shown_before(&self, back: u8) -> u64 {
        self.recent[usize::from(back) % self.recent.len()]
    }
}

impl Siege<'_, '_> {
    /// Notes which frames are off the fill ring by its consumer word.
    pub(super) fn note_taken(&mut self) {
        for frame in self.world.oracle.at(Place::KernelReceive) {
            self.loans[*frame as usize].was_taken |= self.is_taken(*frame);
        }
    }

    /// Whether that word now says that a lent frame was taken. An impossible one says nothing.
    pub(super) fn is_taken(&self, frame: u32) -> bool {
        let Some(fill) = self.ring(RingKind::Fill) else {
            return false;
        };
        let stand = self.rings.stand[RingKind::Fill as usize];
        let left = stand.wrapping_sub(fill.consumer());
        left <= fill.slots() && stand.wrapping_sub(self.loans[frame as usize].at) > left
    }

    /// Whether any word since the frame was lent said so.
    pub(super) fn was_taken(&self, frame: u32) -> bool {
        self.loans[frame as usize].was_taken
    }
}
