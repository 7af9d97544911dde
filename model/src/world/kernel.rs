//! The kernel's steps, on the shared memory and on the oracle.

use std::mem;

use xskit_core::backend::RingKind;

use super::World;
use crate::difference::{Agreed, agree};
use crate::kernel::Ring;

impl World<'_> {
    pub(super) fn kernel_takes(&mut self, count: u8) -> Agreed {
        if self.socket.is_none() {
            return Ok(());
        }
        self.kernel.side().take(count.into());
        self.taken(count.into())
    }

    /// Compares the packets that the kernel took off the TX ring since the last look: the next
    /// ones, `most` at most.
    pub(super) fn taken(&mut self, most: u32) -> Agreed {
        let taken = mem::take(&mut self.kernel.side().taken);
        let frames = self.oracle.kernel_takes(most).into_iter();
        let should_be = frames.map(|frame| self.entry_of(RingKind::Tx, frame));
        agree("packets that the kernel took", taken, should_be.collect())
    }

    pub(super) fn kernel_completes(&mut self, pick: u8, count: u8) -> Agreed {
        for _ in 0..count {
            let pick = self.oracle.completable(pick);
            let Some(frame) = pick.and_then(|pick| self.oracle.kernel_completes(pick)) else {
                break;
            };
            self.put(RingKind::Completion, frame)?;
        }
        Ok(())
    }

    pub(super) fn kernel_takes_fill(&mut self, count: u8) -> Agreed {
        self.kernel_settles();
        for _ in 0..count {
            let Some(frame) = self.oracle.kernel_takes_fill() else {
                break;
            };
            let taken = self.kernel.side().ring(RingKind::Fill).and_then(Ring::take);
            let should_be = Some(self.entry_of(RingKind::Fill, frame));
            agree("frame that the kernel took", taken, should_be)?;
        }
        Ok(())
    }

    pub(super) fn kernel_delivers(&mut self, pick: u8, start: u16, len: u16) -> Agreed {
        let Some(pick) = self.oracle.deliverable(pick) else {
            return Ok(());
        };
        self.kernel_settles();
        match self.oracle.kernel_delivers(pick, start, len) {
            Some(frame) => self.receive_into(frame),
            None => Ok(()),
        }
    }

    pub(super) fn kernel_delivers_early(&mut self, count: u8, start: u16, len: u16) -> Agreed {
        // The kernel shows what it took for one batch before it shows the next.
        self.kernel_settles();
        for _ in 0..count {
            let Some(frame) = self.oracle.kernel_delivers_early(start, len) else {
                break;
            };
            self.receive_into(frame)?;
        }
        Ok(())
    }

    /// The kernel shows which frames it took off the fill ring.
    pub(super) fn kernel_settles(&mut self) {
        if let Some(fill) = self.kernel.side().ring(RingKind::Fill) {
            let taken = self.oracle.socket.early.len() as u32;
            fill.set_consumer(fill.consumer().wrapping_add(taken));
        }
        self.oracle.kernel_settles();
    }

    pub(super) fn kernel_wants(&mut self, ring: RingKind, is_wanted: bool) {
        self.kernel.side().want_wakeup(ring, is_wanted);
        self.oracle.kernel_wants(ring, is_wanted);
    }

    /// The kernel writes a frame's packet, and shows it.
    fn receive_into(&mut self, frame: u32) -> Agreed {
        let stamp = self.oracle.packet(frame).stamp;
        self.umem.memory().write(frame, stamp);
        self.put(RingKind::Rx, frame)
    }

    /// The kernel puts a frame on a ring.
    fn put(&mut self, kind: RingKind, frame: u32) -> Agreed {
        let (kernel, entry) = (self.kernel.side(), self.entry_of(kind, frame));
        let done = kernel.ring(kind).is_some_and(|ring| ring.put(entry));
        agree("room on a ring of the kernel's", done, true)
    }
}
