//! The program's steps.

use xskit_core::backend::RingKind;
use xskit_core::socket::{Accounting, SendErrorKind};
use xskit_core::umem::Census;

use super::wakeups::Wakeups;
use super::{Books, Oracle, Packet, Place};
use crate::config::FRAME_BYTES;
use crate::op::OpenStep;

/// The expected outcome of opening a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// It opens, with this many frames lent.
    With(u32),
    /// Refused: it is open.
    Claimed,
    /// Refused: no frame is free, and this many are retired.
    UsedUp(u32),
    /// It fails at this step.
    Failed(OpenStep),
}

impl Oracle {
    /// The frame expected out of the stash.
    pub fn alloc(&mut self) -> Option<u32> {
        let newest = self.at(Place::Stash).len().checked_sub(1)?;
        let frame = self.pass(Place::Stash, newest, Place::Application)?;
        let packet = &mut self.packets[frame as usize];
        (packet.start, packet.len) = (0, 0);
        Some(frame)
    }

    /// The held frame that a number means.
    #[must_use]
    pub fn held(&self, number: u8) -> Option<usize> {
        usize::from(number).checked_rem(self.at(Place::Application).len())
    }

    /// Writes a packet into a held frame. `None` if the range should be refused.
    pub fn write(&mut self, held: usize, start: u16, len: u16) -> Option<Packet> {
        if u32::from(start) + u32::from(len) > FRAME_BYTES {
            return None;
        }
        let frame = self.at(Place::Application)[held];
        let packet = Packet {
            start: start.into(),
            len: len.into(),
            stamp: self.next_stamp(),
        };
        self.packets[frame as usize] = packet;
        Some(packet)
    }

    /// A held frame is sent.
    ///
    /// # Errors
    /// The expected refusal.
    pub fn send(&mut self, held: usize) -> Result<(), SendErrorKind> {
        let frame = self.at(Place::Application)[held];
        if self.packet(frame).len == 0 {
            return Err(SendErrorKind::Empty);
        }
        if self.room() == 0 {
            return Err(SendErrorKind::Full);
        }
        self.pass(Place::Application, held, Place::Sent);
        self.socket.sent += 1;
        Ok(())
    }

    /// Packets that the TX ring should take.
    #[must_use]
    pub fn room(&self) -> u32 {
        let slots = self.config.slots_of(RingKind::Tx);
        slots - self.count(Place::Sent) - self.count(Place::TxRing)
    }

    /// A held frame is dropped.
    pub fn drop_frame(&mut self, held: usize) {
        self.pass(Place::Application, held, Place::Stash);
    }

    /// Packets on the RX ring that the program can receive: those whose frames the kernel has shown
    /// to be off the fill ring. The others came last.
    #[must_use]
    pub fn receivable(&self) -> usize {
        let early = |frame: &&u32| self.socket.early.contains(frame);
        let on_ring = self.at(Place::RxRing);
        on_ring.len() - on_ring.iter().filter(early).count()
    }

    /// Receives the next packet, if one can be received.
    pub fn receive(&mut self) -> Option<u32> {
        if self.receivable() == 0 {
            return None;
        }
        let frame = self.pass(Place::RxRing, 0, Place::Application)?;
        self.socket.unreleased += 1;
        self.socket.received += 1;
        Some(frame)
    }

    /// The slots of packets that were taken go back to the kernel.
    pub fn release_rx(&mut self) {
        self.socket.passed[RingKind::Rx as usize].consumed += self.socket.unreleased;
        self.socket.unreleased = 0;
    }

    /// Up to `count` packets are lost with a leaked iterator.
    pub fn lose(&mut self, count: u32) {
        for _ in 0..count {
            if self.pass(Place::RxRing, 0, Place::Lost).is_none() {
                break;
            }
            self.socket.unreleased += 1;
        }
    }

    /// Whether there is a packet to receive.
    #[must_use]
    pub fn has_received(&self) -> bool {
        self.count(Place::RxRing) > 0
    }

    /// Whether at least half of the TX ring is free.
    #[must_use]
    pub fn is_half_empty(&self) -> bool {
        let used = self.count(Place::Sent) + self.count(Place::TxRing);
        used <= self.config.slots_of(RingKind::Tx) / 2
    }

    /// Lends frames. Returns the expected number.
    pub fn refill(&mut self) -> u32 {
        let fill_slots = self.config.slots_of(RingKind::Fill);
        let mut lent = 0;
        while self.lent() < self.socket.target && self.on_fill_ring() < fill_slots {
            let Some(newest) = self.at(Place::Stash).len().checked_sub(1) else {
                break;
            };
            self.pass(Place::Stash, newest, Place::FillRing);
            lent += 1;
        }
        self.socket.passed[RingKind::Fill as usize].produced += lent;
        lent
    }

