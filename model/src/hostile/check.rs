//! What holds after every step.

use xskit_core::abi::Desc;
use xskit_core::backend::RingKind;

use super::mirror::Owner;
use super::{Broken, Seen, Siege, holds};
use crate::config::FRAME_BYTES;

impl Siege<'_> {
    /// Everything that must hold, whatever the kernel wrote.
    pub(super) fn check(&mut self) -> Broken {
        let census = self.umem.census();
        holds(
            census == self.mirror.census(),
            "a frame's owner is ours to say",
            census,
        )?;
        holds(
            census.total() == self.config.frames,
            "no frame is lost",
            census,
        )?;
        let free = self.umem.free();
        holds(free == census.stash, "the stash holds what is free", free)?;
        let held = self.held.len();
        holds(
            census.application as usize == held,
            "one token a frame",
            held,
        )?;
        self.check_held()?;
        self.check_contents()?;
        self.check_counts()?;
        self.switch();
        let other = self.check_counts();
        self.switch();
        other
    }

    /// Every token's bytes lie inside its own frame, and no frame has two tokens.
    pub(super) fn check_held(&self) -> Broken {
        let base = self.umem.memory().address();
        let mut held = 0u64;
        for frame in &self.held {
            let index = frame.index();
            holds(index < self.config.frames, "a token is of a frame", frame)?;
            holds(held & 1 << index == 0, "one token a frame", frame)?;
            held |= 1 << index;
            let start = base + index as usize * FRAME_BYTES as usize;
            let end = start + FRAME_BYTES as usize;
            let bytes = frame.as_ptr_range();
            let is_inside = bytes.start.addr() >= start && bytes.end.addr() <= end;
            holds(is_inside, "a packet lies inside its frame", frame)?;
        }
        Ok(())
    }

    /// Every frame's bytes are those that the program wrote last.
    fn check_contents(&self) -> Broken {
        let (mut is, mut should_be) = ([0; FRAME_BYTES as usize], [0; FRAME_BYTES as usize]);
        for frame in 0..self.config.frames {
            self.umem.memory().read(frame, &mut is);
            self.mirror.stamps[frame as usize].fill(&mut should_be);
            holds(is == should_be, "what is written stays", frame)?;
        }
        Ok(())
    }

    /// Bad descriptors are counted when they come, and at no other time.
    fn check_counts(&mut self) -> Broken {
        let Some(socket) = self.socket.as_mut() else {
            return Ok(());
        };
        let (receiver, transmitter) = socket.halves();
        let bad = (receiver.bad_descriptors(), transmitter.bad_completions());
        let should_be = (
            self.mirror.rings.bad_descriptors,
            self.mirror.rings.bad_completions,
        );
        holds(bad == should_be, "bad descriptors are counted once", bad)?;
        let in_flight = transmitter.in_flight();
        let should_be = self.mirror.of(Owner::Transmit).len() as u64;
        holds(
            in_flight == should_be,
            "what is in flight is the kernel's",
            in_flight,
        )
    }

    /// What the open sockets have seen so far.
    pub(super) fn seen(&mut self) -> Seen {
        let mut seen = self.seen;
        for rings in [&self.mirror.rings, &self.mirror.other] {
            seen.bad += rings.bad_descriptors + rings.bad_completions;
        }
        for socket in [&mut self.socket, &mut self.other].into_iter().flatten() {
            seen.completed += socket.halves().1.completed();
        }
        seen
    }

    /// Checks that the program passed at most all slots of a ring, and published any progress.
    /// Returns its position before.
    pub(super) fn passes(&mut self, kind: RingKind, count: u32) -> Result<u32, String> {
        let stand = self.step_on(kind, count);
        let kernel = self.kernel.side();
        let Some(ring) = kernel.ring(kind) else {
            return Ok(stand);
        };
        holds(
            count <= ring.slots(),
            "no more at once than a ring has slots",
            count,
        )?;
        let word = match kind {
            RingKind::Fill | RingKind::Tx => ring.producer(),
            RingKind::Rx | RingKind::Completion => ring.consumer(),
        };
        let should_be = stand.wrapping_add(count);
        holds(
            count == 0 || word == should_be,
            "progress is published",
            (word, should_be),
        )?;
        Ok(stand)
    }

    /// Advances the program's position by `count` slots. Returns the position before.
    pub(super) fn step_on(&mut self, kind: RingKind, count: u32) -> u32 {
        let stand = &mut self.mirror.rings.stand[kind as usize];
        let before = *stand;
        *stand = before.wrapping_add(count);
        before
    }

    /// A slot of the open socket.
    pub(super) fn entry(&self, kind: RingKind, cursor: u32) -> Desc {
        let kernel = self.kernel.side();
        kernel
            .ring(kind)
            .map_or_else(Desc::default, |ring| ring.entry(cursor))
    }

    /// Which held frame a number means.
    pub(super) fn held(&self, number: u8) -> Option<usize> {
        usize::from(number).checked_rem(self.held.len())
    }
}
