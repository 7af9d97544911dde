//! The kernel's steps, on the shared memory and on the oracle.

use xskit_core::backend::RingKind;

use super::World;
use crate::difference::{Difference, agree};

impl World<'_> {
    pub(super) fn kernel_takes(&mut self, count: u8) -> Result<(), Difference> {
        if self.socket.is_some() {
            self.kernel.side().take(count.into());
            self.oracle.kernel_takes(count.into());
        }
        Ok(())
    }

    pub(super) fn kernel_completes(&mut self, pick: u8, count: u8) -> Result<(), Difference> {
        for _ in 0..count {
            let Some(pick) = self.oracle.completable(pick) else {
                break;
            };
            let done = self.kernel.side().complete(pick);
            agree("room on the completion ring", done, true)?;
            self.oracle.kernel_completes(pick);
        }
        Ok(())
    }

    pub(super) fn kernel_takes_fill(&mut self, count: u8) -> Result<(), Difference> {
        if self.socket.is_some() {
            self.kernel.side().take_fill(count.into());
            self.oracle.kernel_takes_fill(count.into());
        }
        Ok(())
    }

    pub(super) fn kernel_delivers(
        &mut self,
        pick: u8,
        start: u16,
        len: u16,
    ) -> Result<(), Difference> {
        let Some(pick) = self.oracle.deliverable(pick) else {
            return Ok(());
        };
        let Some(frame) = self.oracle.kernel_delivers(pick, start, len) else {
            return Ok(());
        };
        let packet = self.oracle.packet(frame);
        self.umem.memory().write(frame, packet.stamp);
        let done = self.kernel.side().deliver(pick, packet.start, packet.len);
        agree("room on the RX ring", done, true)
    }

    pub(super) fn kernel_delivers_early(
        &mut self,
        count: u8,
        start: u16,
        len: u16,
    ) -> Result<(), Difference> {
        if self.socket.is_none() {
            return Ok(());
        }
        // The kernel shows what it took for one batch before it shows the next.
        self.kernel_settles()?;
        for _ in 0..count {
            let Some(frame) = self.oracle.kernel_delivers_early(start, len) else {
                break;
            };
            let packet = self.oracle.packet(frame);
            self.umem.memory().write(frame, packet.stamp);
            let done = self.kernel.side().deliver_early(packet.start, packet.len);
            agree("room on the RX ring", done, true)?;
        }
        Ok(())
    }

    pub(super) fn kernel_settles(&mut self) -> Result<(), Difference> {
        self.kernel.side().settle();
        self.oracle.kernel_settles();
        Ok(())
    }

    pub(super) fn kernel_wants_kick(&mut self, wanted: bool) -> Result<(), Difference> {
        self.kernel.side().want_wakeup(RingKind::Tx, wanted);
        self.oracle.kernel_wants_kick(wanted);
        Ok(())
    }

    pub(super) fn kernel_wants_wake(&mut self, wanted: bool) -> Result<(), Difference> {
        self.kernel.side().want_wakeup(RingKind::Fill, wanted);
        self.oracle.kernel_wants_wake(wanted);
        Ok(())
    }
}
