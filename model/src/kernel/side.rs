//! The kernel's side of one socket.

use std::collections::VecDeque;
use std::mem;
use std::ptr::NonNull;

use xskit_core::Errno;
use xskit_core::abi::{Desc, RING_NEED_WAKEUP, UmemReg};
use xskit_core::backend::{Kick, RingKind};

use super::Ring;
use crate::config::FRAME_BYTES;

/// The kernel's state of one socket.
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// The registration, by this socket or by the one whose UMEM it shares.
    pub(crate) umem: Option<UmemReg>,
    pub(super) sizes: [Option<u32>; 4],
    pub(super) rings: [Option<Ring>; 4],
    pub(super) is_open: bool,
    pub(crate) is_bound: bool,
    /// Frames whose packets were shown and which are still on the fill ring.
    unsettled: u32,
    /// Frames off the fill ring, by address, in the driver's hands.
    pub(crate) receiving: VecDeque<u64>,
    /// Packets off the TX ring, under way.
    pub(crate) sending: VecDeque<Desc>,
    /// The kicks since the last look.
    pub(crate) kicks: Vec<Kick>,
}

impl Side {
    /// A socket as `socket(2)` makes it.
    pub(super) fn open() -> Self {
        Self {
            is_open: true,
            ..Self::default()
        }
    }

    /// The socket is closed. The memory of its rings stays until the next one is opened.
    pub(super) fn close(&mut self) {
        self.is_open = false;
        self.is_bound = false;
        self.unsettled = 0;
        self.receiving.clear();
        self.sending.clear();
    }

    /// A ring of the bound socket; none without one.
    pub(crate) fn ring(&self, kind: RingKind) -> Option<&Ring> {
        self.rings[kind as usize].as_ref().filter(|_| self.is_bound)
    }

    /// Maps a ring whose size was set, with these words.
    pub(super) fn map(
        &mut self,
        kind: RingKind,
        len_bytes: usize,
        words: (u32, u32),
    ) -> Result<NonNull<u8>, Errno> {
        let slots = self.sizes[kind as usize].ok_or(Errno::EINVAL)?;
        let ring = Ring::new(kind, slots, words);
        if kind == RingKind::Tx {
            // As a kernel in copy mode does: it sends only when kicked.
            ring.set_flags(RING_NEED_WAKEUP);
        }
        if len_bytes > ring.len_bytes() || self.rings[kind as usize].is_some() {
            return Err(Errno::EINVAL);
        }
        let base = ring.base();
        self.rings[kind as usize] = Some(ring);
        Ok(base)
    }

    /// Frames that a late bind would find on the fill ring mapped last. A duplicate of the
    /// descriptor can bind after the socket was given up.
    pub(crate) fn found_by_late_bind(&self) -> u32 {
        self.rings[RingKind::Fill as usize]
            .as_ref()
            .map_or(0, Ring::filled)
    }

    /// Takes up to `count` packets off the TX ring. Returns the number left.
    pub(crate) fn take(&mut self, count: u32) -> u32 {
        let Some(tx) = self.rings[RingKind::Tx as usize].as_ref() else {
            return 0;
        };
        self.sending.extend((0..count).map_while(|_| tx.take()));
        tx.filled()
    }

    /// Puts a packet under way on the completion ring, by its frame's address. False when the ring
    /// is full, or there is no packet.
    pub(crate) fn complete(&mut self, pick: usize) -> bool {
        let (Some(&desc), Some(ring)) = (self.sending.get(pick), self.ring(RingKind::Completion))
        else {
            return false;
        };
        let done = ring.put(Desc {
            addr: desc.addr,
            len: 0,
            options: 0,
        });
        if done {
            self.sending.remove(pick);
        }
        done
    }

    /// Takes up to `count` frames off the fill ring.
    pub(crate) fn take_fill(&mut self, count: u32) {
        self.settle();
        let Some(fill) = self.rings[RingKind::Fill as usize].as_ref() else {
            return;
        };
        let frames = (0..count).map_while(|_| fill.take());
        self.receiving.extend(frames.map(|desc| desc.addr));
    }

    /// Puts a packet in one of the kernel's frames on the RX ring. False if the ring is full, or
    /// there is no frame.
    pub(crate) fn deliver(&mut self, pick: usize, start: u32, len: u32) -> bool {
        self.settle();
        let (Some(&frame), Some(ring)) = (self.receiving.get(pick), self.ring(RingKind::Rx)) else {
            return false;
        };
        let frame = frame & !u64::from(FRAME_BYTES - 1);
        let done = ring.put(Desc {
            addr: frame + u64::from(start),
            len,
            options: 0,
        });
        if done {
            self.receiving.remove(pick);
        }
        done
    }

    /// Takes the next frame off the fill ring, puts a packet in it on the RX ring, and shows only
    /// the packet. False if the ring is full, or there is no frame.
    pub(crate) fn deliver_early(&mut self, start: u32, len: u32) -> bool {
        let (Some(fill), Some(rx)) = (self.ring(RingKind::Fill), self.ring(RingKind::Rx)) else {
            return false;
        };
        if self.unsettled >= fill.filled() {
            return false;
        }
        let frame = fill.entry(fill.consumer().wrapping_add(self.unsettled));
        let done = rx.put(Desc {
            addr: frame.addr + u64::from(start),
            len,
            options: 0,
        });
        self.unsettled += u32::from(done);
        done
    }

    /// Shows which frames were taken off the fill ring.
    pub(crate) fn settle(&mut self) {
        let taken = mem::take(&mut self.unsettled);
        if let Some(fill) = self.ring(RingKind::Fill).filter(|_| taken > 0) {
            fill.set_consumer(fill.consumer().wrapping_add(taken));
        }
    }

    /// Sets or clears NEED_WAKEUP of a ring.
    pub(crate) fn want_wakeup(&self, kind: RingKind, wanted: bool) {
        if let Some(ring) = self.ring(kind) {
            ring.set_flags(if wanted { RING_NEED_WAKEUP } else { 0 });
        }
    }
}
