//! The kernel's steps.

use xskit_core::backend::RingKind;

use super::{Oracle, Place};
use crate::config::FRAME_BYTES;
use crate::stamp::Stamp;

impl Oracle {
    /// The kernel takes up to `count` packets off the TX ring. Returns their frames.
    pub fn kernel_takes(&mut self, count: u32) -> Vec<u32> {
        let take = |_| self.pass(Place::TxRing, 0, Place::KernelSend);
        let taken: Vec<_> = (0..count).map_while(take).collect();
        self.socket.passed[RingKind::Tx as usize].consumed += taken.len() as u32;
        taken
    }

    /// The packet under way that a number means, if one can be completed.
    #[must_use]
    pub fn completable(&self, number: u8) -> Option<usize> {
        let has_room =
            self.count(Place::CompletionRing) < self.config.slots_of(RingKind::Completion);
        usize::from(number)
            .checked_rem(self.at(Place::KernelSend).len())
            .filter(|_| has_room)
    }

    /// The kernel puts a packet under way on the completion ring. Returns its frame.
    pub fn kernel_completes(&mut self, pick: usize) -> Option<u32> {
        let frame = self.pass(Place::KernelSend, pick, Place::CompletionRing)?;
        self.socket.passed[RingKind::Completion as usize].produced += 1;
        Some(frame)
    }

    /// The kernel takes the next frame off the fill ring, if there is one, and returns it.
    pub fn kernel_takes_fill(&mut self) -> Option<u32> {
        let frame = self.pass(Place::FillRing, 0, Place::KernelReceive)?;
        self.socket.passed[RingKind::Fill as usize].consumed += 1;
        Some(frame)
    }

    /// The kernel's frame that a number means, if a packet can be delivered.
    #[must_use]
    pub fn deliverable(&self, number: u8) -> Option<usize> {
        let has_room = self.has_room_on_rx();
        usize::from(number)
            .checked_rem(self.at(Place::KernelReceive).len())
            .filter(|_| has_room)
    }

    /// The kernel receives a packet into one of its frames, and puts it on the RX ring. Returns the
    /// frame.
    pub fn kernel_delivers(&mut self, pick: usize, start: u16, len: u16) -> Option<u32> {
        let frame = self.pass(Place::KernelReceive, pick, Place::RxRing)?;
        Some(self.received_into(frame, start, len))
    }

    /// The kernel receives a packet into the next frame of the fill ring, and shows only the
    /// packet. Returns the frame, if there is one and room on the RX ring.
    pub fn kernel_delivers_early(&mut self, start: u16, len: u16) -> Option<u32> {
        if !self.has_room_on_rx() {
            return None;
        }
        let frame = self.pass(Place::FillRing, 0, Place::RxRing)?;
        self.socket.early.push_back(frame);
        Some(self.received_into(frame, start, len))
    }

    /// The kernel shows which frames it took off the fill ring.
    pub fn kernel_settles(&mut self) {
        self.socket.passed[RingKind::Fill as usize].consumed += self.socket.early.len() as u32;
        self.socket.early.clear();
    }

    fn has_room_on_rx(&self) -> bool {
        self.count(Place::RxRing) + self.socket.unreleased < self.config.slots_of(RingKind::Rx)
    }

    fn received_into(&mut self, frame: u32, start: u16, len: u16) -> u32 {
        let stamp = self.next_stamp();
        self.socket.passed[RingKind::Rx as usize].produced += 1;
        let packet = &mut self.packets[frame as usize];
        packet.start = u32::from(start).min(FRAME_BYTES - 1);
        packet.len = u32::from(len).min(FRAME_BYTES - packet.start);
        packet.stamp = stamp;
        frame
    }

    /// The kernel sets or clears NEED_WAKEUP of the TX ring or of the fill ring.
    pub fn kernel_wants(&mut self, ring: RingKind, is_wanted: bool) {
        let books = &mut self.socket;
        match ring {
            _ if !books.is_open => {}
            RingKind::Tx => books.wants_kick = is_wanted,
            _ => books.wants_wake = is_wanted,
        }
    }

    /// The kernel writes into the frames that it kept when the last socket was closed.
    pub fn kernel_scribbles(&mut self) -> Vec<(u32, Stamp)> {
        let retired = self.at(Place::Retired).clone();
        retired
            .into_iter()
            .map(|frame| {
                let stamp = self.next_stamp();
                self.packets[frame as usize].stamp = stamp;
                (frame, stamp)
            })
            .collect()
    }
}

/// The program's steps with a kernel whose words count for nothing: a frame is the kernel's as soon
/// as it is on a ring, and comes back when the core says so.
impl Oracle {
    /// A held frame is sent.
    pub(crate) fn send_for_certain(&mut self, held: usize) {
        self.pass(Place::Application, held, Place::KernelSend);
    }

    /// The next free frame is lent. Returns it.
    pub(crate) fn lend_for_certain(&mut self) -> Option<u32> {
        let newest = self.at(Place::Stash).len().checked_sub(1)?;
        self.pass(Place::Stash, newest, Place::KernelReceive)
    }

    /// A frame that was sent comes back.
    pub(crate) fn reap_for_certain(&mut self, frame: u32) {
        self.pass_frame(Place::KernelSend, frame, Place::Stash);
    }

    /// A packet comes in a frame that was lent.
    pub(crate) fn receive_into(&mut self, frame: u32, start: u32, len: u32) {
        self.pass_frame(Place::KernelReceive, frame, Place::Application);
        let packet = &mut self.packets[frame as usize];
        (packet.start, packet.len) = (start, len);
    }

    fn pass_frame(&mut self, from: Place, frame: u32, to: Place) {
        let position = self.at(from).iter().position(|other| *other == frame);
        position.map(|position| self.pass(from, position, to));
    }
}