    /// Takes frames back. Returns the expected number.
    pub fn reap(&mut self) -> u32 {
        let reaped = self.pass_all(Place::CompletionRing, Place::Stash);
        self.socket.passed[RingKind::Completion as usize].consumed += reaped;
        self.socket.completed += u64::from(reaped);
        reaped
    }

    /// What was sent is shown to the kernel.
    pub fn publish(&mut self) {
        let shown = self.pass_all(Place::Sent, Place::TxRing);
        self.socket.passed[RingKind::Tx as usize].produced += shown;
    }

    /// Frames of the kernel's to receive into.
    pub(super) fn lent(&self) -> u32 {
        self.socket.lent()
    }

    /// The expected number of frames per owner.
    #[must_use]
    pub fn census(&self) -> Census {
        let mut census = Census::default();
        census.stash = self.count(Place::Stash);
        census.application = self.count(Place::Application);
        census.receive = self.socket.lent() + self.other.lent();
        census.transmit = self.socket.sending() + self.other.sending();
        census.retired = self.count(Place::Retired);
        census
    }

    /// The expected accounting of the socket.
    #[must_use]
    pub fn accounting(&self) -> Accounting {
        // A frame whose packet was shown early is on two rings at once.
        let on_rings = self.on_fill_ring() + self.count(Place::RxRing);
        let lent = self.lent();
        let mut accounting = Accounting::default();
        accounting.stash = self.count(Place::Stash);
        accounting.application = self.count(Place::Application);
        accounting.fill = self.on_fill_ring();
        accounting.rx = self.count(Place::RxRing);
        accounting.receiving = lent.saturating_sub(on_rings);
        accounting.tx = self.count(Place::Sent) + self.count(Place::TxRing);
        accounting.completion = self.count(Place::CompletionRing);
        accounting.sending = self.count(Place::KernelSend);
        accounting.elsewhere = self.other.lent() + self.other.sending();
        accounting.retired = self.count(Place::Retired);
        accounting.frames = self.config.frames;
        accounting.excess = on_rings.saturating_sub(lent);
        accounting
    }

    /// The socket is dropped: the frames that the kernel has by it are retired. The other one
    /// stays open.
    pub fn close(&mut self) {
        self.socket.is_open = false;
        self.socket.early.clear();
        for place in Place::OF_KERNEL {
            self.pass_all(place, Place::Retired);
        }
    }

    /// Opens the socket, over the UMEM of the other one if that is open. Returns the expected
    /// outcome.
    pub fn open(&mut self, refused: Option<OpenStep>) -> Opened {
        if self.socket.is_open {
            return Opened::Claimed;
        }
        let is_shared = self.other.is_open;
        let retired = self.count(Place::Retired);
        if !is_shared && self.count(Place::Stash) == 0 && retired > 0 {
            return Opened::UsedUp(retired);
        }
        self.socket.target = self.target(is_shared);
        // A UMEM is registered once.
        match refused.filter(|step| !(is_shared && *step == OpenStep::Register)) {
            None => {
                let number = u32::from(is_shared && self.other.number == 0);
                self.socket = Books::open(number, self.socket.target);
                let filled = self.refill();
                // A socket that shares a UMEM lends frames once it is bound.
                let at_bind = if is_shared { 0 } else { filled };
                self.socket.wakeups = Wakeups::new(at_bind);
                Opened::With(filled)
            }
            Some(step) => {
                match step {
                    _ if is_shared => {}
                    // Frames were lent before the step, and are taken off the fill ring again.
                    OpenStep::Bind => self.lend_and_take_back(),
                    // The kernel may have begun to use them.
                    OpenStep::BoundElsewhere | OpenStep::Confirm => {
                        self.refill();
                        self.pass_all(Place::FillRing, Place::Retired);
                    }
                    _ => {}
                }
                Opened::Failed(step)
            }
        }
    }

    /// How many frames the kernel of a new socket is to have to receive into: half of those that
    /// are free, unless the program says.
    fn target(&self, is_shared: bool) -> u32 {
        let frames = match is_shared {
            true => self.count(Place::Stash),
            false => self.config.frames,
        };
        let target = self.config.fill_frames.unwrap_or(frames.div_ceil(2));
        let fill_slots = self.config.slots_of(RingKind::Fill);
        target.min(fill_slots).min(self.config.frames)
    }

    /// Lent frames come back in the order of their numbers.
    fn lend_and_take_back(&mut self) {
        self.refill();
        self.at_mut(Place::FillRing)
            .make_contiguous()
            .sort_unstable();
        self.pass_all(Place::FillRing, Place::Stash);
    }
}
