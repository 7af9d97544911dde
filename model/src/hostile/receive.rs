//! Checks what comes off the RX ring: the packets in lent frames that the kernel took off the fill
//! ring, in order, and nothing else.

use xskit_core::abi::Desc;
use xskit_core::backend::RingKind;

use super::Siege;
use crate::config::FRAME_BYTES;
use crate::difference::{Agreed, Difference, holds};
use crate::op::Op;
use crate::oracle::Place;

impl Siege<'_, '_> {
    pub(super) fn receive(&mut self, max: u8, take: u8, keep: bool) -> Agreed {
        let Some(socket) = self.world.socket.as_mut() else {
            return Ok(());
        };
        let before = self.world.held.len();
        let (mut receiver, _) = socket.halves();
        let frames = receiver.receive(max.into()).take(take.into());
        self.world.held.extend(frames);
        let bad = receiver.bad_descriptors() - self.rings.bad_descriptors;
        self.rings.bad_descriptors += bad;
        let received = (self.world.held.len() - before) as u32;
        let passed = bad as u32 + received;
        holds(passed <= max.into(), "no more than was asked for", passed)?;
        let stand = self.passes(RingKind::Rx, passed)?;
        let is_any_doubtful = self.passed_rightly(before, stand, passed)?;
        let is_left = received < take.into() && self.left_rightly(stand, passed, max.into())?;
        if is_any_doubtful || is_left {
            let (shown, slots) = self.words_of_rx();
            let is_possible = shown.wrapping_sub(stand) <= slots;
            // An impossible word does not say what the core took it for.
            let shown = if is_possible {
                shown
            } else {
                stand.wrapping_add(slots)
            };
            self.rings.doubt(shown);
        }
        self.seen.received += u64::from(received);
        if !keep {
            self.world.compare_held()?;
            let held = before as u8;
            (0..received).try_for_each(|_| self.world.step(Op::Drop { held }))?;
        }
        Ok(())
    }

    /// Checks the descriptors that were passed: the frames held since then are those of the good
    /// ones. Returns whether any was for a frame on the fill ring.
    fn passed_rightly(
        &mut self,
        before: usize,
        stand: u32,
        passed: u32,
    ) -> Result<bool, Difference> {
        let new = self.world.held[before..].iter();
        let new: Vec<_> = new.map(|frame| (frame.index(), frame.range())).collect();
        let mut left = new.iter().peekable();
        let mut is_any_doubtful = false;
        for ahead in 0..passed {
            let at = stand.wrapping_add(ahead);
            let desc = self.entry(RingKind::Rx, at);
            let Some(frame) = self.packet(desc) else {
                let is_elsewhere = is_packet(desc) && self.is_elsewhere(desc.addr, LENT);
                self.seen.elsewhere += u64::from(is_elsewhere);
                continue;
            };
            let start = desc.addr as u32 % FRAME_BYTES;
            let packet = (frame, start as usize..(start + desc.len) as usize);
            if self.was_taken(frame) && left.next_if_eq(&&packet).is_some() {
                self.world.oracle.receive_into(frame, start, desc.len);
                continue;
            }
            let is_taken = self.is_taken(frame);
            holds(!is_taken, "a packet in a frame that was taken counts", desc)?;
            let is_certain = self.rings.was_doubted(at);
            let rule = "no packet is bad before the kernel showed more than when it was doubted";
            holds(is_certain, rule, desc)?;
            is_any_doubtful = true;
        }
        let is_done = left.next().is_none();
        let rule = "only packets in lent frames that were taken are received";
        holds(is_done, rule, new)?;
        Ok(is_any_doubtful)
    }

    /// If packets are left although more were wanted, the next one has to wait. Returns whether
    /// there is one.
    fn left_rightly(&mut self, stand: u32, passed: u32, wanted: u32) -> Result<bool, Difference> {
        let (shown, slots) = self.words_of_rx();
        let there = shown.wrapping_sub(stand);
        if there > slots {
            // The core goes by the word before, which only it knows: one may be left.
            return Ok(passed < wanted);
        }
        if passed >= wanted.min(there) {
            return Ok(false);
        }
        let at = stand.wrapping_add(passed);
        let desc = self.entry(RingKind::Rx, at);
        let is_doubtful = self.packet(desc).is_some_and(|frame| !self.is_taken(frame));
        let rule = "only a packet in a frame on the fill ring has to wait";
        holds(is_doubtful, rule, desc)?;
        let left = self.rings.left.replace((at, shown));
        let is_more_shown = left.is_some_and(|(place, before)| place == at && before != shown);
        let rule = "no packet has to wait once more were shown";
        holds(!is_more_shown, rule, desc)?;
        Ok(true)
    }

    /// The frame of a descriptor that names a packet in a lent frame.
    fn packet(&self, desc: Desc) -> Option<u32> {
        self.frame_at(desc.addr, LENT).filter(|_| is_packet(desc))
    }

    /// The RX ring's producer word, and its slots.
    fn words_of_rx(&self) -> (u32, u32) {
        self.ring(RingKind::Rx)
            .map_or((0, 0), |rx| (rx.producer(), rx.slots()))
    }
}

/// The place of lent frames.
const LENT: Place = Place::KernelReceive;

/// Whether a descriptor names a packet inside one frame.
fn is_packet(desc: Desc) -> bool {
    let frame = u64::from(FRAME_BYTES);
    desc.addr % frame + u64::from(desc.len) <= frame && desc.options == 0
}
